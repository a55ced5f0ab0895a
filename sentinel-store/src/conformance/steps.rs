//! A hook that makes calls take turns, so that a test can try every order in
//! which the calls of several tasks can have their effects and be acknowledged.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::{Call, Hook, Moment, Operation};
use crate::StoreError;

/// Makes each call wait twice: before it has its effect, and again before its
/// caller learns of it. [`interleave`] decides whose turn it is.
#[derive(Debug, Default)]
pub struct Steps {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: usize,
    /// Counts what happened, to see when nothing happens any more.
    events: usize,
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    call: Call,
    moment: Moment,
    turn: oneshot::Sender<()>,
}

impl Steps {
    /// A hook whose calls wait for [`interleave`].
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The calls that wait, in the order in which they came.
    #[must_use]
    pub fn waiting(&self) -> Vec<(Call, Moment)> {
        let mut state = self.state();
        // Whoever gave a call up does not wait for it.
        state.waiting.retain(|waiting| !waiting.turn.is_closed());
        state.waiting.iter().map(|waiting| (waiting.call, waiting.moment)).collect()
    }

    /// Lets the call go on that is at that place among the waiting ones.
    fn give_turn(&self, place: usize) {
        let mut state = self.state();
        if place < state.waiting.len() {
            let waiting = state.waiting.remove(place);
            // Whoever gave the call up does not mind.
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
    fn begin(&self, operation: Operation) -> Call {
        let mut state = self.state();
        let number = state.calls;
        state.calls += 1;
        Call { operation, number }
    }

    async fn at(&self, call: Call, moment: Moment) -> Result<(), StoreError> {
        let (turn, mine) = oneshot::channel();
        {
            let mut state = self.state();
            state.events += 1;
            state.waiting.push(Waiting { call, moment, turn });
        }
        mine.await.map_err(|gone| StoreError::Unavailable(gone.into()))
    }
}

/// Decides whose turn it is.
pub trait Schedule {
    /// One of `0..width`; `width` is not zero.
    fn choose(&mut self, width: usize) -> usize;
}

/// Chooses at random, and for the same seed always the same.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// A schedule for every seed.
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

/// Chooses every way there is, one after another: depth first.
///
/// ```
/// use sentinel_store::conformance::{Exhaustive, Schedule};
///
/// let (mut schedule, mut seen) = (Exhaustive::default(), Vec::new());
/// while schedule.next_way() {
///     seen.push((schedule.choose(2), schedule.choose(2)));
/// }
/// assert_eq!(seen, [(0, 0), (0, 1), (1, 0), (1, 1)]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Exhaustive {
    /// The choices of this way, and of how many each is one.
    path: Vec<(usize, usize)>,
    /// How many of them were made.
    made: usize,
    begun: bool,
}

impl Exhaustive {
    /// Goes on to the next way; false when there is none left.
    pub fn next_way(&mut self) -> bool {
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

/// Tasks are left, and none of them waits for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{tasks} tasks are left, and none of them waits for a turn")]
pub struct Stuck {
    /// How many.
    pub tasks: usize,
}

/// How many rounds nothing must happen in before a turn is given. More than one,
/// since what wakes in one round may go on in the next.
const QUIET_ROUNDS: usize = 3;

/// Runs tasks to their end. Whenever all of them wait for a turn, the schedule
/// chooses one of the waiting calls, and that goes on.
///
/// The same schedule gives the same order each time when the tasks do nothing
/// but call stores that pass `steps`. What they spawn runs along in a tokio
/// runtime of one thread.
///
/// # Errors
/// When tasks wait for something else.
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
            width => steps.give_turn(schedule.choose(width)),
        }
    }
}
