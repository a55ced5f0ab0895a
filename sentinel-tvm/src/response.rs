//! The response, in the form that API Gateway and function URLs both accept.

use std::collections::BTreeMap;

use sentinel_broker::{Denial, Vended};
use sentinel_wire::{ErrorBody, header};
use serde::Serialize;
use serde_json::json;

/// A response to an event.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Response {
    /// The HTTP status.
    pub status_code: u16,
    /// The headers. Their names are in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body: a JSON object.
    pub body: String,
    /// Whether the body is encoded. Always false.
    pub is_base64_encoded: bool,
}

impl Response {
    /// A response with that status and body. No cache on the way may store it.
    pub(crate) fn json(status_code: u16, body: &impl Serialize) -> Self {
        let (status_code, body) = match serde_json::to_string(body) {
            Ok(body) => (status_code, body),
            // No body can fail today. If one does, its content is not sent.
            Err(_) => (500, json!({ "Code": "INTERNAL_ERROR" }).to_string()),
        };
        let headers = [("content-type", "application/json"), ("cache-control", "no-store")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self { status_code, headers: headers.into(), body, is_base64_encoded: false }
    }

    /// The response to a vend.
    pub(crate) fn vended(vended: &Vended) -> Self {
        let response =
            Self::json(200, &vended.credentials).with(header::DURATION_BOUND, vended.cap.as_str());
        match &vended.session {
            Some(session) => response.with(header::SESSION_ID, &session.reveal()),
            None => response,
        }
    }

    /// A refusal.
    pub(crate) fn denial(denial: &Denial, request_id: &str) -> Self {
        let Denial { code, message, retry_after, .. } = denial;
        let response =
            Self::json(code.status(), &ErrorBody::new(code.as_str(), message, request_id));
        match retry_after {
            Some(seconds) => response.with("retry-after", &seconds.to_string()),
            None => response,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }
}

/// Without headers and body, which may contain credentials.
impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Response").field("status_code", &self.status_code).finish_non_exhaustive()
    }
}
