//! A refusal of the TVM, as the command shows it.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use sentinel_client::ErrorResponse;

use super::{both, printable, signature};

/// A refusal of the TVM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The code, such as `POLICY_DENY`.
    pub(crate) code: String,
    /// What to do next.
    pub(crate) message: String,
    /// The id to quote when reporting the refusal.
    pub(crate) request_id: String,
    /// Further details that the caller may see, one per line.
    pub(crate) details: Vec<String>,
}

/// The routes and fields that messages of the TVM name, with the commands and
/// options that replace them here.
const COMMANDS: [(&str, &str); 20] = [
    ("`GET /profiles`", "`sentinel profiles`"),
    ("`GET /sessions`", "`sentinel sessions list`"),
    ("with `POST /requests` (`sentinel request`)", "with `sentinel request`"),
    ("with `POST /break-glass` (`sentinel break-glass open`)", "with `sentinel break-glass open`"),
    ("`cancel`", "`sentinel cancel`"),
    ("`duration_s`", "`--duration`"),
    ("`not_before`", "`--not-before`"),
    ("`GET /whoami`", "`sentinel whoami`"),
    ("`user`", "`--user`"),
    ("`profile`", "`--profile`"),
    ("`session`", "`--session`"),
    ("`for_s`", "`--for`"),
    ("`?profile=production`", "`--profile production`"),
    ("`duration`", "`--duration`"),
    ("`reason`", "`--reason`"),
    ("`ticket`", "`--ticket`"),
    ("`reason_code`", "`--reason-code`"),
    ("`justification`", "`--justification`"),
    ("`comment`", "`--comment`"),
    ("`state`", "`--state`"),
];

impl From<&ErrorResponse> for Refused {
    fn from(response: &ErrorResponse) -> Self {
        Self::at(response, Utc::now())
    }
}

impl Refused {
    /// The refusal that was received at `now`, with what its response alone shows to do next.
    pub(crate) fn at(response: &ErrorResponse, now: DateTime<Utc>) -> Self {
        let ErrorResponse { code, message, request_id, retry_after, .. } = response;
        let message = COMMANDS
            .iter()
            .fold(message.clone(), |message, (route, command)| message.replace(route, command));
        Self {
            code: printable(code),
            message: printable(&message),
            request_id: printable(request_id),
            details: retry_after
                .map(|seconds| retry(seconds, now))
                .into_iter()
                .chain(signature::next_step(&response.message))
                .map(|detail| printable(&detail))
                .collect(),
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

/// When to try again: after that number of seconds, as a time.
fn retry(seconds: u64, now: DateTime<Utc>) -> String {
    let length = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
    // Rounded up to the next second, before which the TVM refuses again.
    let at =
        length.and_then(|length| now.checked_add_signed(length + TimeDelta::milliseconds(999)));
    match at {
        Some(at) => format!("retry after {seconds} s: at {}", both(at, now)),
        None => format!("retry after {seconds} s"),
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

    fn refused(body: &[u8]) -> Refused {
        Refused::from(&ErrorResponse::read(403, body).unwrap())
    }

    #[test]
    fn messages_name_commands_in_place_of_routes() {
        let body = br#"{"Code":"X","Message":"see `GET /profiles`; `profile` is","RequestId":"r"}"#;
        assert_eq!(
            refused(body).to_string(),
            "X: see `sentinel profiles`; `--profile` is (request r)"
        );
    }

    #[test]
    fn messages_name_options_in_place_of_the_fields_of_requests_and_grants() {
        let body = br#"{"Code":"X","Message":"`reason_code`, `reason`, `ticket`, `duration_s`"}"#;
        let shown = "X: `--reason-code`, `--reason`, `--ticket`, `--duration`";
        assert_eq!(refused(body).to_string(), shown);
    }

    #[test]
    fn a_refusal_that_ends_states_when() {
        let response =
            ErrorResponse::read(429, br#"{"Code":"COOLDOWN","Message":"wait"}"#).unwrap();
        let now = "2026-03-02T10:00:00.250Z".parse().unwrap();
        let refused = Refused::at(&response.with_retry_after(540), now);
        let shown = "COOLDOWN: wait\n  retry after 540 s: at 2026-03-02T10:09:01Z (in 9 min)";
        assert_eq!(refused.to_string(), shown);
    }

    #[test]
    fn a_hostile_response_cannot_control_the_terminal() {
        let body = br#"{"Code":"X","Message":"\u001b[2Jgone"}"#;
        assert!(!refused(body).to_string().contains('\u{1b}'));
    }
}
