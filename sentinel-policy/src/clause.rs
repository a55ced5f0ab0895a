//! The conditions of a rule in the form in which they are evaluated. Names without
//! wildcards are replaced by their numbers, everything else by the number of its
//! compiled form. A policy stores each distinct compiled form once.

use std::collections::HashMap;
use std::ops::Range;

use foldhash::fast::FixedState;

use crate::condition::{Compiled, ConditionKind, Conditions, Entry, NameKind, Shared};
use crate::index::{Column, NameCondition};

/// Conditions, all of which must hold.
#[derive(Clone, Debug)]
pub(crate) struct Clause {
    /// The names, by kind.
    pub(crate) names: [Option<Names>; NameKind::COUNT],
    /// The circumstances, as a range of [`Clauses::circumstances`].
    pub(crate) circumstances: Range<u32>,
}

/// A circumstance, as the number of its compiled form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstance {
    pub(crate) kind: ConditionKind,
    pub(crate) number: u32,
}

/// Names of one kind. The request's name must match one of them.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// Whether any name matches.
    pub(crate) anyone: bool,
    /// The numbers of the names without wildcards, ascending, as a range of
    /// [`Clauses::written`].
    pub(crate) written: Range<u32>,
    /// The numbers of the patterns, as a range of [`Clauses::patterns`].
    pub(crate) patterns: Range<u32>,
}

/// The lists that all clauses of a policy share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clauses {
    /// The numbers of names, for [`Names::written`].
    pub(crate) written: Vec<u32>,
    /// The numbers of compiled patterns, for [`Names::patterns`].
    pub(crate) patterns: Vec<u32>,
    /// For [`Clause::circumstances`].
    pub(crate) circumstances: Vec<Circumstance>,
    /// The compiled forms, by number.
    pub(crate) compiled: Vec<Compiled>,
}

/// Compiles conditions to clauses.
#[derive(Debug, Default)]
pub(crate) struct Lowering {
    pub(crate) clauses: Clauses,
    pub(crate) columns: [Column; NameKind::COUNT],
    numbers: HashMap<Compiled, u32, FixedState>,
    shared: Shared,
}

impl Lowering {
    /// Lowers the conditions of the rule with that index, and adds the rule to the
    /// columns of its names. Rules are lowered in order.
    pub(crate) fn rule(&mut self, index: u32, conditions: &Conditions) -> Clause {
        let clause = self.clause(conditions);
        for (column, names) in self.columns.iter_mut().zip(&clause.names) {
            let condition = match names {
                None => NameCondition::Absent,
                Some(names) => NameCondition::Names {
                    written: slice(&self.clauses.written, &names.written),
                    anyone: names.anyone,
                    patterns: !names.patterns.is_empty(),
                },
            };
            column.add(index, condition);
        }
        clause
    }

    /// Lowers conditions that exclude a rule. The columns do not cover them.
    pub(crate) fn clause(&mut self, conditions: &Conditions) -> Clause {
        let mut names = [const { None }; NameKind::COUNT];
        for ((lowered, kind), entries) in
            names.iter_mut().zip(NameKind::ALL).zip(conditions.names())
        {
            *lowered = entries.and_then(|entries| self.names(kind, entries));
        }
        let circumstances: Vec<_> = conditions
            .circumstances(&mut self.shared)
            .into_iter()
            .map(|(kind, compiled)| Circumstance { kind, number: self.number(compiled) })
            .collect();
        let circumstances = append(&mut self.clauses.circumstances, &circumstances);
        Clause { names, circumstances }
    }

    fn names(&mut self, kind: NameKind, entries: Vec<Entry<'_, Compiled>>) -> Option<Names> {
        self.columns.get_mut(kind as usize)?.mention();
        let mut anyone = false;
        let (mut written, mut patterns) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                Entry::Anyone => anyone = true,
                Entry::Written(name) => {
                    let column = self.columns.get_mut(kind as usize);
                    written.extend(column.map(|column| column.number(name)));
                }
                Entry::Pattern(pattern) => patterns.push(self.number(pattern)),
            }
        }
        written.sort_unstable();
        written.dedup();
        patterns.sort_unstable();
        patterns.dedup();
        Some(Names {
            anyone,
            written: append(&mut self.clauses.written, &written),
            patterns: append(&mut self.clauses.patterns, &patterns),
        })
    }

    fn number(&mut self, compiled: Compiled) -> u32 {
        let next = self.clauses.compiled.len();
        *self.numbers.entry(compiled).or_insert_with_key(|compiled| {
            self.clauses.compiled.push(compiled.clone());
            // A document has fewer conditions than bytes.
            u32::try_from(next).unwrap_or(u32::MAX)
        })
    }
}

/// Returns a range of a shared list.
pub(crate) fn slice<'a, T>(list: &'a [T], range: &Range<u32>) -> &'a [T] {
    list.get(range.start as usize..range.end as usize).unwrap_or_default()
}

fn append<T: Copy>(list: &mut Vec<T>, more: &[T]) -> Range<u32> {
    // A document has fewer entries than bytes.
    let place = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    let start = place(list.len());
    list.extend_from_slice(more);
    start..place(list.len())
}
