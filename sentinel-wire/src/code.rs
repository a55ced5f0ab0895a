//! The error codes, each with its word and its HTTP status.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text is not an error code of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a known error code")]
#[non_exhaustive]
pub struct UnknownErrorCode;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $status:literal $word:literal),+ $(,)?) => {
        /// Why a request is refused. The words are stable: clients and dashboards depend on them.
        ///
        /// ```
        /// use sentinel_wire::ErrorCode;
        ///
        /// let code: ErrorCode = "POLICY_DENY".parse()?;
        /// assert_eq!(code, ErrorCode::PolicyDeny);
        /// assert_eq!(code.status(), 403);
        /// # Ok::<(), Box<dyn std::error::Error>>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        #[non_exhaustive]
        pub enum ErrorCode { $($(#[$doc])* $variant),+ }

        impl ErrorCode {
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
    /// The path, the session, the request or the grant does not exist, or the caller may not see
    /// it.
    NotFound = 404 "NOT_FOUND",
    /// The path does not support the method.
    MethodNotAllowed = 405 "METHOD_NOT_ALLOWED",
    /// The state no longer allows the change.
    Conflict = 409 "CONFLICT",
    /// The request is too large.
    RequestTooLarge = 413 "REQUEST_TOO_LARGE",
    /// The caller is above its limit, or STS or a store throttled Sentinel.
    RateLimited = 429 "RATE_LIMITED",
    /// The quota of a break-glass rule is used up.
    QuotaExceeded = 429 "QUOTA_EXCEEDED",
    /// The time between two openings that a break-glass rule requires has not passed.
    Cooldown = 429 "COOLDOWN",
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
impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ErrorCode {
    type Err = UnknownErrorCode;

    fn from_str(word: &str) -> Result<Self, UnknownErrorCode> {
        Self::ALL.iter().copied().find(|code| code.as_str() == word).ok_or(UnknownErrorCode)
    }
}

impl TryFrom<String> for ErrorCode {
    type Error = UnknownErrorCode;

    fn try_from(word: String) -> Result<Self, UnknownErrorCode> {
        word.parse()
    }
}

impl From<ErrorCode> for &'static str {
    fn from(code: ErrorCode) -> Self {
        code.as_str()
    }
}
