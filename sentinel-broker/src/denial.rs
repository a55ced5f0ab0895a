//! Refusals: a code for programs, and a message that states what to do next.

use std::time::Duration;

use sentinel_store::StoreError;
use sentinel_wire::ErrorCode;

use crate::settings::CallerRate;

/// A refusal, as the client receives it. The log contains the cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
#[non_exhaustive]
pub struct Denial {
    /// Why the request is refused.
    pub code: ErrorCode,
    /// What to do next, for people. It reveals nothing about another caller.
    pub message: String,
    /// The time after which a retry can succeed, in seconds. `None` if a retry does not help.
    pub retry_after: Option<u32>,
}

impl Denial {
    /// A refusal. `retry_after` follows from the code.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let retry_after = if code == ErrorCode::RateLimited {
            Some(2)
        } else if code == ErrorCode::StoreUnavailable {
            Some(5)
        } else {
            None
        };
        Self { code, message: message.into(), retry_after }
    }

    /// The same refusal, after which a retry can succeed in that number of seconds.
    #[must_use]
    pub fn with_retry_after(self, seconds: impl Into<Option<u32>>) -> Self {
        Self { retry_after: seconds.into(), ..self }
    }

    /// The refusal of a change that the state of the record does not allow.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, message)
    }

    pub(crate) fn policy_deny() -> Self {
        Self::new(
            ErrorCode::PolicyDeny,
            "the policy does not allow this now; `GET /profiles` lists what you can get, and the \
             policy author can find this request by its id",
        )
    }

    /// The refusal if the policy denies the request, and what the caller can do.
    pub(crate) fn policy_deny_with(remedies: &str) -> Self {
        Self::new(
            ErrorCode::PolicyDeny,
            format!(
                "the policy does not allow this now; {remedies}; `GET /profiles` lists what you can get"
            ),
        )
    }

    /// The same refusal with another thing that the caller can do.
    pub(crate) fn with_remedy(self, remedy: &str) -> Self {
        Self { message: format!("{}; {remedy}", self.message), ..self }
    }

    /// The refusal if an approval is missing. `rule` is the approvals rule that decides. `None` if no
    /// rule names the profile.
    pub(crate) fn approval_required(rule: Option<&str>) -> Self {
        let message = match rule {
            Some(rule) => format!(
                "this profile needs an approval first: request it with `POST /requests` (`sentinel \
                 request`); the approvals rule `{rule}` decides"
            ),
            None => {
                "this profile needs an approval, and no rule under `approvals` names it: contact \
                     the policy author"
                    .to_owned()
            }
        };
        Self::new(ErrorCode::ApprovalRequired, message)
    }

    pub(crate) fn policy_error() -> Self {
        Self::new(
            ErrorCode::PolicyError,
            "the policy that governs this cannot be used; send the request id to the policy author: \
             the log contains the cause",
        )
    }

    pub(crate) fn revoked() -> Self {
        Self::new(
            ErrorCode::SessionRevoked,
            "your access was revoked; ask an operator to reinstate it, with the request id",
        )
    }

    pub(crate) fn credential_error() -> Self {
        Self::new(
            ErrorCode::CredentialError,
            "the role of this profile could not be assumed; send the request id to the administrator \
             of Sentinel: the log contains the cause and what to check",
        )
    }

    /// An internal error.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            ErrorCode::InternalError,
            "an internal error occurred, so this was not done; send the request id to the \
             administrator of Sentinel",
        )
    }

    /// Sentinel's configuration is invalid.
    #[must_use]
    pub fn misconfigured() -> Self {
        Self::new(
            ErrorCode::ConfigError,
            "the configuration of Sentinel is invalid; tell its administrator: the log at startup \
             names each variable",
        )
    }

    /// A change that may or may not have taken effect.
    pub(crate) fn unconfirmed() -> Self {
        Self::new(
            ErrorCode::StoreUnavailable,
            "it is unknown whether this took effect; repeat it until the response is 200, which is \
             safe",
        )
    }

    pub(crate) fn rate_limited() -> Self {
        Self::new(
            ErrorCode::RateLimited,
            "too many requests; try again after the seconds in Retry-After",
        )
    }

    /// The refusal above that rate.
    pub(crate) fn caller_rate(rate: CallerRate) -> Self {
        Self::new(
            ErrorCode::RateLimited,
            format!(
                "you requested credentials too often: the limit is {rate}; try again after the \
                 seconds in Retry-After, and use credentials until they expire"
            ),
        )
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(
            ErrorCode::StoreUnavailable,
            "Sentinel cannot reach a service that it needs, so this was not done; try again after the \
             seconds in Retry-After",
        )
    }

    /// The refusal when a store failed.
    pub(crate) fn store(error: &StoreError) -> Self {
        match error {
            StoreError::Throttled(_) => Self::rate_limited(),
            StoreError::NotFound(_) | StoreError::Conflict(_) | StoreError::Unavailable(_) => {
                Self::unavailable()
            }
            StoreError::Refused(_) | StoreError::Corrupt(_) => Self::new(
                ErrorCode::StoreUnavailable,
                "Sentinel cannot use a record that this needs; send the request id to the administrator \
                 of Sentinel: the log contains the cause",
            ),
        }
    }
}

/// Refuses a requested length of less than a second, the unit of lengths.
pub(crate) fn check_length(requested: Option<Duration>) -> Result<(), Denial> {
    if requested.is_none_or(|requested| requested.as_secs() > 0) {
        return Ok(());
    }
    Err(Denial::new(ErrorCode::InvalidDuration, "`duration_s` is at least 1"))
}
