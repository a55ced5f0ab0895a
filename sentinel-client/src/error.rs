//! Errors of a client, by what its caller can do.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use chrono::{DateTime, Utc};
use sentinel_wire::{EndlessList, ErrorBody, ErrorCode, rfc3339};
use serde::Deserialize;

/// Why a request has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The request is invalid (400): change it.
    #[error("{0}")]
    Invalid(ErrorResponse),
    /// The TVM refused the request (401 to 499): it will refuse the same request again, until the
    /// policy, an approval or an operator allows it.
    #[error("{0}")]
    Refused(ErrorResponse),
    /// The TVM failed, or received too many requests: the same request may be allowed later.
    #[error("the TVM failed: {0}")]
    Failed(ErrorResponse),
    /// The address is that of a server, but not of a TVM.
    #[error(
        "there is no TVM at {address}: {response}; the address is the TVM's base URL, with the stage \
         if the API has one, and without a route"
    )]
    WrongAddress {
        /// The address.
        address: String,
        /// The response.
        response: ErrorResponse,
    },
    /// The response is not Sentinel's.
    #[error(
        "the response of {address} is not one of a Sentinel TVM (status {status}, content type \
         {content_type}): check the address, and whether a proxy, a firewall or a login page \
         responds in its place"
    )]
    NotSentinel {
        /// The address.
        address: String,
        /// The HTTP status.
        status: u16,
        /// The `Content-Type`, or `none`.
        content_type: String,
    },
    /// The TVM cannot be reached, or did not respond in time.
    #[error("cannot reach {address}")]
    Unreachable {
        /// The address.
        address: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// There are no AWS credentials to sign with.
    #[error("cannot get AWS credentials to sign with")]
    Credentials(#[from] CredentialsError),
    /// The request cannot be created or signed.
    #[error("{what}")]
    Unsendable {
        /// The step that failed.
        what: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The credentials that the TVM returned have expired according to this machine's clock.
    #[error(
        "the TVM returned credentials that expired at {}, and this machine's clock shows {}: set the \
         clock if it is wrong (`timedatectl`, or the date settings), otherwise report it to the TVM's \
         administrator", rfc3339::seconds(*expiration), rfc3339::seconds(*now)
    )]
    Expired {
        /// The end of the credentials.
        expiration: DateTime<Utc>,
        /// The time on this machine.
        now: DateTime<Utc>,
    },
    /// A list of the TVM does not end.
    #[error("cannot read a list of the TVM")]
    EndlessList(#[from] EndlessList),
}

impl ClientError {
    /// The time after which a retry can succeed. `None` if the TVM names none.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Invalid(response) | Self::Refused(response) | Self::Failed(response) => {
                response.retry_after.map(Duration::from_secs)
            }
            Self::WrongAddress { .. }
            | Self::NotSentinel { .. }
            | Self::Unreachable { .. }
            | Self::Credentials(_)
            | Self::Unsendable { .. }
            | Self::Expired { .. }
            | Self::EndlessList(_) => None,
        }
    }

    /// Whether the same request may succeed later without any change.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Failed(_) | Self::Unreachable { .. } | Self::NotSentinel { .. } => true,
            Self::Invalid(_)
            | Self::Refused(_)
            | Self::WrongAddress { .. }
            | Self::Credentials(_)
            | Self::Unsendable { .. }
            | Self::Expired { .. }
            | Self::EndlessList(_) => false,
        }
    }
}

/// An error response of a TVM, or of the API in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorResponse {
    /// The HTTP status.
    pub status: u16,
    /// The code, such as `POLICY_DENY`, or `HTTP 403` if API Gateway refused the request.
    pub code: String,
    /// What to do next, for people.
    pub message: String,
    /// The id to quote when the error is reported. Empty if there is none.
    pub request_id: String,
    /// The time after which a retry can succeed, in seconds. `None` if the TVM names none.
    pub retry_after: Option<u64>,
}

/// The body of API Gateway's own errors, which contain only a message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gateway {
    #[serde(alias = "Message")]
    message: String,
}

impl ErrorResponse {
    /// An error response with that status and body.
    #[must_use]
    pub fn new(status: u16, body: ErrorBody) -> Self {
        let ErrorBody { code, message, request_id, .. } = body;
        let [code, message, request_id] = [code, message, request_id].map(|text| visible(&text));
        Self { status, code, message, request_id, retry_after: None }
    }

    /// The same response with the time after which a retry can succeed, in seconds.
    #[must_use]
    pub fn with_retry_after(self, retry_after: impl Into<Option<u64>>) -> Self {
        Self { retry_after: retry_after.into(), ..self }
    }

    /// Reads the body of a response. `None` if it is neither Sentinel's nor API Gateway's.
    #[must_use]
    pub fn read(status: u16, body: &[u8]) -> Option<Self> {
        let body = match serde_json::from_slice(body) {
            Ok(body) => body,
            Err(_) => {
                let Gateway { message } = serde_json::from_slice(body).ok()?;
                ErrorBody::new(format!("HTTP {status}"), message, "")
            }
        };
        Some(Self::new(status, body))
    }

    /// Whether the error is one of Sentinel, and not of the API or a proxy in front of it.
    #[must_use]
    pub fn is_of_sentinel(&self) -> bool {
        !self.code.starts_with("HTTP ")
    }

    /// Whether the response has that code.
    #[must_use]
    pub fn is(&self, code: ErrorCode) -> bool {
        self.code == code.as_str()
    }

    /// Whether the route does not exist: the response of the TVM, of an HTTP API, or of a REST API.
    /// An unknown session is `NOT_FOUND` too.
    fn is_wrong_path(&self) -> bool {
        match (self.status, self.code.as_str()) {
            (404, "NOT_FOUND") => self.message.starts_with("there is no such path"),
            (405, "METHOD_NOT_ALLOWED") | (404, "HTTP 404") => true,
            (403, "HTTP 403") => self.message == "Missing Authentication Token",
            _ => false,
        }
    }

    /// The error that this response of the TVM at `address` means.
    pub(crate) fn into_error(self, address: String) -> ClientError {
        if self.is_wrong_path() {
            return ClientError::WrongAddress { address, response: self };
        }
        match self.status {
            400 => ClientError::Invalid(self),
            // This is not a decision: the same request may be allowed later. Break-glass quotas and
            // cooldowns are also 429, but they are refusals.
            429 if matches!(self.code.as_str(), "RATE_LIMITED" | "HTTP 429") => {
                ClientError::Failed(self)
            }
            401..=499 => ClientError::Refused(self),
            _ => ClientError::Failed(self),
        }
    }
}

/// Text of a server, without characters that could control a terminal or reorder the text.
pub(crate) fn visible(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect()
}

impl fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if !self.request_id.is_empty() {
            write!(f, " (request {})", self.request_id)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_sentinel_and_of_api_gateway_are_read() {
        let body = br#"{"Code":"POLICY_DENY","Message":"contact carol","RequestId":"r-1"}"#;
        let response = ErrorResponse::read(403, body).unwrap();
        assert_eq!(response.to_string(), "POLICY_DENY: contact carol (request r-1)");
        assert!(response.is(ErrorCode::PolicyDeny));
        assert_eq!(
            ErrorResponse::read(403, br#"{"message":"Forbidden"}"#).unwrap().to_string(),
            "HTTP 403: Forbidden"
        );
        for other in ["<html>", "", "[]", "{}", r#"{"error":"x"}"#, r#"{"message":"x","code":1}"#] {
            assert_eq!(ErrorResponse::read(502, other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn text_of_a_server_cannot_control_a_terminal() {
        let body = br#"{"Code":"X","Message":"\u001b[2Jgone\u202e"}"#;
        let shown = ErrorResponse::read(403, body).unwrap().to_string();
        assert_eq!(shown, "X: \u{fffd}[2Jgone\u{fffd}");
    }
}
