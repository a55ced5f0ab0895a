//! Responses: credentials, or an error in the format that the AWS SDKs show.

use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use http_body_util::Full;
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use sentinel_client::ClientError;
use sentinel_wire::rfc3339;
use serde::Serialize;

use super::request::Refusal;
use crate::output::{Failure, Refused};

pub(super) type Response = hyper::Response<Full<Bytes>>;

/// The code of every error that is not a response of Sentinel.
const UNAVAILABLE: &str = "CREDENTIALS_UNAVAILABLE";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    expiration: String,
}

/// Credentials. `None` if they have no token or no expiration, which vended ones always have.
pub(super) fn credentials(vended: &aws_credential_types::Credentials) -> Option<Response> {
    let body = Credentials {
        access_key_id: vended.access_key_id(),
        secret_access_key: vended.secret_access_key(),
        token: vended.session_token()?,
        expiration: rfc3339::seconds(DateTime::<Utc>::from(vended.expiry()?)),
    };
    Some(json(StatusCode::OK, serde_json::to_vec(&body).ok()?))
}

/// Why there are no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    code: String,
    message: String,
    request_id: String,
    retry_after: Option<u64>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let (code, message) = (code.to_owned(), message.into());
        Self { status, code, message, request_id: String::new(), retry_after: None }
    }

    /// Whether the reason is the same. Requests for the same reason have different ids.
    pub(super) fn is_same_reason(&self, other: &Self) -> bool {
        (&self.code, &self.message) == (&other.code, &other.message)
    }

    /// Why a request gets no credentials. `local` is the address of the endpoint.
    pub(super) fn refused(refusal: Refusal, local: SocketAddr) -> Self {
        match refusal {
            Refusal::Host => {
                let message = format!("send requests to `http://{local}`, not to a host name");
                Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", message)
            }
            Refusal::Method => {
                let (status, code) = (StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED");
                Self::new(status, code, "the method is GET")
            }
            Refusal::Path => Self::new(
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "no profile has this path: use the value of AWS_CONTAINER_CREDENTIALS_FULL_URI",
            ),
            Refusal::Token => Self::new(
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "the token is wrong: AWS_CONTAINER_AUTHORIZATION_TOKEN must be the one that \
                 `sentinel` set or printed when it started",
            ),
        }
    }

    /// A fault of this process.
    pub(super) fn internal(message: &str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message)
    }

    /// The response. The AWS SDK for JavaScript reads the names with a capital letter, the others read
    /// those of the protocol.
    pub(super) fn response(self) -> Response {
        let Self { status, code, mut message, request_id, retry_after } = self;
        if !request_id.is_empty() {
            message = format!("{message} (request {request_id})");
        }
        let body = serde_json::json!({
            "code": code,
            "message": message,
            "Code": code,
            "Message": message,
        });
        let mut response = json(status, body.to_string().into_bytes());
        let headers = response.headers_mut();
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
        }
        response
    }
}

/// The refusal of the TVM with its next step, or why the TVM has not responded.
impl From<&ClientError> for Problem {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every other error is not a response of the TVM"
    )]
    fn from(error: &ClientError) -> Self {
        let response = match error {
            ClientError::Invalid(response)
            | ClientError::Refused(response)
            | ClientError::Failed(response) => response,
            error => {
                let message = Failure::from(error).to_string();
                return Self::new(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, message);
            }
        };
        // The SDKs request again after 5xx, and after 4xx only if they do so always.
        let status = match StatusCode::from_u16(response.status) {
            Ok(status) if status.is_client_error() => status,
            Ok(_) | Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        let Refused { code, message, request_id, .. } = Refused::from(response);
        Self { status, code, message, request_id, retry_after: response.retry_after }
    }
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
