//! The broker: its parts, what it knows of a call, and what every route does
//! first.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sentinel_policy::Operation;
use sentinel_store::{
    AccountId, AuditSink, Causes, Clock, Event, EventKind, PolicyStore, Record, SessionStore,
    StoreError,
};
use tokio::time::Instant;

use crate::arn::is_partition;
use crate::identity::IdentityError;
use crate::policies::PolicyCache;
use crate::{Caller, Code, Denial, Issuer, Random, Settings, VerifiedIdentity};

/// How many reads of one kind go out at the same time.
pub(crate) const AT_ONCE: usize = 10;

/// Decides who gets which credentials, hands them out, and takes them back.
#[derive(Debug)]
pub struct Broker {
    pub(crate) settings: Settings,
    pub(crate) policies: PolicyCache,
    pub(crate) sessions: Option<SessionTable>,
    pub(crate) issuer: Arc<dyn Issuer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) sink: Arc<dyn AuditSink>,
}

/// What a broker is put together from.
#[derive(Debug)]
pub struct Parts {
    /// Where policy documents are read.
    pub policies: Arc<dyn PolicyStore>,
    /// Where sessions are kept; none for no tracking.
    pub sessions: Option<SessionTable>,
    /// Where credentials come from.
    pub issuer: Arc<dyn Issuer>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Where decisions are recorded.
    pub sink: Arc<dyn AuditSink>,
}

/// Where sessions are tracked: the store, and the name by which a policy may ask
/// for it. One value, so that a policy is never told of a table in which nothing
/// is written.
#[derive(Clone, Debug)]
pub struct SessionTable {
    /// Its name.
    pub name: String,
    /// The store.
    pub store: Arc<dyn SessionStore>,
}

/// Where the TVM itself lives: from the ARN it was invoked by, never from the
/// event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// `aws`, `aws-cn`, `aws-us-gov` …
    pub partition: String,
    /// Its account.
    pub account: AccountId,
}

impl Home {
    /// Reads a function's ARN, or any other of the same account.
    #[must_use]
    pub fn from_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.split(':');
        let (arn, partition) = (parts.next()?, parts.next()?);
        let account = AccountId::parse(parts.nth(2)?).ok()?;
        (arn == "arn" && is_partition(partition))
            .then(|| Self { partition: partition.to_owned(), account })
    }
}

/// One call: what is known of it beside what the client says.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its id, which the client is told and every record carries.
    pub request_id: String,
    /// Where it was received.
    pub home: Home,
    /// The address that it came from, as API Gateway saw it.
    pub source_ip: Option<std::net::IpAddr>,
    /// The id of the VPC that it was sent from. API Gateway reports it for private
    /// REST APIs.
    pub source_vpc: Option<String>,
    /// The id of the VPC endpoint that it was sent through. API Gateway reports it
    /// for private REST APIs.
    pub source_vpce: Option<String>,
    /// When it must be answered at the latest.
    pub deadline: Instant,
    /// The version of the function that serves it.
    pub function_version: Option<String>,
}

/// There was no time left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutOfTime;

impl Call {
    /// What the future gives, if it does so before the deadline.
    pub(crate) async fn in_time<F: Future>(&self, future: F) -> Result<F::Output, OutOfTime> {
        tokio::time::timeout_at(self.deadline, future).await.map_err(|_| OutOfTime)
    }

    /// The same for a store, whose silence is its being unavailable.
    pub(crate) async fn ask<T>(
        &self,
        future: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.in_time(future).await.unwrap_or_else(|OutOfTime| {
            Err(StoreError::Unavailable("no answer before the deadline".into()))
        })
    }

    /// What the client is told of a session store that failed; the cause is for
    /// the diagnostics.
    pub(crate) fn store_failed(&self, error: &StoreError) -> Denial {
        tracing::warn!(request_id = self.request_id, cause = %Causes(error), "the session store failed");
        Denial::store(error)
    }
}

impl Broker {
    /// Puts a broker together.
    #[must_use]
    pub fn new(settings: Settings, parts: Parts) -> Self {
        let Parts { policies, sessions, issuer, clock, random, sink } = parts;
        let policies = PolicyCache::new(&settings, policies, Arc::clone(&clock));
        Self { settings, policies, sessions, issuer, clock, random, sink }
    }

    /// The caller of a verified identity, if it is one that is served.
    ///
    /// # Errors
    /// `IAM_AUTH_REQUIRED`, or `FORBIDDEN` for an account that is not trusted.
    /// Either is recorded as an event.
    pub fn identify(&self, call: &Call, verified: &VerifiedIdentity<'_>) -> Result<Caller, Denial> {
        let own = std::slice::from_ref(&call.home.account);
        let trusted = self.settings.trusted_accounts.as_deref().unwrap_or(own);
        let Settings { session_name_roles, source_identity, .. } = &self.settings;
        Caller::from_verified(verified, trusted, session_name_roles, *source_identity)
            .map_err(|error| self.refuse_identity(call, Some(verified.user_arn), error))
    }

    /// Refuses a request of which nothing was verified, and records it.
    #[must_use]
    pub fn refuse_unverified(&self, call: &Call) -> Denial {
        self.refuse_identity(call, None, IdentityError::Unsupported)
    }

    fn refuse_identity(&self, call: &Call, arn: Option<&str>, error: IdentityError) -> Denial {
        let denial = match error {
            IdentityError::Vended => Denial::new(
                Code::IamAuthRequired,
                "these credentials were vended by Sentinel: sign with the credentials that you \
                 requested them with; a session that Sentinel did not vend needs a name of another \
                 form",
            ),
            IdentityError::Unsupported | IdentityError::AccountMismatch => Denial::new(
                Code::IamAuthRequired,
                "sign the request's headers with SigV4 (service `execute-api`), as an IAM user or \
                 an assumed role",
            ),
            IdentityError::UntrustedAccount => Denial::new(
                Code::Forbidden,
                "your account is not one that Sentinel serves; sign with credentials of another, \
                 or ask whoever runs Sentinel to trust it",
            ),
        };
        tracing::info!(request_id = call.request_id, %error, "refused an identity");
        let event = Event {
            code: Some(denial.code.as_str().to_owned()),
            by: arn.map(|arn| arn.chars().take(256).collect()),
            reason: Some(error.to_string()),
            ..self.event(EventKind::IdentityRefused, call)
        };
        self.record_event(event).err().unwrap_or(denial)
    }

    /// Refuses a caller who is revoked as a whole: what every route asks that
    /// does not ask for more.
    pub(crate) async fn not_revoked(&self, call: &Call, caller: &Caller) -> Result<(), Denial> {
        let Some(SessionTable { store, .. }) = &self.sessions else { return Ok(()) };
        let gate = call.ask(store.gate(&caller.key)).await;
        let gate = gate.map_err(|error| call.store_failed(&error))?;
        match gate.blocked(self.now()) {
            Some(_) => Err(Denial::revoked()),
            None => Ok(()),
        }
    }

    /// Whether `caller` may do this as an operator: by `SENTINEL_OPERATORS`, to
    /// list and revoke whatever the state of the policy, or by the main
    /// document.
    pub(crate) async fn may(
        &self,
        call: &Call,
        caller: &Caller,
        operation: Operation,
    ) -> Result<bool, Denial> {
        if self.is_configured_operator(caller, operation) {
            return Ok(true);
        }
        let main = self.policies.main(call).await?;
        match main {
            // Who lets others in again must be an operator now, not as of a copy
            // that may have been overtaken.
            Some(main) if main.stale && operation == Operation::Reinstate => {
                Err(Denial::unavailable())
            }
            Some(main) => Ok(main.policy.may_operate(&caller.user, operation)),
            None => Ok(false),
        }
    }

    /// Whether `caller` may do anything as an operator.
    pub(crate) async fn may_operate(&self, call: &Call, caller: &Caller) -> Result<bool, Denial> {
        if Operation::ALL.into_iter().any(|it| self.is_configured_operator(caller, it)) {
            return Ok(true);
        }
        let main = self.policies.main(call).await?;
        Ok(main.is_some_and(|main| {
            Operation::ALL.into_iter().any(|it| main.policy.may_operate(&caller.user, it))
        }))
    }

    fn is_configured_operator(&self, caller: &Caller, operation: Operation) -> bool {
        match operation {
            Operation::ListSessions | Operation::Revoke => {
                self.settings.operators.iter().any(|operator| operator.is(caller))
            }
            Operation::Reinstate
            | Operation::ListRequests
            | Operation::RevokeApproval
            | Operation::ListBreakGlass
            | Operation::CloseBreakGlass => false,
        }
    }

    /// An event of this call, to be completed.
    pub(crate) fn event(&self, kind: EventKind, call: &Call) -> Event {
        Event { request_id: Some(call.request_id.clone()), ..Event::new(kind, self.now()) }
    }

    /// Records an event; what could not be recorded must not be answered.
    pub(crate) fn record_event(&self, event: Event) -> Result<(), Denial> {
        self.record(&Record::Event(Box::new(event)))
    }

    /// Writes a record. A sink that panics has not written it either.
    pub(crate) fn record(&self, record: &Record) -> Result<(), Denial> {
        match catch_unwind(AssertUnwindSafe(|| self.sink.write(record))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::error!(cause = %Causes(&error), "a record could not be written");
                Err(Denial::unavailable())
            }
            Err(_) => {
                tracing::error!("a record could not be written: its sink panicked");
                Err(Denial::unavailable())
            }
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}
