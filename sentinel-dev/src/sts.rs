//! `/sts`: the part of AWS STS that returns the owner of credentials. The AWS Query protocol: form or query parameters in, XML out.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
//! <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>

use chrono::{DateTime, Utc};
use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue};
use sentinel_sigv4::SignatureError;

use crate::callers::Callers;
use crate::event::{Request, Signer};
use crate::response::Response;

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const VERSION: &str = "2011-06-15";

/// An error as STS returns it.
struct Error {
    status: StatusCode,
    code: &'static str,
    message: String,
}

/// Responds to a request to `/sts`.
pub(crate) fn serve(request: &Request, callers: &Callers, now: DateTime<Utc>) -> Response {
    let result = callers
        .signer(request, "sts", now)
        .map_err(|refusal| refused(&refusal))
        .and_then(|signer| perform(request, &signer));
    let (status, body) = match result {
        Ok(body) => (StatusCode::OK, body),
        Err(Error { status, code, message }) => (
            status,
            format!(
                "<ErrorResponse xmlns=\"{NAMESPACE}\">\n  <Error>\n    <Type>Sender</Type>\n    \
                 <Code>{code}</Code>\n    <Message>{}</Message>\n  </Error>\n  \
                 <RequestId>{}</RequestId>\n</ErrorResponse>\n",
                escape(&message),
                request.request_id
            ),
        ),
    };
    let mut response = crate::response::response(status, "text/xml", body);
    if let Ok(id) = HeaderValue::from_str(&request.request_id) {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    response
}

/// The action is a parameter of the form or of the query.
fn perform(request: &Request, signer: &Signer) -> Result<String, Error> {
    let parameters =
        if request.method == "POST" { &request.body } else { request.query.as_bytes() };
    let parameter = |required: &str| {
        form_urlencoded::parse(parameters)
            .find(|(name, _)| name == required)
            .map(|(_, value)| value.into_owned())
    };
    let Some(action) = parameter("Action") else {
        return Err(Error {
            status: StatusCode::BAD_REQUEST,
            code: "MissingAction",
            message: "the parameter Action is missing".to_owned(),
        });
    };
    let version = parameter("Version").unwrap_or_default();
    if action != "GetCallerIdentity" || version != VERSION {
        return Err(Error {
            status: StatusCode::BAD_REQUEST,
            code: "InvalidAction",
            message: format!(
                "Could not find operation {action} for version {version}: this server \
                 supports only GetCallerIdentity of {VERSION}"
            ),
        });
    }
    Ok(format!(
        "<GetCallerIdentityResponse xmlns=\"{NAMESPACE}\">\n  <GetCallerIdentityResult>\n    \
         <Arn>{}</Arn>\n    <UserId>{}</UserId>\n    <Account>{}</Account>\n  \
         </GetCallerIdentityResult>\n  <ResponseMetadata>\n    <RequestId>{}</RequestId>\n  \
         </ResponseMetadata>\n</GetCallerIdentityResponse>\n",
        escape(&signer.arn),
        escape(&signer.user_id),
        escape(&signer.account),
        request.request_id
    ))
}

/// STS's own codes for errors in a signature.
fn refused(refusal: &SignatureError) -> Error {
    let (status, code, message) = refusal.as_sts();
    Error { status: StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN), code, message }
}

/// Text in XML 1.0, which cannot represent most control characters.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
