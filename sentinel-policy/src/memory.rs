//! The results of conditions within one decision. Each distinct condition is
//! evaluated at most once. The results are stored in memory of a fixed size, since
//! a decision does not allocate.

use std::convert::Infallible;

/// There is no room for another result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// The results so far, by the numbers of the compiled conditions.
pub(crate) trait Memory {
    /// [`Full`] if there can be no room.
    type Error;

    /// The result of a condition. `None` if it was not evaluated yet.
    fn recall(&self, number: u32) -> Option<bool>;

    /// Stores a result.
    ///
    /// # Errors
    /// If there is no room. Earlier results are kept.
    fn note(&mut self, number: u32, met: bool) -> Result<(), Self::Error>;
}

/// A few results in the order in which they were found. Most decisions need no
/// more.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Few {
    numbers: [u32; Self::ROOM],
    met: u32,
    len: usize,
}

impl Few {
    const ROOM: usize = 16;

    fn numbers(&self) -> impl Iterator<Item = (usize, u32)> {
        self.numbers.iter().copied().enumerate().take(self.len)
    }
}

impl Memory for Few {
    type Error = Full;

    fn recall(&self, number: u32) -> Option<bool> {
        self.numbers().find(|(_, other)| *other == number).map(|(at, _)| self.met & (1 << at) != 0)
    }

    fn note(&mut self, number: u32, met: bool) -> Result<(), Full> {
        let slot = self.numbers.get_mut(self.len).ok_or(Full)?;
        *slot = number;
        self.met |= u32::from(met) << self.len;
        self.len += 1;
        Ok(())
    }
}

/// Two bits for each of `WORDS` × 64 conditions. The results of other conditions
/// are not stored, and these are evaluated each time.
#[derive(Clone, Debug)]
pub(crate) struct Many<const WORDS: usize> {
    known: [u64; WORDS],
    met: [u64; WORDS],
}

impl<const WORDS: usize> Many<WORDS> {
    /// Maximum number of conditions whose results can be stored.
    pub(crate) const ROOM: usize = WORDS * 64;

    /// Creates a larger memory that contains the few results so far.
    pub(crate) fn after(few: &Few) -> Self {
        let mut many = Self { known: [0; WORDS], met: [0; WORDS] };
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
    }
}

impl<const WORDS: usize> Memory for Many<WORDS> {
    type Error = Infallible;

    fn recall(&self, number: u32) -> Option<bool> {
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        let known = self.known.get(word)? & bit != 0;
        known.then(|| self.met.get(word).is_some_and(|met| met & bit != 0))
    }

    fn note(&mut self, number: u32, met: bool) -> Result<(), Infallible> {
        self.put(number, met);
        Ok(())
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
        assert_eq!(few.note(99, true), Err(Full));
        assert_eq!(few.recall(99), None);
        for number in 0..16 {
            assert_eq!(few.recall(number * 1_000), Some(number % 3 == 0));
        }
    }

    #[test]
    fn many_results_include_the_few_from_before() {
        let mut few = Few::default();
        few.note(7, true).unwrap();
        few.note(64, false).unwrap();
        let mut many = Many::<2>::after(&few);
        assert_eq!(many.recall(7), Some(true));
        assert_eq!(many.recall(64), Some(false));
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
