//! Runs tasks in every order that their calls can have, depth first. It is not about Sentinel: what
//! the tasks do, and what must hold, is in `story`.
//!
//! A task is at a _step_ when a call of it waits: before its effect, or after it and before the task
//! gets the result. A _move_ lets one step continue, fails it, or drops its task. The moves from the
//! beginning to the end are an _order_.
//!
//! Orders that differ only in moves that do not affect each other have the same outcome. With
//! [`Explorer::reduced`], one of them is run. The explorer keeps a sleep set for each node, and follows
//! only one task while the moves of this task cannot affect others, which is a persistent set (Godefroid,
//! Partial-Order Methods for the Verification of Concurrent Systems, 1996, chapters 4 and 5).

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use async_trait::async_trait;
use sentinel_store::StoreError;
use sentinel_store::conformance::{Hook, Phase, StoreCall, StoreOperation};

use crate::world::ASSUME_ROLE;

pub(super) type Task<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A call of a task that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) task: usize,
    /// Number of calls that the task made before this one.
    call: usize,
    pub(super) operation: StoreOperation,
    pub(super) phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Continue(Step),
    /// The call returns an error. Before the effect, there is none. After the effect, the effect stays:
    /// the result is unknown to the task.
    Fail(Step),
    /// The task is dropped, as when its process is killed.
    Crash(usize),
}

impl Move {
    pub(super) fn task(self) -> usize {
        match self {
            Self::Continue(step) | Self::Fail(step) => step.task,
            Self::Crash(task) => task,
        }
    }

    /// The call that has its effect in this move.
    pub(super) fn effect(self) -> Option<StoreOperation> {
        match self {
            Self::Continue(step) => (step.phase == Phase::Before).then_some(step.operation),
            Self::Fail(_) | Self::Crash(_) => None,
        }
    }

    pub(super) fn is_fault(self) -> bool {
        match self {
            Self::Continue(_) => false,
            Self::Fail(_) | Self::Crash(_) => true,
        }
    }

    /// Whether the order of two moves can matter. The effects of `local` operations matter to their own
    /// task only.
    fn affects(self, other: Self, local: &[StoreOperation]) -> bool {
        if self.is_fault() && other.is_fault() {
            // They share the number of faults that an order may have.
            return true;
        }
        // Two calls of one task that wait at the same time run in parallel. If both succeed, the task
        // continues when the last one has ended. If one fails, it ends the other.
        if self.task() == other.task() && (self.is_fault() || other.is_fault()) {
            return true;
        }
        let shared = |it: Self| it.effect().filter(|it| !local.contains(it));
        match (shared(self), shared(other)) {
            (Some(one), Some(other)) => access(one).conflicts(access(other)),
            // The rest of a task, up to its next call, reads nothing that other tasks write.
            (None, _) | (_, None) => false,
        }
    }
}

/// The kind of record that an operation reads or writes. Operations on different records of one kind
/// count as operations on the same record, except new sessions, whose handles are their own.
#[derive(Clone, Copy)]
struct Access {
    reads: &'static [&'static str],
    writes: &'static [&'static str],
}

impl Access {
    fn conflicts(self, other: Self) -> bool {
        let writes_seen = |one: Self, other: Self| {
            one.writes.iter().any(|it| other.reads.contains(it) || other.writes.contains(it))
        };
        let own_sessions = |it: Self| it.writes == ["sessions"];
        if own_sessions(self) && own_sessions(other) {
            return false;
        }
        writes_seen(self, other) || writes_seen(other, self)
    }
}

fn access(operation: StoreOperation) -> Access {
    use StoreOperation as Op;
    let (reads, writes): (&[&str], &[&str]) = match operation {
        Op::Gate => (&["gates"], &[]),
        Op::ChangeGate => (&["gates"], &["gates"]),
        Op::CreateSession | Op::EndSession => (&[], &["sessions"]),
        Op::Session => (&["sessions", "gates"], &[]),
        Op::Sessions => (&["sessions"], &[]),
        Op::Request | Op::LiveRequests | Op::Requests => (&["requests"], &[]),
        Op::CreateRequest | Op::ReplaceRequest => (&["requests"], &["requests"]),
        Op::Grant | Op::LiveGrants | Op::Grants => (&["grants"], &[]),
        Op::OpenGrant | Op::ReplaceGrant => (&["grants"], &["grants"]),
        Op::Other(_) => (&[], &[]),
        Op::CountVend | Op::Policy | Op::List | Op::Write => panic!("{operation:?} takes no turn"),
        _ => panic!("{operation:?} is new: state what it reads and writes"),
    };
    Access { reads, writes }
}

/// The hook at which the calls of tasks wait. Calls that no task makes take no turn, and neither do
/// reads of policies and counts of vends.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    /// Operations that take no turn, in addition to reads of policies and counts of vends.
    silent: Vec<StoreOperation>,
}

#[derive(Debug, Default)]
struct State {
    /// The task that is polled.
    current: Option<usize>,
    calls: BTreeMap<usize, usize>,
    waiting: Vec<(Step, Waker)>,
    /// The step whose turn it is, and whether it fails.
    turn: Option<(Step, bool)>,
    /// The tasks whose next read of a gate takes no turn.
    own_gate: BTreeSet<usize>,
}

/// The number of a call that takes no turn.
const NO_TURN: usize = usize::MAX;
/// More than the number of calls of a task.
const CALLS: usize = 1000;

/// Removes a step from the waiting ones, also if its call is dropped.
struct Place<'a>(&'a Turns, Step);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().waiting.retain(|(step, _)| *step != self.1);
    }
}

#[async_trait]
impl Hook for Turns {
    fn begin(&self, operation: StoreOperation) -> StoreCall {
        let state = &mut *self.state.lock().unwrap();
        let own_gate = operation == StoreOperation::Gate
            && state.current.is_some_and(|task| state.own_gate.remove(&task));
        let number = match (state.current, operation) {
            _ if own_gate => NO_TURN,
            (None, _)
            | (_, StoreOperation::Policy | StoreOperation::List | StoreOperation::CountVend) => {
                NO_TURN
            }
            (Some(_), silent) if self.silent.contains(&silent) => NO_TURN,
            (Some(task), _) => {
                let calls = state.calls.entry(task).or_default();
                *calls += 1;
                task * CALLS + *calls - 1
            }
        };
        StoreCall::new(operation, number)
    }

    async fn at(&self, call: StoreCall, phase: Phase) -> Result<(), StoreError> {
        if call.number == NO_TURN {
            return Ok(());
        }
        let (task, operation) = (call.number / CALLS, call.operation);
        let step = Step { task, call: call.number % CALLS, operation, phase };
        let place = Place(self, step);
        let fails = poll_fn(|context| {
            let state = &mut *self.state.lock().unwrap();
            if let Some((_, fails)) = state.turn.take_if(|(turn, _)| *turn == step) {
                return Poll::Ready(fails);
            }
            if state.waiting.iter().all(|(waiting, _)| *waiting != step) {
                state.waiting.push((step, context.waker().clone()));
            }
            Poll::Pending
        })
        .await;
        drop(place);
        if fails { Err(StoreError::Unavailable("injected".into())) } else { Ok(()) }
    }
}

impl Turns {
    /// The hook, in which some operations take no turn.
    pub(super) fn without(silent: &[StoreOperation]) -> Arc<Self> {
        Arc::new(Self { silent: silent.to_vec(), ..Self::default() })
    }

    /// The next read of a gate by the running task takes no turn: it is the gate of a person that no
    /// other task revokes.
    pub(super) fn skip_own_gate(&self) {
        let state = &mut *self.state.lock().unwrap();
        state.own_gate.extend(state.current);
    }

    fn waiting(&self) -> Vec<Step> {
        let mut waiting: Vec<Step> =
            self.state.lock().unwrap().waiting.iter().map(|(step, _)| *step).collect();
        waiting.sort_by_key(|step| (step.task, step.call));
        waiting
    }

    fn resume(&self, step: Step, fails: bool) {
        let state = &mut *self.state.lock().unwrap();
        state.turn = Some((step, fails));
        for (waiting, waker) in &state.waiting {
            if *waiting == step {
                waker.wake_by_ref();
            }
        }
    }

    /// Polls a task until it waits for a turn. Returns whether it is finished.
    fn poll(&self, number: usize, task: &mut Task<'_>) -> bool {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(woken.clone());
        self.state.lock().unwrap().current = Some(number);
        let mut finished = false;
        while !finished && woken.0.swap(false, Ordering::SeqCst) {
            finished = task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        }
        let state = &mut *self.state.lock().unwrap();
        state.current = None;
        assert!(state.turn.is_none(), "{:?} did not continue", state.turn);
        finished
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A place in the tree of orders.
struct Node {
    moves: Vec<Move>,
    /// The move that is explored.
    chosen: Move,
    /// Moves whose orders from here on have been run.
    asleep: Vec<Move>,
}

/// The tree of orders, explored depth first. Each order runs the tasks again from the beginning.
pub(super) struct Explorer {
    /// Maximum number of faults in an order.
    faults: usize,
    /// The tasks below this number can crash.
    crashing: usize,
    reduced: bool,
    local: &'static [StoreOperation],
    path: Vec<Node>,
    begun: bool,
    /// Number of orders that were run to their end.
    pub(super) orders: usize,
    /// Number of orders that were left because an equivalent one had been run.
    pub(super) left: usize,
}

impl Explorer {
    /// All orders without a fault.
    pub(super) fn new() -> Self {
        Self {
            faults: 0,
            crashing: 0,
            reduced: false,
            local: &[ASSUME_ROLE],
            path: Vec::new(),
            begun: false,
            orders: 0,
            left: 0,
        }
    }

    /// One of the orders that differ only in moves that do not affect each other.
    pub(super) fn reduced() -> Self {
        Self { reduced: true, ..Self::new() }
    }

    /// Also the orders with up to this number of faults, of which the tasks below `crashing` can
    /// crash.
    pub(super) fn with_faults(self, faults: usize, crashing: usize) -> Self {
        Self { faults, crashing, ..self }
    }

    /// In the tasks, the effects of these operations matter to their own task only.
    pub(super) fn with_local(self, local: &'static [StoreOperation]) -> Self {
        Self { local, ..self }
    }

    /// Moves on to the next order. Returns false after the last one.
    pub(super) fn next_order(&mut self) -> bool {
        if !self.begun {
            self.begun = true;
            return true;
        }
        while let Some(mut node) = self.path.pop() {
            node.asleep.push(node.chosen);
            if let Some(next) = node.moves.iter().find(|it| !node.asleep.contains(it)) {
                node.chosen = *next;
                self.path.push(node);
                return true;
            }
        }
        false
    }

    /// Runs the tasks in the next order, and calls `observe` after each move. Returns the moves, or
    /// `None` if an equivalent order was run before.
    pub(super) fn run(
        &mut self,
        turns: &Turns,
        tasks: Vec<Task<'_>>,
        observe: &mut dyn FnMut(Move),
    ) -> Option<Vec<Move>> {
        // No task yields to the runtime, whose budget would end.
        let mut tasks: Vec<Option<Task<'_>>> = tasks
            .into_iter()
            .map(|task| Some(Box::pin(tokio::task::unconstrained(task)) as Task<'_>))
            .collect();
        let mut order: Vec<Move> = Vec::new();
        for (number, task) in tasks.iter_mut().enumerate() {
            task.take_if(|task| turns.poll(number, task));
        }
        loop {
            let moves = self.followed(self.moves(&turns.waiting(), &order));
            if moves.is_empty() {
                assert!(tasks.iter().all(Option::is_none), "tasks wait for something else");
                self.orders += 1;
                return Some(order);
            }
            if self.path.len() == order.len() {
                let asleep = self.path.last().map(|node| self.still_asleep(node));
                let asleep = asleep.unwrap_or_default();
                let Some(chosen) = moves.iter().find(|it| !asleep.contains(it)).copied() else {
                    self.left += 1;
                    return None;
                };
                self.path.push(Node { moves, chosen, asleep });
            } else {
                assert_eq!(self.path[order.len()].moves, moves, "another order after {order:?}");
            }
            let chosen = self.path[order.len()].chosen;
            order.push(chosen);
            let task = &mut tasks[chosen.task()];
            match chosen {
                Move::Crash(_) => *task = None,
                Move::Continue(step) => turns.resume(step, false),
                Move::Fail(step) => turns.resume(step, true),
            }
            task.take_if(|task| turns.poll(chosen.task(), task));
            observe(chosen);
        }
    }

    /// The moves that are possible.
    fn moves(&self, waiting: &[Step], order: &[Move]) -> Vec<Move> {
        let mut moves: Vec<Move> = waiting.iter().copied().map(Move::Continue).collect();
        if order.iter().filter(|it| it.is_fault()).count() < self.faults {
            moves.extend(waiting.iter().copied().map(Move::Fail));
            let crashing = |task: &usize| waiting.iter().any(|step| step.task == *task);
            moves.extend((0..self.crashing).filter(crashing).map(Move::Crash));
        }
        moves
    }

    /// The moves that are explored, of those that are possible.
    ///
    /// If no move of a task affects other tasks, those of other tasks can wait: in every order from here
    /// on, the first move of this task can be put before the moves of other tasks. Unless there can be a
    /// fault, this is true of a single move, too.
    fn followed(&self, moves: Vec<Move>) -> Vec<Move> {
        if !self.reduced {
            return moves;
        }
        let is_local = |it: &Move| it.effect().is_none_or(|it| self.local.contains(&it));
        if !moves.iter().any(|it| it.is_fault())
            && let Some(local) = moves.iter().find(|it| is_local(it))
        {
            return vec![*local];
        }
        let follows = |task: usize| {
            moves.iter().filter(|it| it.task() == task && !it.is_fault()).all(is_local)
        };
        match moves.iter().map(|it| it.task()).find(|task| follows(*task)) {
            Some(task) => moves.into_iter().filter(|it| it.task() == task).collect(),
            None => moves,
        }
    }

    /// The moves that are still asleep after the chosen one.
    fn still_asleep(&self, node: &Node) -> Vec<Move> {
        let unaffected = |it: &&Move| self.reduced && !it.affects(node.chosen, self.local);
        node.asleep.iter().filter(unaffected).copied().collect()
    }
}
