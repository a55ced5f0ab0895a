//! The index finds the rules that can match the names in a request. It has one set
//! of rules for each name that the policy contains without wildcards, and for each
//! kind of name. A set is a list of its non-empty blocks of 64 rules. Ten thousand
//! rules that name one user each therefore take ten thousand blocks, and no matrix
//! is needed. A lookup scans the kinds in parallel, and each kind skips to the
//! block that the others have reached. The index does not evaluate the other
//! conditions of a candidate.
//!
//! # One column
//!
//! The column of users for four rules. A dot is a bit, and all four rules are in the
//! first block of 64:
//!
//! ```text
//! rule                 0          1                   2          3
//! users                alice      bob, "*@corp.com"   (none)     "*"
//!
//! written   alice      ●
//!           bob                   ●
//! any       settled                                   ●          ●
//!           open                  ●                   ●          ●
//! none      settled                                   ●
//!           open                                      ●
//! ```
//!
//! A rule is possible for a request if its bit is in the row of the written name or in
//! `open`. It is unsure if its bit is in `open` only: then a pattern decides.
//!
//! | user of the request | possible   | unsure |
//! | ------------------- | ---------- | ------ |
//! | `alice`             | 0, 1, 2, 3 | 1      |
//! | `bob`               | 1, 2, 3    |        |
//! | `carol`             | 1, 2, 3    | 1      |
//! | none                | 2          |        |
//!
//! # One decision
//!
//! Let rule 1 also require the profile `production`, and the other rules any profile. For
//! `alice` and `staging`, the column of users leaves rules 0 to 3 possible and the column of
//! profiles rules 0, 2 and 3. Their intersection is 0, 2, 3, and none of them is unsure. The
//! evaluator then evaluates the other conditions of rule 0, and if they do not hold, those of
//! rules 2 and 3. Rule 1 costs nothing: its pattern is never matched.

use std::collections::HashMap;
use std::fmt;

use foldhash::fast::FixedState;

use crate::Request;
use crate::condition::NameKind;

/// The result of looking up the request's name of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// The request does not have such a name, so it meets no condition on it.
    Absent,
    /// The request has a name that the policy does not contain without wildcards.
    Unwritten,
    /// The request has the name with this number in the policy.
    Written(u32),
}

/// The condition of one rule on one kind of name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NameCondition<'a> {
    /// The rule has no condition on it. It can match any request, also one without such
    /// a name.
    Absent,
    /// The name must match one of these.
    Names {
        /// The numbers of the names without wildcards.
        written: &'a [u32],
        /// Whether `*` is among them, so that any name matches.
        anyone: bool,
        /// Whether patterns are among them. The index cannot evaluate patterns.
        patterns: bool,
    },
}

/// The numbers of the names that a policy contains without wildcards, and the rules
/// with a condition on each name.
#[derive(Clone, Default)]
pub(crate) struct Column {
    numbers: HashMap<Box<str>, u32, FixedState>,
    /// The blocks of each name, ascending.
    rules: Vec<Vec<Block>>,
    /// The rules for a request that has a name of this kind, independent of the name.
    any: Vec<Word>,
    /// The rules for a request without such a name: only the rules without a condition
    /// on it.
    none: Vec<Word>,
    /// Whether the conditions of at least one rule contain such names.
    used: bool,
    /// Whether the policy contains such names anywhere, including `unless` and
    /// `profiles`.
    mentioned: bool,
}

/// 64 rules of which some are in the set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) index: u32,
    pub(crate) bits: u64,
}

impl Block {
    /// Adds a rule to ascending blocks. Rules must be added in order.
    pub(crate) fn add(blocks: &mut Vec<Self>, rule: u32) {
        let (index, bits) = (rule / 64, 1 << (rule % 64));
        match blocks.last_mut() {
            Some(last) if last.index == index => last.bits |= bits,
            Some(_) | None => blocks.push(Self { index, bits }),
        }
    }
}

/// The part of a column that is independent of the name, for the 64 rules of a
/// block.
#[derive(Clone, Copy, Debug)]
struct Word {
    /// Rules without a condition on this kind of name, and rules that any name matches.
    settled: u64,
    /// The rules in `settled`, and the rules for which a pattern may match.
    open: u64,
    /// The first block, starting at this one, that has an open rule.
    next: u32,
}

/// No further block.
const NO_BLOCK: u32 = u32::MAX;

/// Returns the word of a block. A new word is appended to `words`.
fn word(words: &mut Vec<Word>, block: u32) -> Option<&mut Word> {
    let at = block as usize;
    if words.len() <= at {
        words.resize(at + 1, Word { settled: 0, open: 0, next: NO_BLOCK });
    }
    words.get_mut(at)
}

impl Column {
    /// Records that the policy contains such names.
    pub(crate) fn mention(&mut self) {
        self.mentioned = true;
    }

    /// Returns the number of a name that the policy contains without wildcards. A new
    /// name gets a new number.
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // There are at most as many names as bytes in the document.
        let number = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.into(), number);
        self.rules.push(Vec::new());
        number
    }

    /// Adds the rule with that index. Rules must be added in order.
    pub(crate) fn add(&mut self, rule: u32, condition: NameCondition<'_>) {
        let (index, bits) = (rule / 64, 1 << (rule % 64));
        let (settled, open) = match condition {
            NameCondition::Absent => (true, true),
            NameCondition::Names { anyone, patterns, .. } => (anyone, anyone || patterns),
        };
        if let Some(word) = word(&mut self.any, index) {
            word.settled |= if settled { bits } else { 0 };
            word.open |= if open { bits } else { 0 };
        }
        match condition {
            NameCondition::Absent => {
                if let Some(word) = word(&mut self.none, index) {
                    word.settled |= bits;
                    word.open |= bits;
                }
            }
            NameCondition::Names { written, .. } => {
                self.used = true;
                for number in written {
                    let Some(blocks) = self.rules.get_mut(*number as usize) else { continue };
                    Block::add(blocks, rule);
                }
            }
        }
    }

    /// Completes the column after the last rule was added.
    fn finish(&mut self) {
        for blocks in &mut self.rules {
            blocks.shrink_to_fit();
        }
        for words in [&mut self.any, &mut self.none] {
            let mut next = NO_BLOCK;
            let mut block = u32::try_from(words.len()).unwrap_or(NO_BLOCK);
            for word in words.iter_mut().rev() {
                block -= 1;
                if word.open != 0 {
                    next = block;
                }
                word.next = next;
            }
        }
    }

    /// Looks up the request's name.
    fn given(&self, name: Option<&str>) -> Given {
        match name {
            None => Given::Absent,
            Some(_) if self.numbers.is_empty() => Given::Unwritten,
            Some(name) => {
                self.numbers.get(name).map_or(Given::Unwritten, |number| Given::Written(*number))
            }
        }
    }

    fn lane(&self, kind: NameKind, given: Given) -> Lane<'_> {
        let (words, written) = match given {
            Given::Absent => (&self.none, None),
            Given::Unwritten => (&self.any, None),
            Given::Written(number) => (&self.any, self.rules.get(number as usize)),
        };
        let written = written.map_or(&[][..], Vec::as_slice);
        Lane { words, written, unsure: 0, kind: Unsure::on(kind) }
    }
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column")
            .field("names", &self.numbers.len())
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

/// The columns of a policy.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// The kinds that the policy contains. Kinds that rules have conditions on are
    /// first.
    columns: Vec<(NameKind, Column)>,
    /// The number of kinds that rules have conditions on.
    used: usize,
    /// Every rule, for a kind that no rule has a condition on.
    every: Vec<Word>,
}

impl Index {
    /// Completes the columns of a policy with `rules` rules.
    pub(crate) fn new(mut columns: [Column; NameKind::COUNT], rules: usize) -> Self {
        columns.iter_mut().for_each(Column::finish);
        let mut columns: Vec<_> =
            NameKind::ALL.into_iter().zip(columns).filter(|(_, column)| column.mentioned).collect();
        columns.sort_by_key(|(_, column)| !column.used);
        let used = columns.iter().filter(|(_, column)| column.used).count();
        let every = (0..)
            .step_by(64)
            .take_while(|first| *first < rules)
            .zip(0..)
            .map(|(first, block)| {
                let all = u64::MAX >> 64_usize.saturating_sub(rules - first);
                Word { settled: all, open: all, next: block }
            })
            .collect();
        Self { columns, used, every }
    }

    /// The number of kinds of names that rules have conditions on.
    pub(crate) const fn used(&self) -> usize {
        self.used
    }

    /// Looks up the names in a request, in the order of [`NameKind::ALL`].
    #[inline]
    pub(crate) fn look_up(&self, request: &Request<'_>) -> [Given; NameKind::COUNT] {
        let mut all = [Given::Absent; NameKind::COUNT];
        for (kind, column) in &self.columns {
            if let Some(given) = all.get_mut(*kind as usize) {
                *given = column.given(kind.of(request));
            }
        }
        all
    }

    /// The rules that can match these lookup results. `LANES` must be at least the
    /// number of kinds that rules have conditions on. Fewer lanes cost less.
    #[inline]
    pub(crate) fn candidates<const LANES: usize>(
        &self,
        given: &[Given; NameKind::COUNT],
    ) -> Candidates<'_, LANES> {
        let every = Lane { words: &self.every, written: &[], unsure: 0, kind: Unsure::NOTHING };
        let used = self.columns.get(..self.used).unwrap_or_default();
        let lanes = std::array::from_fn(|at| {
            used.get(at).map_or(every, |(kind, column)| {
                column.lane(*kind, given.get(*kind as usize).copied().unwrap_or(Given::Absent))
            })
        });
        Candidates { lanes, following: 0, bits: 0 }
    }
}

/// Kinds of names for which the index cannot determine whether a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsure(u8);

impl Unsure {
    /// No kind: all of them match.
    pub(crate) const NOTHING: Self = Self(0);
    /// All kinds: no name was looked up.
    pub(crate) const EVERYTHING: Self = Self(u8::MAX);

    const fn on(kind: NameKind) -> Self {
        Self(1 << kind as u8)
    }

    /// Whether the set contains that kind.
    pub(crate) const fn contains(self, kind: NameKind) -> bool {
        self.0 & Self::on(kind).0 != 0
    }
}

/// The rules that can match one kind of name, read block by block.
#[derive(Clone, Copy, Debug)]
struct Lane<'p> {
    words: &'p [Word],
    /// The remaining blocks of the request's name.
    written: &'p [Block],
    /// The rules of the block that was read last for which a pattern must be evaluated.
    unsure: u64,
    kind: Unsure,
}

impl Lane<'_> {
    /// The first block that is not empty, starting at `block`.
    fn seek(&mut self, block: u32) -> u32 {
        // The rules of most names are in one block. The search is for names that very
        // many rules share.
        if self.written.first().is_some_and(|first| first.index < block) {
            let passed = self.written.partition_point(|other| other.index < block);
            self.written = self.written.get(passed..).unwrap_or_default();
        }
        let written = self.written.first().map_or(NO_BLOCK, |first| first.index);
        self.words.get(block as usize).map_or(NO_BLOCK, |word| word.next).min(written)
    }

    /// The rules of `block`, which [`Lane::seek`] has reached.
    fn take(&mut self, block: u32) -> u64 {
        let written = match self.written.first() {
            Some(first) if first.index == block => first.bits,
            Some(_) | None => 0,
        };
        let (settled, open) =
            self.words.get(block as usize).map_or((0, 0), |word| (word.settled, word.open));
        self.unsure = open & !settled & !written;
        open | written
    }
}

/// The rules that can match the names of a request, in order.
#[derive(Debug)]
pub(crate) struct Candidates<'p, const LANES: usize> {
    lanes: [Lane<'p>; LANES],
    /// The block after the one whose rules are being returned.
    following: u32,
    /// The remaining rules of the block.
    bits: u64,
}

impl<const LANES: usize> Candidates<'_, LANES> {
    /// Moves to the next block with a rule that can match, and returns its rules.
    /// `None` if there is no such block.
    fn advance(&mut self) -> Option<u64> {
        let mut block = self.following;
        loop {
            let from = block;
            for lane in &mut self.lanes {
                block = block.max(lane.seek(block));
            }
            if block == NO_BLOCK {
                return None;
            }
            if block != from {
                continue;
            }
            let bits = self.lanes.iter_mut().fold(u64::MAX, |bits, lane| bits & lane.take(block));
            block += 1;
            if bits != 0 {
                self.following = block;
                return Some(bits);
            }
        }
    }

    /// Returns the next rule, and the kinds of names for which its patterns must be
    /// evaluated.
    pub(crate) fn next(&mut self) -> Option<(u32, Unsure)> {
        self.next_without(|_| 0)
    }

    /// Returns the next rule that is not excluded. `excluded` returns the excluded rules of
    /// a block.
    pub(crate) fn next_without(&mut self, excluded: impl Fn(u32) -> u64) -> Option<(u32, Unsure)> {
        // Rules of the current block can have been excluded since the last call.
        if self.bits != 0 {
            self.bits &= !excluded(self.following - 1);
        }
        while self.bits == 0 {
            self.bits = self.advance()?;
            self.bits &= !excluded(self.following - 1);
        }
        let bit = self.bits & self.bits.wrapping_neg();
        self.bits ^= bit;
        let mut unsure = Unsure::NOTHING;
        for lane in &self.lanes {
            if lane.unsure & bit != 0 {
                unsure.0 |= lane.kind.0;
            }
        }
        Some(((self.following - 1) * 64 + bit.trailing_zeros(), unsure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Policy, Principal};

    fn policy(rules: &str) -> Policy {
        format!("version: \"1\"\nrules:\n{rules}").parse().unwrap()
    }

    /// The candidates for a user and a profile, each with whether the user is unsure.
    fn candidates(policy: &Policy, user: &str, profile: &str) -> Vec<(u32, bool)> {
        let request = Request::new(Principal::new(user), profile);
        let given = policy.index.look_up(&request);
        let mut candidates = policy.index.candidates::<{ NameKind::COUNT }>(&given);
        std::iter::from_fn(|| candidates.next())
            .map(|(rule, unsure)| (rule, unsure.contains(NameKind::Users)))
            .collect()
    }

    /// A rule that is unsure without need costs an evaluation, and changes no decision.
    #[test]
    fn the_candidates_of_the_example_are_those_of_its_tables() {
        let text = "  - { name: r0, effect: allow, conditions: { users: [alice] } }\n  \
                    - { name: r1, effect: allow, conditions: { users: [bob, \"*@corp.com\"] } }\n  \
                    - { name: r2, effect: allow }\n  \
                    - { name: r3, effect: allow, conditions: { users: [\"*\"] } }\n";
        let one_column = policy(text);
        let (sure, unsure) = (false, true);
        assert_eq!(
            candidates(&one_column, "alice", "staging"),
            [(0, sure), (1, unsure), (2, sure), (3, sure)]
        );
        assert_eq!(candidates(&one_column, "bob", "staging"), [(1, sure), (2, sure), (3, sure)]);
        assert_eq!(
            candidates(&one_column, "carol", "staging"),
            [(1, unsure), (2, sure), (3, sure)]
        );
        let two_columns =
            policy(&text.replace("users: [bob,", "profiles: [production], users: [bob,"));
        assert_eq!(candidates(&two_columns, "alice", "staging"), [(0, sure), (2, sure), (3, sure)]);
    }

    #[test]
    fn a_group_without_members_leaves_no_rule_possible_that_names_no_one_else() {
        let text = "version: \"1\"\ngroups_from: [g]\nrules: [{ name: r, effect: allow, \
                    conditions: { users: [\"group:g\"] } }]\n";
        assert_eq!(candidates(&text.parse().unwrap(), "alice", "staging"), []);
    }

    /// Without such a name in the request, only rules without a condition on it are possible.
    #[test]
    fn a_request_without_a_name_leaves_the_rules_without_a_condition_on_it_and_they_are_sure() {
        let policy = policy(
            "  - { name: r0, effect: allow, conditions: { accounts: [\"111122223333\"] } }\n  \
             - { name: r1, effect: allow }\n",
        );
        let given = policy.index.look_up(&Request::new(Principal::new("alice"), "staging"));
        let mut candidates = policy.index.candidates::<{ NameKind::COUNT }>(&given);
        assert_eq!(candidates.next(), Some((1, Unsure::NOTHING)));
        assert_eq!(candidates.next(), None);
    }
}
