//! Requests for credentials, and what a vend returns.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use sentinel_wire::{Credentials, ProfileName, Secret};

use crate::ClientError;

/// A request for credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VendRequest {
    /// The profile.
    pub profile: ProfileName,
    /// The requested lifetime. `None` for the TVM's default. Policy and settings can shorten it.
    pub duration: Option<Duration>,
}

impl VendRequest {
    /// A request for the TVM's default lifetime.
    #[must_use]
    pub const fn new(profile: ProfileName) -> Self {
        Self { profile, duration: None }
    }

    /// The same request for another lifetime, 15 minutes to 12 hours.
    #[must_use]
    pub fn with_duration(self, duration: impl Into<Option<Duration>>) -> Self {
        Self { duration: duration.into(), ..self }
    }
}

/// Credentials that a TVM vended. `Debug` shows no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VendedCredentials {
    /// The credentials.
    pub credentials: Credentials,
    /// The session id, for APIs behind the authorizer. `None` if the TVM has no session table.
    pub session_id: Option<Secret>,
    /// What limited the lifetime: `policy`, `maximum`, `valid_until` … `None` if the TVM does not
    /// report it.
    pub bound: Option<String>,
    /// The time of the request.
    pub requested: DateTime<Utc>,
}

impl VendedCredentials {
    /// Credentials without a session, requested at that time.
    #[must_use]
    pub const fn new(credentials: Credentials, requested: DateTime<Utc>) -> Self {
        Self { credentials, session_id: None, bound: None, requested }
    }

    /// The same credentials with a session id.
    #[must_use]
    pub fn with_session_id(self, session_id: impl Into<Option<Secret>>) -> Self {
        Self { session_id: session_id.into(), ..self }
    }

    /// The same credentials, whose lifetime was limited by that.
    #[must_use]
    pub fn with_bound(self, bound: impl Into<Option<String>>) -> Self {
        Self { bound: bound.into(), ..self }
    }

    /// Whether more than a third of the lifetime is left at `now`. Fresh credentials are used without
    /// a new request.
    #[must_use]
    pub fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        let lifetime = self.credentials.expiration - self.requested;
        self.requested <= now && (self.credentials.expiration - now) * 3 > lifetime
    }

    /// Whether the credentials end more than half a minute earlier than requested. Half a minute is
    /// for the transfer and for rounding to whole seconds.
    #[must_use]
    pub fn is_shorter_than(&self, duration: Duration) -> bool {
        TimeDelta::from_std(duration).is_ok_and(|duration| {
            self.credentials.expiration - self.requested < duration - TimeDelta::seconds(30)
        })
    }

    /// Refuses credentials that have expired at `now`: no AWS SDK would use them.
    ///
    /// # Errors
    /// [`ClientError::Expired`].
    pub fn not_expired(self, now: DateTime<Utc>) -> Result<Self, ClientError> {
        let expiration = self.credentials.expiration;
        if expiration > now { Ok(self) } else { Err(ClientError::Expired { expiration, now }) }
    }
}

/// The credentials for the AWS SDK.
impl From<&VendedCredentials> for aws_credential_types::Credentials {
    fn from(vended: &VendedCredentials) -> Self {
        let Credentials { access_key_id, secret_access_key, session_token, expiration } =
            &vended.credentials;
        Self::new(
            access_key_id,
            secret_access_key.reveal(),
            Some(session_token.reveal().to_owned()),
            Some(SystemTime::from(*expiration)),
            "Sentinel",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vended(minutes: i64) -> VendedCredentials {
        let requested = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let credentials = Credentials {
            access_key_id: "ASIA".to_owned(),
            secret_access_key: Secret::new("s"),
            session_token: Secret::new("t"),
            expiration: requested + TimeDelta::minutes(minutes),
        };
        VendedCredentials::new(credentials, requested)
    }

    #[test]
    fn credentials_are_fresh_until_a_third_of_their_lifetime_is_left() {
        let vended = vended(60);
        let requested = vended.requested;
        assert!(vended.is_fresh(requested));
        assert!(vended.is_fresh(requested + TimeDelta::seconds(2399)));
        assert!(!vended.is_fresh(requested + TimeDelta::minutes(40)));
        assert!(!vended.is_fresh(requested + TimeDelta::minutes(61)));
        assert!(!vended.is_fresh(requested - TimeDelta::seconds(1)), "from the future");
    }

    #[test]
    fn expired_credentials_are_refused() {
        let vended = vended(60);
        let end = vended.credentials.expiration;
        assert!(vended.clone().not_expired(end - TimeDelta::seconds(1)).is_ok());
        assert!(matches!(vended.not_expired(end), Err(ClientError::Expired { .. })));
    }

    #[test]
    fn a_lifetime_is_shorter_only_beyond_the_margin_for_the_transfer() {
        let vended = vended(60);
        assert!(!vended.is_shorter_than(Duration::from_secs(3600)));
        assert!(!vended.is_shorter_than(Duration::from_secs(3630)));
        assert!(vended.is_shorter_than(Duration::from_secs(3631)));
    }
}
