//! A hook that makes calls take turns. A test can then run every order in which the
//! calls of several tasks can have their effects and be acknowledged.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::{Hook, Phase, StoreCall, StoreOperation};
use crate::StoreError;

/// Makes each call wait twice: before its effect, and before its caller gets the
/// result. [`interleave`] decides which call continues.
#[derive(Debug, Default)]
pub struct Steps {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: usize,
    /// Counts the phases that calls reached, to detect when all tasks wait.
    events: usize,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    call: StoreCall,
    phase: Phase,
    turn: oneshot::Sender<()>,
}

impl Steps {
    /// A hook whose calls wait for [`interleave`].
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The waiting calls, in order of arrival.
    #[must_use]
    pub fn waiting(&self) -> Vec<(StoreCall, Phase)> {
        let mut state = self.state();
        // The caller of a closed turn was cancelled.
        state.waiting.retain(|waiting| !waiting.turn.is_closed());
        state.waiting.iter().map(|waiting| (waiting.call, waiting.phase)).collect()
    }

    /// Lets the waiting call at that index continue.
    fn resume(&self, place: usize) {
        let mut state = self.state();
        if place < state.waiting.len() {
            let waiting = state.waiting.remove(place);
            // It fails if the caller was cancelled.
            waiting.turn.send(()).ok();
        }
    }

    fn events(&self) -> usize {
        self.state().events
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Hook for Steps {
    fn begin(&self, operation: StoreOperation) -> StoreCall {
        let mut state = self.state();
        let number = state.calls;
        state.calls += 1;
        StoreCall { operation, number }
    }

    async fn at(&self, call: StoreCall, phase: Phase) -> Result<(), StoreError> {
        let (turn, mine) = oneshot::channel();
        {
            let mut state = self.state();
            state.events += 1;
            state.waiting.push(Waiting { call, phase, turn });
        }
        mine.await.map_err(|gone| StoreError::Unavailable(gone.into()))
    }
}

/// Decides which waiting call continues.
pub trait Schedule {
    /// Returns one of `0..width`. `width` is not zero.
    fn choose(&mut self, width: usize) -> usize;
}

/// Chooses at random. The same seed makes the same choices.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// The schedule of a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }
}

impl Schedule for Seeded {
    fn choose(&mut self, width: usize) -> usize {
        // SplitMix64 (Steele, Lea and Flood, 2014).
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let width = u64::try_from(width).unwrap_or(u64::MAX).max(1);
        usize::try_from(mixed % width).unwrap_or_default()
    }
}

/// Makes every possible sequence of choices, one after another, depth first.
///
/// ```
/// use sentinel_store::conformance::{Exhaustive, Schedule};
///
/// let (mut schedule, mut seen) = (Exhaustive::default(), Vec::new());
/// while schedule.next_sequence() {
///     seen.push((schedule.choose(2), schedule.choose(2)));
/// }
/// assert_eq!(seen, [(0, 0), (0, 1), (1, 0), (1, 1)]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Exhaustive {
    /// The choices of this sequence, each with the number of alternatives.
    path: Vec<(usize, usize)>,
    /// Number of choices made so far.
    made: usize,
    begun: bool,
}

impl Exhaustive {
    /// Starts the next sequence. Returns false if there are no more.
    pub fn next_sequence(&mut self) -> bool {
        self.made = 0;
        if !self.begun {
            self.begun = true;
            return true;
        }
        while let Some((chosen, width)) = self.path.pop() {
            if chosen + 1 < width {
                self.path.push((chosen + 1, width));
                return true;
            }
        }
        false
    }
}

impl Schedule for Exhaustive {
    fn choose(&mut self, width: usize) -> usize {
        if self.made == self.path.len() {
            self.path.push((0, width));
        }
        let chosen = self.path.get(self.made).map_or(0, |(chosen, _)| *chosen);
        self.made += 1;
        chosen
    }
}

/// There are unfinished tasks, and none of them waits for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{tasks} tasks are unfinished, and none of them waits for a turn")]
#[non_exhaustive]
pub struct Stuck {
    /// Number of unfinished tasks.
    pub tasks: usize,
}

/// Number of rounds without an event before a call continues. More than one, because
/// a task that wakes in one round may continue in the next.
const QUIET_ROUNDS: usize = 3;

/// Runs tasks to their end. When all of them wait for a turn, the schedule chooses the
/// call that continues.
///
/// The same schedule results in the same order, if the tasks only call stores that run
/// the hook `steps`. Tasks that they spawn run in the same tokio runtime, which must
/// have one thread.
///
/// # Errors
/// If tasks wait for something else.
pub async fn interleave<'a>(
    steps: &Steps,
    tasks: Vec<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>,
    schedule: &mut dyn Schedule,
) -> Result<(), Stuck> {
    let mut tasks = tasks;
    loop {
        let mut quiet = 0;
        while quiet < QUIET_ROUNDS {
            let before = (tasks.len(), steps.events());
            poll_fn(|context| {
                tasks.retain_mut(|task| task.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
            tokio::task::yield_now().await;
            quiet = if before == (tasks.len(), steps.events()) { quiet + 1 } else { 0 };
        }
        if tasks.is_empty() {
            return Ok(());
        }
        match steps.waiting().len() {
            0 => return Err(Stuck { tasks: tasks.len() }),
            width => steps.resume(schedule.choose(width)),
        }
    }
}
