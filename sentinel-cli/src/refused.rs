//! The TVM's response if it refuses a request.

use std::fmt;

use serde::Deserialize;

use crate::screen::printable;

/// A refusal of the TVM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The code, such as `POLICY_DENY`.
    pub code: String,
    /// What to do next.
    pub message: String,
    /// The id to quote when reporting the refusal.
    pub request_id: String,
    /// Further details that the caller may see, one per line.
    pub details: Vec<String>,
}

/// The body of Sentinel's errors.
#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "Code")]
    code: String,
    #[serde(rename = "Message")]
    message: String,
    #[serde(default, rename = "RequestId")]
    request_id: String,
}

/// The body of API Gateway's own errors, which contain only a message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gateway {
    #[serde(alias = "Message")]
    message: String,
}

/// The routes and fields that messages of the TVM name, with the commands and
/// options that replace them here.
const COMMANDS: [(&str, &str); 7] = [
    ("`GET /profiles`", "`sentinel profiles`"),
    ("`GET /sessions`", "`sentinel sessions list`"),
    ("`GET /whoami`", "`sentinel whoami`"),
    ("`user`", "`--user`"),
    ("`profile`", "`--profile`"),
    ("`session`", "`--session`"),
    ("`for_s`", "`--for`"),
];

impl Refused {
    /// Reads the body of a response. `None` if it is neither Sentinel's nor API
    /// Gateway's.
    pub(crate) fn read(status: u16, body: &[u8]) -> Option<Self> {
        let Wire { code, message, request_id } = match serde_json::from_slice(body) {
            Ok(wire) => wire,
            Err(_) => {
                let Gateway { message } = serde_json::from_slice(body).ok()?;
                Wire { code: format!("HTTP {status}"), message, request_id: String::new() }
            }
        };
        let message = COMMANDS
            .iter()
            .fold(message, |message, (route, command)| message.replace(route, command));
        Some(Self {
            status,
            code: printable(&code),
            message: printable(&message),
            request_id: printable(&request_id),
            details: Vec::new(),
        })
    }

    /// Whether the route does not exist: the response of the TVM, of an HTTP API,
    /// or of a REST API. An unknown session is `NOT_FOUND` too.
    pub(crate) fn is_wrong_path(&self) -> bool {
        match (self.status, self.code.as_str()) {
            (404, "NOT_FOUND") => self.message.starts_with("there is no such path"),
            (405, "METHOD_NOT_ALLOWED") | (404, "HTTP 404") => true,
            (403, "HTTP 403") => self.message == "Missing Authentication Token",
            _ => false,
        }
    }

    /// The refusal as JSON, for programs.
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
        let refused = Refused::read(403, body).unwrap();
        assert_eq!(refused.to_string(), "POLICY_DENY: ask carol (request r-1)");
        assert_eq!(
            Refused::read(403, br#"{"message":"Forbidden"}"#).unwrap().to_string(),
            "HTTP 403: Forbidden"
        );
        for other in ["<html>", "", "[]", "{}", r#"{"error":"x"}"#, r#"{"message":"x","code":1}"#] {
            assert_eq!(Refused::read(502, other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_hostile_answer_cannot_drive_the_terminal() {
        let body = br#"{"Code":"X","Message":"\u001b[2Jgone"}"#;
        assert!(!Refused::read(403, body).unwrap().to_string().contains('\u{1b}'));
    }
}
