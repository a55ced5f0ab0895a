//! The broker and its parts. Each operation has a module: `vend`, `sessions`,
//! `profiles`, `whoami`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sentinel_store::{AuditSink, Clock, PolicyStore, SessionStore, SystemClock};

use crate::audit::Audit;
use crate::issuer::Issuer;
use crate::policies::PolicyCache;
use crate::random::{OsRandom, Random};
use crate::settings::Settings;

/// Maximum number of concurrent reads of one kind.
pub(crate) const MAX_CONCURRENT_READS: usize = 10;

/// Decides which caller gets which credentials, issues them, and revokes them.
#[derive(Debug)]
pub struct Broker {
    pub(crate) settings: Settings,
    pub(crate) policies: PolicyCache,
    pub(crate) sessions: Option<SessionTable>,
    pub(crate) issuer: Arc<dyn Issuer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) audit: Audit,
}

/// The parts that a broker is built from.
#[derive(Debug)]
#[non_exhaustive]
pub struct Parts {
    /// The store that policy documents are read from.
    pub policies: Arc<dyn PolicyStore>,
    /// The table that sessions are tracked in. `None` if sessions are not tracked.
    pub sessions: Option<SessionTable>,
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
    /// Parts with the system's clock and randomness, which track no sessions.
    #[must_use]
    pub fn new(
        policies: Arc<dyn PolicyStore>,
        issuer: Arc<dyn Issuer>,
        sink: Arc<dyn AuditSink>,
    ) -> Self {
        let (clock, random) = (Arc::new(SystemClock), Arc::new(OsRandom));
        Self { policies, sessions: None, issuer, clock, random, sink }
    }

    /// The same parts, with a table that sessions are tracked in.
    #[must_use]
    pub fn with_sessions(self, sessions: impl Into<Option<SessionTable>>) -> Self {
        Self { sessions: sessions.into(), ..self }
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
        let Parts { policies, sessions, issuer, clock, random, sink } = parts;
        let policies = PolicyCache::new(&settings, policies, Arc::clone(&clock));
        let audit = Audit::new(sink, Arc::clone(&clock));
        Self { settings, policies, sessions, issuer, clock, random, audit }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}
