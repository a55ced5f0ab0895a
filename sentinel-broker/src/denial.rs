//! Refusals: a code for programs, and a message that states what to do next.

use std::fmt;

use sentinel_store::StoreError;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $status:literal $word:literal),+ $(,)?) => {
        /// Why a request is refused. The words are stable: clients and dashboards depend on them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum DenialCode { $($(#[$doc])* $variant),+ }

        impl DenialCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in responses and records.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The HTTP status of the response.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }
        }
    };
}

codes! {
    /// No profile was named.
    MissingProfile = 400 "MISSING_PROFILE",
    /// The text is not the name of a profile.
    InvalidProfile = 400 "INVALID_PROFILE",
    /// The duration is not a number of seconds, or is out of range.
    InvalidDuration = 400 "INVALID_DURATION",
    /// The request is invalid in another way.
    InvalidRequest = 400 "INVALID_REQUEST",
    /// The caller was not verified, or is of a kind that Sentinel does not serve.
    IamAuthRequired = 403 "IAM_AUTH_REQUIRED",
    /// The policy denies the request.
    PolicyDeny = 403 "POLICY_DENY",
    /// The policy requires an approval first.
    ApprovalRequired = 403 "APPROVAL_REQUIRED",
    /// The caller was revoked, as a whole or on this profile.
    SessionRevoked = 403 "SESSION_REVOKED",
    /// The caller may not do this.
    Forbidden = 403 "FORBIDDEN",
    /// The path or the session does not exist.
    NotFound = 404 "NOT_FOUND",
    /// The path does not support the method.
    MethodNotAllowed = 405 "METHOD_NOT_ALLOWED",
    /// The state no longer allows the change.
    Conflict = 409 "CONFLICT",
    /// The request is too large.
    RequestTooLarge = 413 "REQUEST_TOO_LARGE",
    /// STS or a store throttled Sentinel.
    RateLimited = 429 "RATE_LIMITED",
    /// The role could not be assumed.
    CredentialError = 500 "CREDENTIAL_ERROR",
    /// The policy cannot be used.
    PolicyError = 500 "POLICY_ERROR",
    /// Sentinel's configuration is invalid.
    ConfigError = 500 "CONFIG_ERROR",
    /// An internal error.
    InternalError = 500 "INTERNAL_ERROR",
    /// A store could not be reached, or a record not written.
    StoreUnavailable = 503 "STORE_UNAVAILABLE",
}

/// The word in responses and records.
impl fmt::Display for DenialCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal, as the client receives it. The log contains the cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
#[non_exhaustive]
pub struct Denial {
    /// Why the request is refused.
    pub code: DenialCode,
    /// What to do next, for people. It reveals nothing about another caller.
    pub message: String,
    /// The time after which a retry can succeed, in seconds. `None` if a retry does not help.
    pub retry_after: Option<u32>,
}

impl Denial {
    /// A refusal. `retry_after` follows from the code.
    #[must_use]
    pub fn new(code: DenialCode, message: impl Into<String>) -> Self {
        let retry_after = match code {
            DenialCode::RateLimited => Some(2),
            DenialCode::StoreUnavailable => Some(5),
            DenialCode::MissingProfile
            | DenialCode::InvalidProfile
            | DenialCode::InvalidDuration
            | DenialCode::InvalidRequest
            | DenialCode::IamAuthRequired
            | DenialCode::PolicyDeny
            | DenialCode::ApprovalRequired
            | DenialCode::SessionRevoked
            | DenialCode::Forbidden
            | DenialCode::NotFound
            | DenialCode::MethodNotAllowed
            | DenialCode::Conflict
            | DenialCode::RequestTooLarge
            | DenialCode::CredentialError
            | DenialCode::PolicyError
            | DenialCode::ConfigError
            | DenialCode::InternalError => None,
        };
        Self { code, message: message.into(), retry_after }
    }

    pub(crate) fn policy_deny() -> Self {
        Self::new(
            DenialCode::PolicyDeny,
            "the policy does not allow this now; `GET /profiles` lists what you can get, and the \
             policy author can find this request by its id",
        )
    }

    pub(crate) fn approval_required() -> Self {
        Self::new(
            DenialCode::ApprovalRequired,
            "this profile needs an approval first: ask its approvers, then try again",
        )
    }

    pub(crate) fn policy_error() -> Self {
        Self::new(
            DenialCode::PolicyError,
            "the policy that governs this cannot be used; send the request id to the policy author: \
             the log contains the cause",
        )
    }

    pub(crate) fn revoked() -> Self {
        Self::new(
            DenialCode::SessionRevoked,
            "your access was revoked; ask an operator to reinstate it, with the request id",
        )
    }

    pub(crate) fn credential_error() -> Self {
        Self::new(
            DenialCode::CredentialError,
            "the role of this profile could not be assumed; send the request id to the administrator \
             of Sentinel: the log contains the cause and what to check",
        )
    }

    /// An internal error.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            DenialCode::InternalError,
            "an internal error occurred, so this was not done; send the request id to the \
             administrator of Sentinel",
        )
    }

    /// Sentinel's configuration is invalid.
    #[must_use]
    pub fn misconfigured() -> Self {
        Self::new(
            DenialCode::ConfigError,
            "the configuration of Sentinel is invalid; tell its administrator: the log at startup \
             names each variable",
        )
    }

    /// A change that may or may not have taken effect.
    pub(crate) fn unconfirmed() -> Self {
        Self::new(
            DenialCode::StoreUnavailable,
            "it is unknown whether this took effect; repeat it until the response is 200, which is \
             safe",
        )
    }

    pub(crate) fn rate_limited() -> Self {
        Self::new(
            DenialCode::RateLimited,
            "too many requests; try again after the seconds in Retry-After",
        )
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(
            DenialCode::StoreUnavailable,
            "Sentinel cannot reach a service that it needs, so this was not done; try again after the \
             seconds in Retry-After",
        )
    }

    /// The refusal when a store failed.
    pub(crate) fn store(error: &StoreError) -> Self {
        match error {
            StoreError::Throttled(_) => Self::rate_limited(),
            StoreError::NotFound(_)
            | StoreError::Conflict(_)
            | StoreError::Unavailable(_)
            | StoreError::Refused(_)
            | StoreError::Corrupt(_) => Self::unavailable(),
        }
    }
}
