//! The AWS Query protocol: a form as request, XML as answer, and errors in STS's format.
//!
//! - <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>
//! - <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>

use std::collections::BTreeMap;

use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use crate::server::{Body, whole};

/// STS's only version.
pub(super) const VERSION: &str = "2011-06-15";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The parameters of a request, each at most once.
#[derive(Clone, Debug, Default)]
pub(super) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads a form. A repeated parameter is an error.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Error> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(body) {
            if parameters.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(Error::new(
                    400,
                    "MalformedQueryString",
                    format!("the parameter {name} is repeated"),
                ));
            }
        }
        Ok(Self(parameters))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// `PREFIX1`, `PREFIX2` and so on.
    pub(super) fn list(&self, prefix: &str) -> Vec<String> {
        (1..).map_while(|number| self.0.get(&format!("{prefix}{number}")).cloned()).collect()
    }

    /// The parameters that may be shown. The external id is omitted, because it must be kept
    /// confidential.
    pub(super) fn shown(&self) -> BTreeMap<String, String> {
        let mut shown = self.0.clone();
        shown.remove("ExternalId");
        shown
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// An error in STS's format.
#[derive(Clone, Debug)]
pub(super) struct Error {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Error {
    pub(super) fn new(status: u16, code: &'static str, message: String) -> Self {
        Self { status, code, message }
    }

    pub(super) fn validation(message: String) -> Self {
        Self::new(400, "ValidationError", message)
    }

    pub(super) fn parameter(message: String) -> Self {
        Self::new(400, "InvalidParameterValue", message)
    }

    pub(super) fn malformed_policy(message: String) -> Self {
        Self::new(400, "MalformedPolicyDocument", message)
    }

    pub(super) fn packed_too_large(percent: usize) -> Self {
        Self::new(
            400,
            "PackedPolicyTooLarge",
            format!(
                "Packed policy consumes {percent}% of allotted space, please use smaller policy."
            ),
        )
    }

    pub(super) fn denied(message: String) -> Self {
        Self::new(403, "AccessDenied", message)
    }

    fn body(&self, request_id: &str) -> String {
        let kind = if self.status < 500 { "Sender" } else { "Receiver" };
        element(
            &format!("ErrorResponse xmlns=\"{NAMESPACE}\""),
            &[
                element(
                    "Error",
                    &[
                        text_element("Type", kind),
                        text_element("Code", self.code),
                        text_element("Message", &self.message),
                    ],
                ),
                text_element("RequestId", request_id),
            ],
        )
    }
}

/// The response with the result of an operation, or with an error.
pub(super) fn answer(
    result: &Result<(&'static str, String), Error>,
    request_id: &str,
) -> Response<Body> {
    let (status, body) = match result {
        Ok((operation, result)) => {
            let metadata = element("ResponseMetadata", &[text_element("RequestId", request_id)]);
            let opening = format!("{operation}Response xmlns=\"{NAMESPACE}\"");
            (200, element(&opening, &[result.clone(), metadata]))
        }
        Err(error) => (error.status, error.body(request_id)),
    };
    let mut answer = Response::new(whole(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        answer.headers_mut().insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    answer
}

/// An element that contains other elements; `opening` may contain attributes.
pub(super) fn element(opening: &str, inside: &[String]) -> String {
    let name = opening.split(' ').next().unwrap_or(opening);
    format!("<{opening}>{}</{name}>", inside.concat())
}

/// An element that contains text.
pub(super) fn text_element(name: &str, text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // Characters that XML 1.0 cannot represent.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    format!("<{name}>{escaped}</{name}>")
}
