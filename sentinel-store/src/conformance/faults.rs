//! A hook that makes calls fail or take longer.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{Hook, Phase, StoreCall, StoreOperation};
use crate::StoreError;

/// The kinds of failure that can be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are those of `StoreError`")]
#[expect(clippy::exhaustive_enums, reason = "the kinds are those of `StoreError`")]
pub enum StoreErrorKind {
    NotFound,
    Conflict,
    Throttled,
    Unavailable,
    Refused,
    Corrupt,
}

impl StoreErrorKind {
    /// Every kind.
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
        let source = || "injected".into();
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

/// The calls that a fault applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallSelector {
    /// Every call.
    All,
    /// The calls of one operation.
    Operation(StoreOperation),
    /// The call with this [number](StoreCall::number).
    Number(usize),
}

impl CallSelector {
    fn selects(self, call: StoreCall) -> bool {
        match self {
            Self::All => true,
            Self::Operation(operation) => operation == call.operation,
            Self::Number(number) => number == call.number,
        }
    }
}

/// Makes calls fail or take longer, and records them. To make each call of a task
/// fail in turn, run the task once without faults, and then once for each of its
/// [`calls`](Self::calls).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use std::sync::Arc;
///
/// use sentinel_store::conformance::{
///     CallSelector, Faults, HookedSessions, Phase, StoreErrorKind,
/// };
/// use sentinel_store::memory::MemorySessions;
/// use sentinel_store::{CallerKey, SessionStore, StoreError};
///
/// let faults = Faults::new();
/// let store = HookedSessions::new(MemorySessions::new(), Arc::clone(&faults) as _);
/// let alice = CallerKey::parse("alice").unwrap();
/// store.gate(&alice).await.unwrap();
///
/// faults.fail(CallSelector::Number(1), Phase::Before, StoreErrorKind::Throttled);
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
    calls: Vec<StoreOperation>,
    failures: Vec<(CallSelector, Phase, StoreErrorKind)>,
    delays: Vec<(CallSelector, Phase, Duration)>,
}

impl Faults {
    /// No faults.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Makes calls fail. If several failures apply to a call in one phase, the last
    /// one that was added is injected.
    pub fn fail(&self, which: CallSelector, phase: Phase, failure: StoreErrorKind) {
        self.state().failures.push((which, phase, failure));
    }

    /// Delays calls. Under tokio's paused clock, a delay takes no real time. All
    /// delays that apply to a call in one phase add up, and are before its failure.
    pub fn delay(&self, which: CallSelector, phase: Phase, delay: Duration) {
        self.state().delays.push((which, phase, delay));
    }

    /// Removes all failures and delays. The recorded calls stay.
    pub fn clear(&self) {
        let mut state = self.state();
        state.failures.clear();
        state.delays.clear();
    }

    /// The calls so far. The index of a call is its number.
    #[must_use]
    pub fn calls(&self) -> Vec<StoreOperation> {
        self.state().calls.clone()
    }

    /// The failure to inject into a call in a phase, if any.
    #[must_use]
    pub fn failure(&self, call: StoreCall, phase: Phase) -> Option<StoreErrorKind> {
        let state = self.state();
        let mut failures = state.failures.iter().rev();
        failures
            .find(|(which, at, _)| which.selects(call) && *at == phase)
            .map(|(.., failure)| *failure)
    }

    fn delay_of(&self, call: StoreCall, phase: Phase) -> Duration {
        let state = self.state();
        let delays = state.delays.iter();
        delays
            .filter(|(which, at, _)| which.selects(call) && *at == phase)
            .map(|(.., time)| *time)
            .sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Hook for Faults {
    fn begin(&self, operation: StoreOperation) -> StoreCall {
        let calls = &mut self.state().calls;
        calls.push(operation);
        StoreCall { operation, number: calls.len() - 1 }
    }

    async fn at(&self, call: StoreCall, phase: Phase) -> Result<(), StoreError> {
        let delay = self.delay_of(call, phase);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        match self.failure(call, phase) {
            Some(failure) => Err(failure.error()),
            None => Ok(()),
        }
    }
}
