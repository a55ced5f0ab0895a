//! A hook that makes calls fail or last.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{Call, Hook, Moment, Operation};
use crate::StoreError;

/// The ways in which a store can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as those of `StoreError`")]
pub enum Failure {
    NotFound,
    Conflict,
    Throttled,
    Unavailable,
    Refused,
    Corrupt,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::NotFound,
        Self::Conflict,
        Self::Throttled,
        Self::Unavailable,
        Self::Refused,
        Self::Corrupt,
    ];

    /// An error of that kind.
    #[must_use]
    pub fn error(self) -> StoreError {
        let source = || "told to fail".into();
        match self {
            Self::NotFound => StoreError::not_found(),
            Self::Conflict => StoreError::conflict(),
            Self::Throttled => StoreError::Throttled(source()),
            Self::Unavailable => StoreError::Unavailable(source()),
            Self::Refused => StoreError::Refused(source()),
            Self::Corrupt => StoreError::Corrupt(source()),
        }
    }
}

/// Which calls something happens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Every one.
    All,
    /// Those of one operation.
    Operation(Operation),
    /// The one with that [number](Call::number).
    Number(usize),
}

impl Which {
    fn is(self, call: Call) -> bool {
        match self {
            Self::All => true,
            Self::Operation(operation) => operation == call.operation,
            Self::Number(number) => number == call.number,
        }
    }
}

/// Makes calls fail or last, and remembers them. To make every call of some
/// undertaking fail in turn, let it run once without faults, and then once for
/// each of its [`calls`](Self::calls).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use std::sync::Arc;
///
/// use sentinel_store::conformance::{Failure, Faults, HookedSessions, Moment, Which};
/// use sentinel_store::{CallerKey, MemorySessions, SessionStore, StoreError};
///
/// let faults = Faults::new();
/// let store = HookedSessions::new(MemorySessions::new(), Arc::clone(&faults) as _);
/// let alice = CallerKey::parse("alice").unwrap();
/// store.gate(&alice).await.unwrap();
///
/// faults.fail(Which::Number(1), Moment::Before, Failure::Throttled);
/// assert!(matches!(store.gate(&alice).await, Err(StoreError::Throttled(_))));
/// assert_eq!(faults.calls().len(), 2);
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Faults {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Operation>,
    failures: Vec<(Which, Moment, Failure)>,
    delays: Vec<(Which, Moment, Duration)>,
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Makes calls fail. Of several failures that meet a call at one moment, the
    /// last that was asked for counts.
    pub fn fail(&self, which: Which, moment: Moment, failure: Failure) {
        self.state().failures.push((which, moment, failure));
    }

    /// Makes calls last: under tokio's paused clock, for as long as one likes.
    /// All delays that meet a call at one moment add up, and come before its
    /// failure.
    pub fn delay(&self, which: Which, moment: Moment, delay: Duration) {
        self.state().delays.push((which, moment, delay));
    }

    /// Forgets all failures and delays; the calls are remembered.
    pub fn mend(&self) {
        let mut state = self.state();
        state.failures.clear();
        state.delays.clear();
    }

    /// What was called so far; a call's number is its place here.
    #[must_use]
    pub fn calls(&self) -> Vec<Operation> {
        self.state().calls.clone()
    }

    /// How the call is to fail at that moment, if it is.
    #[must_use]
    pub fn failure(&self, call: Call, moment: Moment) -> Option<Failure> {
        let state = self.state();
        let mut failures = state.failures.iter().rev();
        failures
            .find(|(which, at, _)| which.is(call) && *at == moment)
            .map(|(.., failure)| *failure)
    }

    fn delay_of(&self, call: Call, moment: Moment) -> Duration {
        let state = self.state();
        let delays = state.delays.iter();
        delays
            .filter(|(which, at, _)| which.is(call) && *at == moment)
            .map(|(.., time)| *time)
            .sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Hook for Faults {
    fn begin(&self, operation: Operation) -> Call {
        let calls = &mut self.state().calls;
        calls.push(operation);
        Call { operation, number: calls.len() - 1 }
    }

    async fn at(&self, call: Call, moment: Moment) -> Result<(), StoreError> {
        let delay = self.delay_of(call, moment);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        match self.failure(call, moment) {
            Some(failure) => Err(failure.error()),
            None => Ok(()),
        }
    }
}
