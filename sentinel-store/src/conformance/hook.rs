//! Wrappers that let a test do something before and after each call.

use std::{fmt, future::Future, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::Faults;
use crate::{
    AuditError, AuditSink, CallerKey, Cursor, Gate, GateChange, ListedPolicy, Listing, Page,
    PolicyPath, PolicyStore, PolicyText, Record, Session, SessionHandle, SessionPage, SessionStore,
    StoreError,
};

/// What a wrapped store or sink is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as the methods of the traits")]
pub enum Operation {
    Gate,
    ChangeGate,
    CreateSession,
    EndSession,
    Session,
    Sessions,
    Policy,
    List,
    Write,
    /// Something that is not a store's or a sink's: an issuer's call, say.
    Other(&'static str),
}

/// When something happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Before it had any effect.
    Before,
    /// After it had its effect, whatever that was, and before the caller knows.
    After,
}

impl Moment {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Before, Self::After];
}

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// What is asked.
    pub operation: Operation,
    /// How many calls the hook saw before this one.
    pub number: usize,
}

/// What a test does with the calls of wrapped stores. One hook can be shared by
/// several wrappers: its calls are numbered together.
#[async_trait]
pub trait Hook: fmt::Debug + Send + Sync {
    /// A call begins: gives it its number.
    fn begin(&self, operation: Operation) -> Call;

    /// Called before and after the wrapped store is. An error takes the place of
    /// the call, or of its answer: what the call did stays done, and only the
    /// acknowledgement is lost.
    async fn at(&self, call: Call, moment: Moment) -> Result<(), StoreError>;
}

async fn around<T>(
    hook: &dyn Hook,
    operation: Operation,
    call: impl Future<Output = Result<T, StoreError>> + Send,
) -> Result<T, StoreError> {
    let this = hook.begin(operation);
    hook.at(this, Moment::Before).await?;
    let answer = call.await;
    hook.at(this, Moment::After).await?;
    answer
}

/// A session store whose every call passes a hook.
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

    /// The wrapped store: its calls do not pass the hook.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: SessionStore> SessionStore for HookedSessions<S> {
    async fn gate(&self, caller: &CallerKey) -> Result<Gate, StoreError> {
        around(&*self.hook, Operation::Gate, self.inner.gate(caller)).await
    }

    async fn change_gate(
        &self,
        caller: &CallerKey,
        change: &GateChange,
    ) -> Result<Gate, StoreError> {
        let call = self.inner.change_gate(caller, change);
        around(&*self.hook, Operation::ChangeGate, call).await
    }

    async fn create_session(&self, session: &Session) -> Result<(), StoreError> {
        let call = self.inner.create_session(session);
        around(&*self.hook, Operation::CreateSession, call).await
    }

    async fn end_session(
        &self,
        handle: &SessionHandle,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        around(&*self.hook, Operation::EndSession, self.inner.end_session(handle, at)).await
    }

    async fn session(&self, handle: &SessionHandle) -> Result<(Session, Gate), StoreError> {
        around(&*self.hook, Operation::Session, self.inner.session(handle)).await
    }

    async fn sessions(
        &self,
        listing: &Listing,
        cursor: Option<&Cursor>,
    ) -> Result<SessionPage, StoreError> {
        around(&*self.hook, Operation::Sessions, self.inner.sessions(listing, cursor)).await
    }
}

/// A policy store whose every call passes a hook.
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

    /// The wrapped store: its calls do not pass the hook.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: PolicyStore> PolicyStore for HookedPolicies<S> {
    async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError> {
        around(&*self.hook, Operation::Policy, self.inner.policy(path)).await
    }

    fn place(&self, path: &PolicyPath) -> String {
        self.inner.place(path)
    }

    async fn list(
        &self,
        root: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<ListedPolicy>, StoreError> {
        around(&*self.hook, Operation::List, self.inner.list(root, cursor)).await
    }
}

/// A sink that fails when it is told to. Sinks cannot wait, so that only
/// [`Faults`] can be told: its delays do not apply.
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

    /// The wrapped sink: its calls do not fail.
    pub const fn inner(&self) -> &S {
        &self.inner
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: AuditSink> AuditSink for FaultySink<S> {
    fn write(&self, record: &Record) -> Result<(), AuditError> {
        let call = self.faults.begin(Operation::Write);
        let strike = |moment| match self.faults.failure(call, moment) {
            Some(failure) => Err(AuditError(failure.error().into())),
            None => Ok(()),
        };
        strike(Moment::Before)?;
        let answer = self.inner.write(record);
        strike(Moment::After)?;
        answer
    }
}
