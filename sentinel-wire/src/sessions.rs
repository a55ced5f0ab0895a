//! Sessions and gates, as they are listed and changed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::lists::list;
use crate::words::words;
use crate::{AccountId, CallerKey, ProfileName, SessionHandle, rfc3339};

words! {
    /// The state of a session at a point in time.
    ///
    /// ```
    /// use sentinel_wire::SessionState;
    ///
    /// assert_eq!("revoked".parse(), Ok(SessionState::Revoked));
    /// assert_eq!(SessionState::Active.to_string(), "active");
    /// ```
    #[expect(
        clippy::exhaustive_enums,
        reason = "a reader that shows or filters states must handle each of them"
    )]
    SessionState, UnknownSessionState, "the states are active, ended, expired and revoked" {
        /// The session is valid.
        Active = "active",
        /// The vend of the session failed after the session was written.
        Ended = "ended",
        /// The session has expired.
        Expired = "expired",
        /// The session was revoked, with the caller's others on the profile or on all profiles, or
        /// with all sessions of a generation.
        Revoked = "revoked",
    }
}

list! {
    /// A page of sessions: the response to `GET /sessions`.
    SessionList {
        /// The sessions of this page. It can be empty although more pages follow.
        sessions: SessionView,
        /// The number of rows of this page whose state is unknown, because the row or the caller's gate
        /// is damaged. The log names them.
        unreadable
    }
}

/// A session, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionView {
    /// The handle: the public name of the session, without its secret.
    pub session: SessionHandle,
    /// The user that the session was vended to, as policies see it.
    pub user: String,
    /// The profile.
    pub profile: ProfileName,
    /// The account id of the user. The role of the profile can be in another account.
    pub account: AccountId,
    /// The ARN that the user signed the request with.
    pub principal: String,
    /// The SourceIdentity and RoleSessionName of the credentials.
    pub source_identity: String,
    /// The time of the vend.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created: DateTime<Utc>,
    /// The time at which the credentials stop working.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub expires: DateTime<Utc>,
    /// The state when the list was made.
    pub state: SessionState,
}

impl SessionView {
    /// A session. Its user, principal and source identity are empty and its times are the Unix epoch
    /// until they are set.
    #[must_use]
    pub fn new(
        session: SessionHandle,
        profile: ProfileName,
        account: AccountId,
        state: SessionState,
    ) -> Self {
        Self {
            session,
            user: String::new(),
            profile,
            account,
            principal: String::new(),
            source_identity: String::new(),
            created: DateTime::UNIX_EPOCH,
            expires: DateTime::UNIX_EPOCH,
            state,
        }
    }

    /// The same session, of the user with that principal.
    #[must_use]
    pub fn with_user(self, user: impl Into<String>, principal: impl Into<String>) -> Self {
        Self { user: user.into(), principal: principal.into(), ..self }
    }

    /// The same session, whose credentials have that SourceIdentity.
    #[must_use]
    pub fn with_source_identity(self, source_identity: impl Into<String>) -> Self {
        Self { source_identity: source_identity.into(), ..self }
    }

    /// The same session, vended at `created` with credentials that stop working at `expires`.
    #[must_use]
    pub fn with_lifetime(self, created: DateTime<Utc>, expires: DateTime<Utc>) -> Self {
        Self { created, expires, ..self }
    }
}

/// The body of `POST /sessions/revoke`. It names either a session, or a user with or without a
/// profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RevokeBody {
    /// The handle of a session, whose caller is revoked on its profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionHandle>,
    /// The caller: a name or `account/RoleName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The profile that the caller is revoked on. `None` for all profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The reason, at most 1,000 characters.
    pub reason: String,
    /// How long new sessions are refused, in seconds. `None` until an operator reinstates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<u64>,
}

/// The body of `POST /sessions/reinstate`. It names either a session, or a user with or without a
/// profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ReinstateBody {
    /// The handle of a session, whose caller is reinstated on its profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionHandle>,
    /// The caller: a name or `account/RoleName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The profile that the caller is reinstated on. `None` for the caller as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The reason, at most 1,000 characters.
    pub reason: String,
}

macro_rules! targets {
    ($body:ident { $($rest:ident),* }) => {
        impl $body {
            /// The caller of a session, on the profile of the session.
            #[must_use]
            pub fn session(session: SessionHandle, reason: impl Into<String>) -> Self {
                Self {
                    session: Some(session),
                    user: None,
                    profile: None,
                    reason: reason.into(),
                    $($rest: None,)*
                }
            }

            /// A caller: a name or `account/RoleName`.
            #[must_use]
            pub fn user(user: impl Into<String>, reason: impl Into<String>) -> Self {
                Self {
                    session: None,
                    user: Some(user.into()),
                    profile: None,
                    reason: reason.into(),
                    $($rest: None,)*
                }
            }

            /// The same request, on one profile only. It is for a request that names a user.
            #[must_use]
            pub fn with_profile(self, profile: impl Into<Option<String>>) -> Self {
                Self { profile: profile.into(), ..self }
            }
        }
    };
}

targets!(RevokeBody { for_s });
targets!(ReinstateBody {});

impl RevokeBody {
    /// The same request, after which new sessions are refused for that number of seconds only.
    #[must_use]
    pub fn with_seconds(self, for_s: impl Into<Option<u64>>) -> Self {
        Self { for_s: for_s.into(), ..self }
    }
}

/// The gate after a revocation or a reinstatement: the response to `POST /sessions/revoke` and
/// `POST /sessions/reinstate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GateView {
    /// The caller key.
    pub user: CallerKey,
    /// The profile. `None` if the caller as a whole was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileName>,
    /// The epoch. Sessions of another epoch are refused.
    pub epoch: u64,
    /// When new sessions are allowed again. `None` if they are allowed now, or refused until an
    /// operator reinstates.
    #[serde(
        default,
        serialize_with = "rfc3339::serialize_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub blocked_until: Option<DateTime<Utc>>,
    /// After a revocation: whether the caller has a session, or was revoked before. If neither, the
    /// name may be misspelled. `None` if that could not be read, and after a reinstatement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<bool>,
}

impl GateView {
    /// The gate of a caller as a whole.
    #[must_use]
    pub const fn new(user: CallerKey, epoch: u64) -> Self {
        Self { user, profile: None, epoch, blocked_until: None, known: None }
    }

    /// The same gate, on one profile.
    #[must_use]
    pub fn with_profile(self, profile: impl Into<Option<ProfileName>>) -> Self {
        Self { profile: profile.into(), ..self }
    }

    /// The same gate, which allows new sessions again from that time on.
    #[must_use]
    pub fn with_blocked_until(self, blocked_until: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { blocked_until: blocked_until.into(), ..self }
    }

    /// The same gate, of a caller that is known or not.
    #[must_use]
    pub fn with_known(self, known: impl Into<Option<bool>>) -> Self {
        Self { known: known.into(), ..self }
    }
}
