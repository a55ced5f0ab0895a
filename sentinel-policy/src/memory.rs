//! The results of conditions within one decision. Each distinct condition is
//! evaluated at most once. The results are stored in memory of a fixed size, since
//! a decision does not allocate.

use std::convert::Infallible;

use crate::sharing::Sharing;

/// There is no room for another result, or enough rules were evaluated without a match
/// that excluding others costs less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outgrown;

/// The results so far, by the numbers of the compiled conditions.
pub(crate) trait Memory {
    /// [`Outgrown`] if a larger memory can be necessary.
    type Error;

    /// Whether a result can exclude other rules. Every result is then worth storing.
    const EXCLUDES: bool = false;

    /// The result of a condition. `None` if it was not evaluated yet.
    fn recall(&self, number: u32) -> Option<bool>;

    /// Stores a result.
    ///
    /// # Errors
    /// If there is no room. Earlier results are kept.
    fn note(&mut self, number: u32, met: bool) -> Result<(), Self::Error>;

    /// Notes that a rule was evaluated and does not match.
    ///
    /// # Errors
    /// If a larger memory should be used.
    fn pass(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The rules of a block that cannot match, because a condition of theirs was noted as
    /// not met.
    fn excluded(&self, _block: u32) -> u64 {
        0
    }
}

/// A few results in the order in which they were found. Most decisions need no
/// more.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Few {
    numbers: [u32; Self::ROOM],
    met: u32,
    len: usize,
    passed: u32,
}

impl Few {
    const ROOM: usize = 16;
    /// Number of rules that are evaluated without a match before it costs less to exclude
    /// others.
    const MAX_PASSED: u32 = 64;

    fn numbers(&self) -> impl Iterator<Item = (usize, u32)> {
        self.numbers.iter().copied().enumerate().take(self.len)
    }
}

impl Memory for Few {
    type Error = Outgrown;

    fn recall(&self, number: u32) -> Option<bool> {
        self.numbers().find(|(_, other)| *other == number).map(|(at, _)| self.met & (1 << at) != 0)
    }

    fn note(&mut self, number: u32, met: bool) -> Result<(), Outgrown> {
        let slot = self.numbers.get_mut(self.len).ok_or(Outgrown)?;
        *slot = number;
        self.met |= u32::from(met) << self.len;
        self.len += 1;
        Ok(())
    }

    fn pass(&mut self) -> Result<(), Outgrown> {
        self.passed += 1;
        if self.passed < Self::MAX_PASSED { Ok(()) } else { Err(Outgrown) }
    }
}

/// The number of rules that can be excluded: all of a document within the default limits.
/// Others are evaluated.
const EXCLUDABLE: usize = 10_240;

/// Two bits for each of `WORDS` × 64 conditions. The results of other conditions
/// are not stored, and these are evaluated each time. A condition that is not met
/// excludes all rules that share it.
#[derive(Clone, Debug)]
pub(crate) struct Many<'p, const WORDS: usize> {
    known: [u64; WORDS],
    met: [u64; WORDS],
    sharing: &'p Sharing,
    excluded: [u64; EXCLUDABLE / 64],
}

impl<'p, const WORDS: usize> Many<'p, WORDS> {
    /// Maximum number of conditions whose results can be stored.
    pub(crate) const ROOM: usize = WORDS * 64;

    /// Creates a larger memory that contains the few results so far.
    pub(crate) fn after(few: &Few, sharing: &'p Sharing) -> Self {
        let (known, met) = ([0; WORDS], [0; WORDS]);
        let mut many = Self { known, met, sharing, excluded: [0; EXCLUDABLE / 64] };
        for (at, number) in few.numbers() {
            many.put(number, few.met & (1 << at) != 0);
        }
        many
    }

    fn put(&mut self, number: u32, met: bool) {
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        if let (Some(known), Some(results)) = (self.known.get_mut(word), self.met.get_mut(word)) {
            *known |= bit;
            if met {
                *results |= bit;
            }
        }
        if !met {
            self.sharing.add_to(&mut self.excluded, number);
        }
    }
}

impl<const WORDS: usize> Memory for Many<'_, WORDS> {
    type Error = Infallible;

    const EXCLUDES: bool = true;

    fn recall(&self, number: u32) -> Option<bool> {
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        let known = self.known.get(word)? & bit != 0;
        known.then(|| self.met.get(word).is_some_and(|met| met & bit != 0))
    }

    fn note(&mut self, number: u32, met: bool) -> Result<(), Infallible> {
        self.put(number, met);
        Ok(())
    }

    fn excluded(&self, block: u32) -> u64 {
        self.excluded.get(block as usize).copied().unwrap_or_default()
    }
}

/// Every result, on the heap, for functions that can allocate.
#[derive(Clone, Debug)]
pub(crate) struct Every(Vec<Option<bool>>);

impl Every {
    /// Creates a memory for that number of conditions.
    pub(crate) fn of(conditions: usize) -> Self {
        Self(vec![None; conditions])
    }
}

impl Memory for Every {
    type Error = Infallible;

    fn recall(&self, number: u32) -> Option<bool> {
        self.0.get(number as usize).copied().flatten()
    }

    fn note(&mut self, number: u32, met: bool) -> Result<(), Infallible> {
        if let Some(slot) = self.0.get_mut(number as usize) {
            *slot = Some(met);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_results_are_remembered_until_the_memory_is_full() {
        let mut few = Few::default();
        for number in 0..16 {
            assert_eq!(few.recall(number * 1_000), None);
            assert_eq!(few.note(number * 1_000, number % 3 == 0), Ok(()));
        }
        assert_eq!(few.note(99, true), Err(Outgrown));
        assert_eq!(few.recall(99), None);
        for number in 0..16 {
            assert_eq!(few.recall(number * 1_000), Some(number % 3 == 0));
        }
    }

    #[test]
    fn after_64_rules_without_a_match_a_larger_memory_is_used() {
        let mut few = Few::default();
        for _ in 1..64 {
            assert_eq!(few.pass(), Ok(()));
        }
        assert_eq!(few.pass(), Err(Outgrown));
    }

    #[test]
    fn many_results_include_the_few_from_before() {
        let mut few = Few::default();
        few.note(7, true).unwrap();
        few.note(64, false).unwrap();
        few.note(65, true).unwrap();
        let sharing = Sharing::default();
        let mut many = Many::<2>::after(&few, &sharing);
        assert_eq!(many.recall(7), Some(true));
        assert_eq!(many.recall(64), Some(false));
        assert_eq!(many.recall(65), Some(true));
        assert_eq!(many.recall(8), None);
        let Ok(()) = many.note(127, true);
        assert_eq!(many.recall(127), Some(true));
        // A result beyond the capacity is not stored, and does not change other
        // results.
        let Ok(()) = many.note(128, true);
        assert_eq!(many.recall(128), None);
        assert_eq!(many.recall(0), None);
    }
}
