//! How a request is refused: a code that programs go by, and a message that
//! says what to do next.

use sentinel_store::StoreError;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $status:literal $word:literal),+ $(,)?) => {
        /// Why a request is refused. The words are fixed: clients and
        /// dashboards go by them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant),+ }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it in answers and records.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The HTTP status it is answered with.
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
    /// The profile is no profile's name.
    InvalidProfile = 400 "INVALID_PROFILE",
    /// The duration is no number of seconds, or out of range.
    InvalidDuration = 400 "INVALID_DURATION",
    /// Anything else that is wrong with the request itself.
    InvalidRequest = 400 "INVALID_REQUEST",
    /// The caller was not verified, or is of a kind that is not served.
    IamAuthRequired = 403 "IAM_AUTH_REQUIRED",
    /// The policy says no.
    PolicyDeny = 403 "POLICY_DENY",
    /// The policy wants an approval first.
    ApprovalRequired = 403 "APPROVAL_REQUIRED",
    /// The caller was revoked, as a whole or on this profile.
    SessionRevoked = 403 "SESSION_REVOKED",
    /// The caller may see this, and not do it.
    Forbidden = 403 "FORBIDDEN",
    /// There is no such thing.
    NotFound = 404 "NOT_FOUND",
    /// There is, and not by this method.
    MethodNotAllowed = 405 "METHOD_NOT_ALLOWED",
    /// The state no longer allows it.
    Conflict = 409 "CONFLICT",
    /// Too much was sent.
    RequestTooLarge = 413 "REQUEST_TOO_LARGE",
    /// STS or a store throttled us.
    RateLimited = 429 "RATE_LIMITED",
    /// The role could not be assumed.
    CredentialError = 500 "CREDENTIAL_ERROR",
    /// The policy cannot be used.
    PolicyError = 500 "POLICY_ERROR",
    /// Sentinel itself is not set up as it must be.
    ConfigError = 500 "CONFIG_ERROR",
    /// Something went wrong inside Sentinel.
    InternalError = 500 "INTERNAL_ERROR",
    /// A store could not be reached, or the log not written.
    StoreUnavailable = 503 "STORE_UNAVAILABLE",
}

/// A refusal, as the client is told it. What an operator must know beside that
/// goes to the diagnostics log at the place where it is known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct Denial {
    /// Why.
    pub code: Code,
    /// What to do next, for people. Never tells about anybody else.
    pub message: String,
    /// When to try again, in seconds.
    pub retry_after: Option<u32>,
}

impl Denial {
    /// A refusal.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let retry_after = match code {
            Code::RateLimited => Some(2),
            Code::StoreUnavailable => Some(5),
            Code::MissingProfile
            | Code::InvalidProfile
            | Code::InvalidDuration
            | Code::InvalidRequest
            | Code::IamAuthRequired
            | Code::PolicyDeny
            | Code::ApprovalRequired
            | Code::SessionRevoked
            | Code::Forbidden
            | Code::NotFound
            | Code::MethodNotAllowed
            | Code::Conflict
            | Code::RequestTooLarge
            | Code::CredentialError
            | Code::PolicyError
            | Code::ConfigError
            | Code::InternalError => None,
        };
        Self { code, message: message.into(), retry_after }
    }

    pub(crate) fn policy_deny() -> Self {
        Self::new(
            Code::PolicyDeny,
            "the policy does not allow this now; `GET /profiles` lists what you can get, and \
             whoever keeps the policy can look this request up by its id",
        )
    }

    pub(crate) fn policy_error() -> Self {
        Self::new(
            Code::PolicyError,
            "the policy that governs this cannot be used; tell whoever keeps it, with the request \
             id: the log says what is wrong",
        )
    }

    pub(crate) fn revoked() -> Self {
        Self::new(
            Code::SessionRevoked,
            "your access was revoked; ask an operator to reinstate it, with the request id",
        )
    }

    pub(crate) fn credential_error() -> Self {
        Self::new(
            Code::CredentialError,
            "the role of this profile could not be assumed; tell whoever runs Sentinel, with the \
             request id: the log says what to check",
        )
    }

    /// Something went wrong inside Sentinel.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            Code::InternalError,
            "something went wrong inside Sentinel, so this was not done; tell whoever runs it, \
             with the request id",
        )
    }

    /// Sentinel is not set up as it must be.
    #[must_use]
    pub fn misconfigured() -> Self {
        Self::new(
            Code::ConfigError,
            "Sentinel is not set up as it must be; tell whoever runs it: the log at the function's \
             start names each variable",
        )
    }

    /// A change that may or may not have taken effect.
    pub(crate) fn unconfirmed() -> Self {
        Self::new(
            Code::StoreUnavailable,
            "it is not known whether this took effect; do it again until it is answered 200, which \
             is safe",
        )
    }

    pub(crate) fn rate_limited() -> Self {
        Self::new(
            Code::RateLimited,
            "too many requests at this moment; try again as Retry-After says",
        )
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(
            Code::StoreUnavailable,
            "Sentinel cannot reach what it needs, so this was not done; try again as \
             Retry-After says",
        )
    }

    /// What a failing store means to a client, whatever it was asked for.
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
