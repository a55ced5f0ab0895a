//! Which rules can match a request at all, by the names in it: one set of rules
//! per name that is written without wildcards, and per kind of name. A set is a
//! list of its non-empty blocks of 64 rules, so that ten thousand rules that
//! name one user each take ten thousand blocks and no matrix; looking a request
//! up walks the kinds side by side, and each skips to the block that the others
//! have reached. Not here: whether a candidate's other conditions hold.

use std::collections::HashMap;
use std::fmt;

use foldhash::fast::FixedState;

use crate::Request;

/// A kind of name that a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum NameKind {
    /// The profile that is asked for.
    Profile,
    /// The user.
    User,
    /// The principal's ARN.
    Principal,
    /// The account id.
    Account,
    /// The organization id.
    Organization,
}

/// How many kinds of names there are.
pub(crate) const NAME_KINDS: usize = 5;

impl NameKind {
    /// All of them, in the order of the arrays that have an entry per kind.
    pub(crate) const ALL: [Self; NAME_KINDS] =
        [Self::Profile, Self::User, Self::Principal, Self::Account, Self::Organization];

    /// The request's name of this kind.
    pub(crate) fn of<'a>(self, request: &Request<'a>) -> Option<&'a str> {
        match self {
            Self::Profile => Some(request.profile),
            Self::User => Some(request.caller.user),
            Self::Principal => request.caller.principal,
            Self::Account => request.caller.account,
            Self::Organization => request.caller.organization,
        }
    }
}

/// What is known of the request's name of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// The request has none, which meets no condition.
    Absent,
    /// It has one that the policy never writes out.
    Unwritten,
    /// It has the one that the policy knows by this number.
    Written(u32),
}

/// How one rule asks for one kind of name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asks<'a> {
    /// Not at all: any request will do, without such a name too.
    Nothing,
    /// For one of these, by number.
    Names {
        /// The names without wildcards.
        written: &'a [u32],
        /// `*` is among them: any name will do.
        anyone: bool,
        /// Patterns are among them, which the index cannot decide.
        patterns: bool,
    },
}

/// The numbers of the names that a policy writes out, and the rules that ask
/// for each.
#[derive(Clone, Default)]
pub(crate) struct Column {
    numbers: HashMap<Box<str>, u32, FixedState>,
    /// For each name its blocks, ascending.
    rules: Vec<Vec<Block>>,
    /// Rules that do not ask.
    unasked: Bits,
    /// Those, and the ones that any name meets.
    settled: Bits,
    /// Those, and the ones that a pattern may meet.
    open: Bits,
    /// Whether any rule asks.
    asked: bool,
}

/// 64 rules of which some are in the set.
#[derive(Clone, Copy, Debug)]
struct Block {
    index: u32,
    bits: u64,
}

/// A set of rules as a word per block, and for each block the next one, itself
/// included, that is not empty.
#[derive(Clone, Debug, Default)]
struct Bits {
    words: Vec<u64>,
    next: Vec<u32>,
}

/// No further block.
const NO_BLOCK: u32 = u32::MAX;

impl Bits {
    fn insert(&mut self, block: u32, bits: u64) {
        let at = block as usize;
        if self.words.len() <= at {
            self.words.resize(at + 1, 0);
        }
        if let Some(word) = self.words.get_mut(at) {
            *word |= bits;
        }
    }

    fn finish(&mut self) {
        let mut next = NO_BLOCK;
        let mut block = u32::try_from(self.words.len()).unwrap_or(NO_BLOCK);
        self.next = vec![NO_BLOCK; self.words.len()];
        for (word, slot) in self.words.iter().zip(&mut self.next).rev() {
            block -= 1;
            if *word != 0 {
                next = block;
            }
            *slot = next;
        }
    }

    fn word(&self, block: u32) -> u64 {
        self.words.get(block as usize).copied().unwrap_or(0)
    }

    fn next(&self, block: u32) -> u32 {
        self.next.get(block as usize).copied().unwrap_or(NO_BLOCK)
    }
}

impl Column {
    /// The number of a name that the policy writes out, a new one when it is
    /// new.
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        // Names are as many as bytes of the document at the very most.
        let number = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.into(), number);
        self.rules.push(Vec::new());
        number
    }

    /// Adds the rule with that index; rules come in order.
    pub(crate) fn add(&mut self, rule: u32, asks: Asks<'_>) {
        let (index, bits) = (rule / 64, 1 << (rule % 64));
        match asks {
            Asks::Nothing => {
                self.unasked.insert(index, bits);
                self.settled.insert(index, bits);
                self.open.insert(index, bits);
            }
            Asks::Names { written, anyone, patterns } => {
                self.asked = true;
                if anyone {
                    self.settled.insert(index, bits);
                }
                if anyone || patterns {
                    self.open.insert(index, bits);
                }
                for number in written {
                    let Some(blocks) = self.rules.get_mut(*number as usize) else { continue };
                    match blocks.last_mut() {
                        Some(last) if last.index == index => last.bits |= bits,
                        Some(_) | None => blocks.push(Block { index, bits }),
                    }
                }
            }
        }
    }

    /// Ends the adding.
    pub(crate) fn finish(&mut self) {
        for blocks in &mut self.rules {
            blocks.shrink_to_fit();
        }
        for bits in [&mut self.unasked, &mut self.settled, &mut self.open] {
            bits.finish();
        }
    }

    /// What the policy knows of a request's name.
    pub(crate) fn given(&self, name: Option<&str>) -> Given {
        match name {
            None => Given::Absent,
            Some(_) if self.numbers.is_empty() => Given::Unwritten,
            Some(name) => {
                self.numbers.get(name).map_or(Given::Unwritten, |number| Given::Written(*number))
            }
        }
    }

    fn lane(&self, given: Given) -> Lane<'_> {
        let (settled, open) = match given {
            Given::Absent => (&self.unasked, &self.unasked),
            Given::Unwritten | Given::Written(_) => (&self.settled, &self.open),
        };
        let written = match given {
            Given::Absent | Given::Unwritten => &[],
            Given::Written(number) => {
                self.rules.get(number as usize).map_or(&[][..], Vec::as_slice)
            }
        };
        Lane { settled, open, written, unsure: 0 }
    }
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column")
            .field("names", &self.numbers.len())
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

/// The rules that one kind of name leaves possible, walked block by block.
#[derive(Clone, Copy, Debug)]
struct Lane<'p> {
    settled: &'p Bits,
    open: &'p Bits,
    written: &'p [Block],
    /// Of the block last taken, the rules that only a pattern can decide.
    unsure: u64,
}

impl Lane<'_> {
    /// The first block from `block` on that is not empty.
    fn seek(&mut self, block: u32) -> u32 {
        // Most names are asked for by rules of one block; the search is for
        // those that a great many rules share.
        if self.written.first().is_some_and(|first| first.index < block) {
            let passed = self.written.partition_point(|other| other.index < block);
            self.written = self.written.get(passed..).unwrap_or_default();
        }
        let written = self.written.first().map_or(NO_BLOCK, |first| first.index);
        self.open.next(block).min(written)
    }

    /// The rules of `block`, which [`Lane::seek`] has reached.
    fn take(&mut self, block: u32) -> u64 {
        let written = match self.written.first() {
            Some(first) if first.index == block => first.bits,
            Some(_) | None => 0,
        };
        let open = self.open.word(block);
        self.unsure = open & !self.settled.word(block) & !written;
        open | written
    }
}

/// The rules that the names of a request leave possible, in order.
#[derive(Debug)]
pub(crate) struct Candidates<'p> {
    /// The kinds that some rule asks for, in the order of [`NameKind::ALL`].
    lanes: [Option<Lane<'p>>; NAME_KINDS],
    /// The block whose rules are given out.
    block: u32,
    /// Those of its rules that are still to come.
    bits: u64,
    /// The block after the last.
    end: u32,
}

impl<'p> Candidates<'p> {
    /// The candidates among `rules` rules.
    pub(crate) fn new(
        columns: &'p [Column; NAME_KINDS],
        given: &[Given; NAME_KINDS],
        rules: usize,
    ) -> Self {
        let mut lanes = [None; NAME_KINDS];
        for ((lane, column), given) in lanes.iter_mut().zip(columns).zip(given) {
            if column.asked {
                *lane = Some(column.lane(*given));
            }
        }
        if lanes.iter().all(Option::is_none)
            && let (Some(lane), [column, ..]) = (lanes.first_mut(), columns)
        {
            // No rule asks for any name: every rule is in this column's sets.
            *lane = Some(column.lane(Given::Absent));
        }
        let end = u32::try_from(rules.div_ceil(64)).unwrap_or(NO_BLOCK);
        let mut candidates = Self { lanes, block: 0, bits: 0, end };
        candidates.reach(0);
        candidates
    }

    /// Goes to the first block from `block` on in which a rule is possible.
    fn reach(&mut self, mut block: u32) {
        while block < self.end {
            let from = block;
            for lane in self.lanes.iter_mut().flatten() {
                block = block.max(lane.seek(block));
            }
            if block != from {
                continue;
            }
            self.block = block;
            self.bits = self
                .lanes
                .iter_mut()
                .flatten()
                .fold(u64::MAX, |bits, lane| bits & lane.take(block));
            if self.bits != 0 {
                return;
            }
            block += 1;
        }
        self.block = self.end;
        self.bits = 0;
    }

    /// The next rule, and the kinds of its names that only its patterns can
    /// decide.
    pub(crate) fn next(&mut self) -> Option<(u32, [bool; NAME_KINDS])> {
        if self.bits == 0 {
            if self.block >= self.end {
                return None;
            }
            self.reach(self.block + 1);
            if self.bits == 0 {
                return None;
            }
        }
        let bit = self.bits & self.bits.wrapping_neg();
        self.bits ^= bit;
        let unsure = self.lanes.map(|lane| lane.is_some_and(|lane| lane.unsure & bit != 0));
        Some((self.block * 64 + bit.trailing_zeros(), unsure))
    }
}
