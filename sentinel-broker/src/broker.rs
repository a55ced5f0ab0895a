//! The broker and its parts. Each operation has a module: `vend`, `sessions`, `requests`, `grants`,
//! `profiles`, `whoami`.

use std::sync::Arc;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use sentinel_store::{
    AuditSink, Clock, GrantStore, PolicyStore, RequestStore, SessionStore, SystemClock,
};

use crate::above_limit::AboveLimit;
use crate::audit::Audit;
use crate::devices::DeviceSource;
use crate::issuer::Issuer;
use crate::policies::PolicyCache;
use crate::random::{OsRandom, Random};
use crate::settings::Settings;

/// Decides which caller gets which credentials, issues them, and revokes them.
#[derive(Debug)]
pub struct Broker {
    pub(crate) settings: Settings,
    pub(crate) policies: PolicyCache,
    pub(crate) sessions: Option<SessionTable>,
    pub(crate) requests: Option<Arc<dyn RequestStore>>,
    pub(crate) grants: Option<Arc<dyn GrantStore>>,
    pub(crate) devices: Option<Arc<dyn DeviceSource>>,
    pub(crate) issuer: Arc<dyn Issuer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) audit: Audit,
    pub(crate) above_limit: AboveLimit,
}

/// The parts that a broker is built from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts {
    /// The store that policy documents are read from.
    pub policies: Arc<dyn PolicyStore>,
    /// The table that sessions are tracked in. `None` if sessions are not tracked.
    pub sessions: Option<SessionTable>,
    /// The store of approval requests. `None` if no approval can be requested.
    pub requests: Option<Arc<dyn RequestStore>>,
    /// The store of break-glass grants. `None` if none can be opened.
    pub grants: Option<Arc<dyn GrantStore>>,
    /// The source of device facts. `None` if all devices are unknown.
    pub devices: Option<Arc<dyn DeviceSource>>,
    /// The source of credentials.
    pub issuer: Arc<dyn Issuer>,
    /// The source of the time.
    pub clock: Arc<dyn Clock>,
    /// The source of randomness.
    pub random: Arc<dyn Random>,
    /// The sink that decisions and events are recorded in.
    pub sink: Arc<dyn AuditSink>,
}

/// The table that sessions are tracked in: the store, and the name by which a policy may require it.
/// They are one value, so that a policy never sees the name of a table in which nothing is written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionTable {
    /// The name, as in `session_table` of a policy.
    pub name: String,
    /// The store.
    pub store: Arc<dyn SessionStore>,
}

impl Parts {
    /// Parts with the system's clock and randomness, without sessions, requests and grants.
    #[must_use]
    pub fn new(
        policies: Arc<dyn PolicyStore>,
        issuer: Arc<dyn Issuer>,
        sink: Arc<dyn AuditSink>,
    ) -> Self {
        let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom));
        Self {
            policies,
            sessions: None,
            requests: None,
            grants: None,
            devices: None,
            issuer,
            clock,
            random,
            sink,
        }
    }

    /// The same parts, with a table that sessions are tracked in.
    #[must_use]
    pub fn with_sessions(self, sessions: impl Into<Option<SessionTable>>) -> Self {
        Self { sessions: sessions.into(), ..self }
    }

    /// The same parts, with a store of approval requests.
    #[must_use]
    pub fn with_requests(self, requests: impl Into<Option<Arc<dyn RequestStore>>>) -> Self {
        Self { requests: requests.into(), ..self }
    }

    /// The same parts, with a store of break-glass grants.
    #[must_use]
    pub fn with_grants(self, grants: impl Into<Option<Arc<dyn GrantStore>>>) -> Self {
        Self { grants: grants.into(), ..self }
    }

    /// The same parts, with a source of device facts.
    #[must_use]
    pub fn with_devices(self, devices: impl Into<Option<Arc<dyn DeviceSource>>>) -> Self {
        Self { devices: devices.into(), ..self }
    }

    /// The same parts with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The same parts with another source of randomness.
    #[must_use]
    pub fn with_random(self, random: Arc<dyn Random>) -> Self {
        Self { random, ..self }
    }
}

impl SessionTable {
    /// A table of that name.
    #[must_use]
    pub fn new(name: impl Into<String>, store: Arc<dyn SessionStore>) -> Self {
        Self { name: name.into(), store }
    }
}

impl Broker {
    /// A broker with those settings and parts.
    #[must_use]
    pub fn new(settings: Settings, parts: Parts) -> Self {
        let Parts { policies, sessions, requests, grants, devices, issuer, clock, random, sink } =
            parts;
        let policies = PolicyCache::new(&settings, policies, Arc::clone(&clock));
        let audit = Audit::new(sink, Arc::clone(&clock));
        let above_limit = AboveLimit::default();
        Self {
            settings,
            policies,
            sessions,
            requests,
            grants,
            devices,
            issuer,
            clock,
            random,
            audit,
            above_limit,
        }
    }

    /// The current time to the millisecond, as records have it: a decision can be made again exactly from
    /// its record.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        let now = self.clock.now();
        now.duration_trunc(TimeDelta::milliseconds(1)).unwrap_or(now)
    }
}
