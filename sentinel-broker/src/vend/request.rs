//! What a caller requests, and what a vend returns.

use std::time::Duration;

use sentinel_store::{ProfileName, SessionId};
use sentinel_wire::Credentials;

use super::lifetime::Cap;
use crate::devices::DeviceId;

/// A request for credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vend {
    /// The profile.
    pub profile: ProfileName,
    /// The requested lifetime. `None` for the default, an hour. Policy and settings can shorten it.
    pub duration: Option<Duration>,
    /// The device that the client named. `None` if it named none. Its facts are read from
    /// [`Parts::devices`](crate::Parts::devices), and never from the client.
    pub device: Option<DeviceId>,
}

impl Vend {
    /// A request for credentials of that profile, with the default lifetime.
    #[must_use]
    pub const fn new(profile: ProfileName) -> Self {
        Self { profile, duration: None, device: None }
    }

    /// The same request with a lifetime.
    #[must_use]
    pub fn with_duration(self, duration: impl Into<Option<Duration>>) -> Self {
        Self { duration: duration.into(), ..self }
    }

    /// The same request from that device.
    #[must_use]
    pub fn with_device(self, device: impl Into<Option<DeviceId>>) -> Self {
        Self { device: device.into(), ..self }
    }
}

/// Credentials that may be returned to the caller: their session and the decision are recorded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Vended {
    /// The credentials. Their expiration is the time at which they stop working, also if STS alone
    /// would accept them for longer.
    pub credentials: Credentials,
    /// The session id, which contains the session's secret. `None` if sessions are not tracked.
    pub session: Option<SessionId>,
    /// The bound that determined the lifetime.
    pub cap: Cap,
}
