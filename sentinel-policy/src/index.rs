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
use crate::condition::NameKind;

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
    /// What holds of a request that has a name of this kind, whichever.
    any: Vec<Word>,
    /// What holds of one that has none: only rules that do not ask.
    none: Vec<Word>,
    /// Whether any rule's conditions ask.
    asked: bool,
    /// Whether the policy speaks of such names at all, under `unless` or
    /// `profiles` too.
    mentioned: bool,
}

/// 64 rules of which some are in the set.
#[derive(Clone, Copy, Debug)]
struct Block {
    index: u32,
    bits: u64,
}

/// What a column says of the 64 rules of a block whatever the name is.
#[derive(Clone, Copy, Debug)]
struct Word {
    /// Rules that do not ask, or that any name meets.
    settled: u64,
    /// Those, and the ones that a pattern may meet.
    open: u64,
    /// The first block from this one on of which a rule is open.
    next: u32,
}

/// No further block.
const NO_BLOCK: u32 = u32::MAX;

/// The word of a block, as the last one of `words` where it is new.
fn word(words: &mut Vec<Word>, block: u32) -> Option<&mut Word> {
    let at = block as usize;
    if words.len() <= at {
        words.resize(at + 1, Word { settled: 0, open: 0, next: NO_BLOCK });
    }
    words.get_mut(at)
}

impl Column {
    /// Notes that the policy speaks of such names.
    pub(crate) fn mention(&mut self) {
        self.mentioned = true;
    }

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
        let (settled, open) = match asks {
            Asks::Nothing => (true, true),
            Asks::Names { anyone, patterns, .. } => (anyone, anyone || patterns),
        };
        if let Some(word) = word(&mut self.any, index) {
            word.settled |= if settled { bits } else { 0 };
            word.open |= if open { bits } else { 0 };
        }
        match asks {
            Asks::Nothing => {
                if let Some(word) = word(&mut self.none, index) {
                    word.settled |= bits;
                    word.open |= bits;
                }
            }
            Asks::Names { written, .. } => {
                self.asked = true;
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

    /// What the policy knows of a request's name.
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
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

/// The columns of a policy.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// Of the kinds that the policy speaks of, those first that rules ask for.
    columns: Vec<(NameKind, Column)>,
    /// How many of them rules ask for.
    asked: usize,
    /// Every rule, for a kind that no rule asks for.
    every: Vec<Word>,
}

impl Index {
    /// Ends the adding to columns of so many rules.
    pub(crate) fn new(mut columns: [Column; NameKind::COUNT], rules: usize) -> Self {
        columns.iter_mut().for_each(Column::finish);
        let mut columns: Vec<_> =
            NameKind::ALL.into_iter().zip(columns).filter(|(_, column)| column.mentioned).collect();
        columns.sort_by_key(|(_, column)| !column.asked);
        let asked = columns.iter().filter(|(_, column)| column.asked).count();
        let every = (0..)
            .step_by(64)
            .take_while(|first| *first < rules)
            .zip(0..)
            .map(|(first, block)| {
                let all = u64::MAX >> 64_usize.saturating_sub(rules - first);
                Word { settled: all, open: all, next: block }
            })
            .collect();
        Self { columns, asked, every }
    }

    /// How many kinds of names rules ask for.
    pub(crate) const fn asked(&self) -> usize {
        self.asked
    }

    /// What the policy knows of the names in a request, in the order of
    /// [`NameKind::ALL`].
    pub(crate) fn look_up(&self, request: &Request<'_>) -> [Given; NameKind::COUNT] {
        let mut all = [Given::Absent; NameKind::COUNT];
        for (kind, column) in &self.columns {
            if let Some(given) = all.get_mut(*kind as usize) {
                *given = column.given(kind.of(request));
            }
        }
        all
    }

    /// The rules that names so looked up leave possible. As many lanes as rules
    /// ask for kinds are enough; the fewer there are, the less it costs.
    pub(crate) fn candidates<const LANES: usize>(
        &self,
        given: &[Given; NameKind::COUNT],
    ) -> Candidates<'_, LANES> {
        let every = Lane { words: &self.every, written: &[], unsure: 0, kind: Unsure::NOTHING };
        let asked = self.columns.get(..self.asked).unwrap_or_default();
        let lanes = std::array::from_fn(|at| {
            asked.get(at).map_or(every, |(kind, column)| {
                column.lane(*kind, given.get(*kind as usize).copied().unwrap_or(Given::Absent))
            })
        });
        Candidates { lanes, following: 0, bits: 0 }
    }
}

/// Kinds of names of which the index cannot tell whether a rule's are met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsure(u8);

impl Unsure {
    /// None: every kind is met.
    pub(crate) const NOTHING: Self = Self(0);
    /// All: nothing was looked up.
    pub(crate) const EVERYTHING: Self = Self(u8::MAX);

    const fn on(kind: NameKind) -> Self {
        Self(1 << kind as u8)
    }

    /// Whether that kind is among them.
    pub(crate) const fn contains(self, kind: NameKind) -> bool {
        self.0 & Self::on(kind).0 != 0
    }
}

/// The rules that one kind of name leaves possible, walked block by block.
#[derive(Clone, Copy, Debug)]
struct Lane<'p> {
    words: &'p [Word],
    /// The blocks of the request's name that are still to come.
    written: &'p [Block],
    /// Of the block last taken, the rules that only a pattern can decide.
    unsure: u64,
    kind: Unsure,
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

/// The rules that the names of a request leave possible, in order.
#[derive(Debug)]
pub(crate) struct Candidates<'p, const LANES: usize> {
    lanes: [Lane<'p>; LANES],
    /// The block behind the one whose rules are given out.
    following: u32,
    /// Those of its rules that are still to come.
    bits: u64,
}

impl<const LANES: usize> Candidates<'_, LANES> {
    /// Goes to the next block in which a rule is possible, and returns its
    /// rules; none when there is no such block.
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

    /// The next rule, and the kinds of its names that only its patterns can
    /// decide.
    pub(crate) fn next(&mut self) -> Option<(u32, Unsure)> {
        if self.bits == 0 {
            self.bits = self.advance()?;
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
