//! Wrappers that run a hook before and after each call, for tests.

use std::{fmt, future::Future, num::NonZeroU32, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Faults;
use crate::{
    AccessRequest, AuditError, AuditSink, CallerKey, Counted, Cursor, Gate, GateChange, Grant,
    GrantId, GrantListing, GrantPage, GrantStore, ListedPolicy, Listing, Opening, OpeningLimits,
    Page, PolicyPath, PolicyStore, PolicyText, ProfileName, RateWindow, Record, RequestId,
    RequestListing, RequestPage, RequestStore, Session, SessionHandle, SessionPage, SessionStore,
    StoreError,
};

/// A method of a wrapped store or sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of the methods")]
#[non_exhaustive]
pub enum StoreOperation {
    Gate,
    ChangeGate,
    CreateSession,
    EndSession,
    CountVend,
    Session,
    Sessions,
    CreateRequest,
    Request,
    ReplaceRequest,
    LiveRequests,
    Requests,
    OpenGrant,
    Grant,
    ReplaceGrant,
    LiveGrants,
    Grants,
    Policy,
    List,
    Write,
    /// A call to something else, such as an issuer.
    Other(&'static str),
}

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a hook runs before and after a call")]
pub enum Phase {
    /// Before the call has any effect.
    Before,
    /// After the call had its effect, and before the caller gets the result.
    After,
}

impl Phase {
    /// Both phases.
    pub const ALL: [Self; 2] = [Self::Before, Self::After];
}

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct StoreCall {
    /// The method.
    pub operation: StoreOperation,
    /// Number of calls that the hook received before this one.
    pub number: usize,
}

impl StoreCall {
    /// A call of that method, with its number.
    #[must_use]
    pub const fn new(operation: StoreOperation, number: usize) -> Self {
        Self { operation, number }
    }
}

/// What a test does with the calls of wrapped stores. Several wrappers can share one
/// hook, which numbers the calls of all of them.
#[async_trait]
pub trait Hook: fmt::Debug + Send + Sync {
    /// Called when a call begins. Returns the call with its number.
    fn begin(&self, operation: StoreOperation) -> StoreCall;

    /// Called before and after the wrapped store. An error before replaces the call.
    /// An error after replaces its result: the effect of the call stays, and only the
    /// acknowledgment is lost.
    async fn at(&self, call: StoreCall, phase: Phase) -> Result<(), StoreError>;
}

async fn around<T>(
    hook: &dyn Hook,
    operation: StoreOperation,
    call: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    let this = hook.begin(operation);
    hook.at(this, Phase::Before).await?;
    let answer = call.await;
    hook.at(this, Phase::After).await?;
    answer
}

/// A session store that runs a hook around every call.
#[derive(Debug)]
pub struct HookedSessions<S> {
    inner: S,
    hook: Arc<dyn Hook>,
}

impl<S: SessionStore> HookedSessions<S> {
    /// Wraps a store.
    pub fn new(inner: S, hook: Arc<dyn Hook>) -> Self {
        Self { inner, hook }
    }

    /// The wrapped store, without the hook.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: SessionStore> SessionStore for HookedSessions<S> {
    async fn gate(&self, caller: &CallerKey) -> Result<Gate, StoreError> {
        around(&*self.hook, StoreOperation::Gate, self.inner.gate(caller)).await
    }

    async fn change_gate(
        &self,
        caller: &CallerKey,
        change: &GateChange,
    ) -> Result<Gate, StoreError> {
        let call = self.inner.change_gate(caller, change);
        around(&*self.hook, StoreOperation::ChangeGate, call).await
    }

    async fn create_session(&self, session: &Session) -> Result<(), StoreError> {
        let call = self.inner.create_session(session);
        around(&*self.hook, StoreOperation::CreateSession, call).await
    }

    async fn end_session(
        &self,
        handle: &SessionHandle,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        around(&*self.hook, StoreOperation::EndSession, self.inner.end_session(handle, at)).await
    }

    async fn count_vend(
        &self,
        caller: &CallerKey,
        window: &RateWindow,
        limit: NonZeroU32,
    ) -> Result<Counted, StoreError> {
        let call = self.inner.count_vend(caller, window, limit);
        around(&*self.hook, StoreOperation::CountVend, call).await
    }

    async fn session(&self, handle: &SessionHandle) -> Result<(Session, Gate), StoreError> {
        around(&*self.hook, StoreOperation::Session, self.inner.session(handle)).await
    }

    async fn sessions(
        &self,
        listing: &Listing,
        cursor: Option<&Cursor>,
    ) -> Result<SessionPage, StoreError> {
        around(&*self.hook, StoreOperation::Sessions, self.inner.sessions(listing, cursor)).await
    }
}

/// A store of approval requests that runs a hook around every call.
#[derive(Debug)]
pub struct HookedRequests<S> {
    inner: S,
    hook: Arc<dyn Hook>,
}

impl<S: RequestStore> HookedRequests<S> {
    /// Wraps a store.
    pub fn new(inner: S, hook: Arc<dyn Hook>) -> Self {
        Self { inner, hook }
    }

    /// The wrapped store, without the hook.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: RequestStore> RequestStore for HookedRequests<S> {
    async fn create_request(&self, request: &AccessRequest) -> Result<(), StoreError> {
        let call = self.inner.create_request(request);
        around(&*self.hook, StoreOperation::CreateRequest, call).await
    }

    async fn request(&self, id: &RequestId) -> Result<AccessRequest, StoreError> {
        around(&*self.hook, StoreOperation::Request, self.inner.request(id)).await
    }

    async fn replace_request(&self, next: &AccessRequest) -> Result<(), StoreError> {
        let call = self.inner.replace_request(next);
        around(&*self.hook, StoreOperation::ReplaceRequest, call).await
    }

    async fn live_requests(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<AccessRequest>, StoreError> {
        let call = self.inner.live_requests(caller, profile, now);
        around(&*self.hook, StoreOperation::LiveRequests, call).await
    }

    async fn requests(
        &self,
        listing: &RequestListing,
        cursor: Option<&Cursor>,
    ) -> Result<RequestPage, StoreError> {
        around(&*self.hook, StoreOperation::Requests, self.inner.requests(listing, cursor)).await
    }
}

/// A store of break-glass grants that runs a hook around every call.
#[derive(Debug)]
pub struct HookedGrants<S> {
    inner: S,
    hook: Arc<dyn Hook>,
}

impl<S: GrantStore> HookedGrants<S> {
    /// Wraps a store.
    pub fn new(inner: S, hook: Arc<dyn Hook>) -> Self {
        Self { inner, hook }
    }

    /// The wrapped store, without the hook.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: GrantStore> GrantStore for HookedGrants<S> {
    async fn open_grant(
        &self,
        grant: &Grant,
        limits: &OpeningLimits,
    ) -> Result<Opening, StoreError> {
        let call = self.inner.open_grant(grant, limits);
        around(&*self.hook, StoreOperation::OpenGrant, call).await
    }

    async fn grant(&self, id: &GrantId) -> Result<Grant, StoreError> {
        around(&*self.hook, StoreOperation::Grant, self.inner.grant(id)).await
    }

    async fn replace_grant(&self, next: &Grant) -> Result<(), StoreError> {
        around(&*self.hook, StoreOperation::ReplaceGrant, self.inner.replace_grant(next)).await
    }

    async fn live_grants(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<Grant>, StoreError> {
        let call = self.inner.live_grants(caller, profile, now);
        around(&*self.hook, StoreOperation::LiveGrants, call).await
    }

    async fn grants(
        &self,
        listing: &GrantListing,
        cursor: Option<&Cursor>,
    ) -> Result<GrantPage, StoreError> {
        around(&*self.hook, StoreOperation::Grants, self.inner.grants(listing, cursor)).await
    }
}

/// A policy store that runs a hook around every call.
#[derive(Debug)]
pub struct HookedPolicies<S> {
    inner: S,
    hook: Arc<dyn Hook>,
}

impl<S: PolicyStore> HookedPolicies<S> {
    /// Wraps a store.
    pub fn new(inner: S, hook: Arc<dyn Hook>) -> Self {
        Self { inner, hook }
    }

    /// The wrapped store, without the hook.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: PolicyStore> PolicyStore for HookedPolicies<S> {
    async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError> {
        around(&*self.hook, StoreOperation::Policy, self.inner.policy(path)).await
    }

    fn place(&self, path: &PolicyPath) -> String {
        self.inner.place(path)
    }

    async fn list(
        &self,
        root: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<ListedPolicy>, StoreError> {
        around(&*self.hook, StoreOperation::List, self.inner.list(root, cursor)).await
    }
}

/// A sink with injected failures. A sink cannot wait, so the delays of [`Faults`] do
/// not apply.
#[derive(Debug)]
pub struct FaultySink<S> {
    inner: S,
    faults: Arc<Faults>,
}

impl<S: AuditSink> FaultySink<S> {
    /// Wraps a sink.
    pub const fn new(inner: S, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }

    /// The wrapped sink, without injected failures.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: AuditSink> AuditSink for FaultySink<S> {
    fn write(&self, record: &Record) -> Result<(), AuditError> {
        let call = self.faults.begin(StoreOperation::Write);
        let inject = |phase| match self.faults.failure(call, phase) {
            Some(failure) => Err(AuditError::new(failure.error())),
            None => Ok(()),
        };
        inject(Phase::Before)?;
        let answer = self.inner.write(record);
        inject(Phase::After)?;
        answer
    }
}
