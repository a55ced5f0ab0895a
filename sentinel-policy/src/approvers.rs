//! Whether people satisfy the steps of an approvals rule. One person counts for one step
//! only, so this is a matching of people with the places of the steps: each step has as many
//! places as it needs approvals. A greedy choice is not enough, because it can give a person
//! a place that only another person needs less.

use std::collections::VecDeque;

use crate::user_entry::is_one_of;
use crate::{ApprovalRule, ApprovalStep, Principal};

impl ApprovalStep {
    /// Whether that person can approve in this step.
    #[must_use]
    pub fn names_approver(&self, person: &Principal<'_>) -> bool {
        is_one_of(&self.approvers, person)
    }
}

impl ApprovalRule {
    /// Whether that person can approve in at least one step.
    #[must_use]
    pub fn names_approver(&self, person: &Principal<'_>) -> bool {
        self.steps.iter().any(|step| step.names_approver(person))
    }

    /// Whether approvals by these people satisfy every step. They must be different persons,
    /// and none of them the requester. One person counts for one step only.
    ///
    /// ```
    /// use sentinel_policy::{Policy, Principal};
    ///
    /// let policy: Policy = r#"
    /// version: "1"
    /// rules: [{ name: ask, effect: require_approval }]
    /// approvals:
    ///   - name: peer-and-lead
    ///     profiles: [production]
    ///     approvers:
    ///       - { approvers: [alice, bob, carol] }
    ///       - { approvers: [carol] }
    /// "#
    /// .parse()?;
    /// let rule = policy.approval_rule("production").unwrap();
    /// let [alice, bob, carol] = ["alice", "bob", "carol"].map(Principal::new);
    /// assert!(!rule.satisfied_by(&[carol]));
    /// assert!(!rule.satisfied_by(&[alice, bob]));
    /// assert!(rule.satisfied_by(&[carol, alice]));
    /// # Ok::<(), sentinel_policy::Diagnostics>(())
    /// ```
    #[must_use]
    pub fn satisfied_by(&self, people: &[Principal<'_>]) -> bool {
        self.missing(people) == 0
    }

    /// The minimum number of further approvals that satisfy every step, if these people have
    /// approved. They must be different persons, and none of them the requester.
    #[must_use]
    pub fn missing(&self, people: &[Principal<'_>]) -> u32 {
        let needed = self.steps.iter().fold(0_u32, |sum, step| sum.saturating_add(step.approvals));
        let mut places = Places::of(&self.steps, people);
        let mut placed = 0_u32;
        for person in 0..people.len() {
            if places.place(person) {
                placed = placed.saturating_add(1);
            }
        }
        needed.saturating_sub(placed)
    }
}

/// The people in the places of each step.
struct Places<'a> {
    steps: &'a [ApprovalStep],
    people: &'a [Principal<'a>],
    /// By step.
    taken: Vec<Vec<usize>>,
}

/// How a place in a step can become free for a new person: a person moves into the step.
#[derive(Clone, Copy)]
struct Move {
    person: usize,
    /// The step that the person leaves. `None` for the new person.
    from: Option<usize>,
}

impl<'a> Places<'a> {
    fn of(steps: &'a [ApprovalStep], people: &'a [Principal<'a>]) -> Self {
        Self { steps, people, taken: vec![Vec::new(); steps.len()] }
    }

    /// Assigns a place to a person, moving others if necessary. Returns `false` if the steps have
    /// no place for one person more.
    fn place(&mut self, person: usize) -> bool {
        // A search over the steps, breadth first and without recursion, since a document can
        // have very many steps.
        let mut moves: Vec<Option<Move>> = vec![None; self.steps.len()];
        let mut reached = VecDeque::new();
        self.reach(Move { person, from: None }, &mut moves, &mut reached);
        while let Some(step) = reached.pop_front() {
            if self.has_room(step) {
                self.apply(step, &moves);
                return true;
            }
            for other in self.taken.get(step).cloned().unwrap_or_default() {
                self.reach(Move { person: other, from: Some(step) }, &mut moves, &mut reached);
            }
        }
        false
    }

    /// Records each step that the person of this move can move into and that was not reached.
    fn reach(&self, by: Move, moves: &mut [Option<Move>], reached: &mut VecDeque<usize>) {
        let Some(person) = self.people.get(by.person) else { return };
        for (step, (rule, first)) in self.steps.iter().zip(moves).enumerate() {
            if first.is_none() && rule.names_approver(person) {
                *first = Some(by);
                reached.push_back(step);
            }
        }
    }

    fn has_room(&self, step: usize) -> bool {
        let places = self.steps.get(step).map_or(0, |step| step.approvals);
        let taken = self.taken.get(step).map_or(0, Vec::len);
        u32::try_from(taken).is_ok_and(|taken| taken < places)
    }

    /// Makes the moves that lead to a place in `step`.
    fn apply(&mut self, step: usize, moves: &[Option<Move>]) {
        let mut next = Some(step);
        while let Some(step) = next
            && let Some(Move { person, from }) = moves.get(step).copied().flatten()
        {
            if let Some(leaves) = from.and_then(|from| self.taken.get_mut(from)) {
                leaves.retain(|other| *other != person);
            }
            if let Some(enters) = self.taken.get_mut(step) {
                enters.push(person);
            }
            next = from;
        }
    }
}
