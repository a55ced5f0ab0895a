//! The TVM's answer when it says no.

use std::fmt;

use serde::Deserialize;

use crate::screen::printable;

/// What the TVM answered instead of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The code, such as `POLICY_DENY`.
    pub code: String,
    /// What to do next.
    pub message: String,
    /// What to name when asking somebody about it.
    pub request_id: String,
    /// What else the caller may know about it, a line each.
    pub details: Vec<String>,
}

/// Sentinel's errors, and API Gateway's own, which have a `message` alone.
#[derive(Default, Deserialize)]
struct Wire {
    #[serde(default, rename = "Code")]
    code: String,
    #[serde(default, rename = "Message", alias = "message")]
    message: String,
    #[serde(default, rename = "RequestId")]
    request_id: String,
}

impl Refused {
    /// Reads the body of an answer; whatever it is, something can be said.
    pub(crate) fn read(status: u16, body: &[u8]) -> Self {
        let Wire { code, message, request_id } =
            serde_json::from_slice(body).unwrap_or_else(|_| Wire::default());
        let message = if message.is_empty() {
            "the address does not answer like a Sentinel TVM".to_owned()
        } else {
            printable(&message)
        };
        let code = if code.is_empty() { format!("HTTP {status}") } else { printable(&code) };
        Self { status, code, message, request_id: printable(&request_id), details: Vec::new() }
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> String {
        serde_json::json!({
            "code": self.code,
            "message": self.message,
            "request_id": self.request_id,
            "details": self.details,
        })
        .to_string()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        if !self.request_id.is_empty() {
            write!(f, " (request {})", self.request_id)?;
        }
        for detail in &self.details {
            write!(f, "\n  {detail}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_sentinel_and_of_api_gateway_are_read() {
        let body = br#"{"Code":"POLICY_DENY","Message":"ask carol","RequestId":"r-1"}"#;
        let refused = Refused::read(403, body);
        assert_eq!(refused.to_string(), "POLICY_DENY: ask carol (request r-1)");
        assert_eq!(
            Refused::read(403, br#"{"message":"Forbidden"}"#).to_string(),
            "HTTP 403: Forbidden"
        );
        assert_eq!(Refused::read(502, b"<html>").code, "HTTP 502");
    }

    #[test]
    fn a_hostile_answer_cannot_drive_the_terminal() {
        let body = br#"{"Code":"X","Message":"\u001b[2Jgone"}"#;
        assert!(!Refused::read(403, body).to_string().contains('\u{1b}'));
    }
}
