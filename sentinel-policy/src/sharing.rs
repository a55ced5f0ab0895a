//! The rules that share a condition. If the condition does not hold for a request, none of
//! them matches, and none of them needs to be evaluated.
//!
//! A decision excludes rules only after it has evaluated many without a match
//! ([`Few`](crate::memory::Few)). Most decisions never do.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::FixedState;

use crate::clause::{Clauses, slice};
use crate::index::Block;

/// The number of rules from which excluding them costs less than evaluating each.
const MIN_RULES: u32 = 8;

/// The rules of each condition that several rules share, by the number of its compiled
/// form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sharing(HashMap<u32, Vec<Block>, FixedState>);

impl Sharing {
    /// Finds the conditions that are shared. `circumstances` are those of each rule, in
    /// order, without the ones under `unless`.
    pub(crate) fn of<'r>(
        clauses: &Clauses,
        circumstances: impl Iterator<Item = &'r Range<u32>> + Clone,
    ) -> Self {
        let numbers = |range| slice(&clauses.circumstances, range).iter().map(|it| it.number);
        let mut counts = vec![0_u32; clauses.compiled.len()];
        for number in circumstances.clone().flat_map(numbers) {
            if let Some(count) = counts.get_mut(number as usize) {
                *count += 1;
            }
        }
        let mut rules: HashMap<u32, Vec<Block>, FixedState> = HashMap::default();
        for (rule, range) in (0..).zip(circumstances) {
            for number in numbers(range) {
                if counts.get(number as usize).is_some_and(|count| *count >= MIN_RULES) {
                    Block::add(rules.entry(number).or_default(), rule);
                }
            }
        }
        rules.values_mut().for_each(Vec::shrink_to_fit);
        Self(rules)
    }

    /// Adds the rules that share a condition to a set of rules, which has 64 in each word.
    /// A set that is too short gets the rules that it has room for.
    pub(crate) fn add_to(&self, excluded: &mut [u64], number: u32) {
        for block in self.0.get(&number).into_iter().flatten() {
            if let Some(word) = excluded.get_mut(block.index as usize) {
                *word |= block.bits;
            }
        }
    }
}
