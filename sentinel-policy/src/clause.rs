//! A rule's conditions in the form in which they are judged: names that are
//! written out by their numbers, everything else by the number of the thing
//! that has to be judged, each distinct thing once in a policy.

use std::collections::HashMap;
use std::ops::Range;

use chrono_tz::Tz;
use foldhash::fast::FixedState;

use crate::condition::AnyOf;
use crate::index::{Asks, Column, NAME_KINDS, NameKind};
use crate::judged::Judged;
use crate::schedule::Schedule;
use crate::zone::Zone;
use crate::{Conditions, ModeSet, Pattern, UserPattern, Window};

/// Conditions, all of which must hold.
#[derive(Clone, Debug)]
pub(crate) struct Clause {
    /// The names asked for, by kind.
    pub(crate) names: [Option<Names>; NAME_KINDS],
    /// The networks, by number.
    pub(crate) networks: Option<u32>,
    /// The modes.
    pub(crate) modes: Option<ModeSet>,
    /// The window, by number.
    pub(crate) window: Option<u32>,
    /// The device, by number.
    pub(crate) device: Option<u32>,
}

/// Names of one kind, one of which must be the request's.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// Whether any name will do.
    pub(crate) anyone: bool,
    /// The numbers of those written out, ascending, as a range of
    /// [`Clauses::written`].
    pub(crate) written: Range<u32>,
    /// The numbers of the patterns, as a range of [`Clauses::patterns`].
    pub(crate) patterns: Range<u32>,
}

/// All clauses of a policy share these.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clauses {
    /// The numbers of names, for [`Names::written`].
    pub(crate) written: Vec<u32>,
    /// The numbers of things, for [`Names::patterns`].
    pub(crate) patterns: Vec<u32>,
    /// The things to be judged.
    pub(crate) judged: Vec<Judged>,
    /// The zones of the windows.
    pub(crate) zones: Vec<Zone>,
}

/// Makes clauses out of conditions.
#[derive(Debug, Default)]
pub(crate) struct Lowering {
    pub(crate) clauses: Clauses,
    pub(crate) columns: [Column; NAME_KINDS],
    numbers: HashMap<Judged, u32, FixedState>,
    zones: HashMap<Tz, usize, FixedState>,
}

impl Lowering {
    /// Lowers the conditions of the rule with that index, and enters it in the
    /// columns by the names it asks for. Rules come in order.
    pub(crate) fn rule(&mut self, index: u32, conditions: &Conditions) -> Clause {
        let clause = self.clause(conditions);
        for (column, names) in self.columns.iter_mut().zip(&clause.names) {
            let asks = match names {
                None => Asks::Nothing,
                Some(names) => Asks::Names {
                    written: slice(&self.clauses.written, &names.written),
                    anyone: names.anyone,
                    patterns: !names.patterns.is_empty(),
                },
            };
            column.add(index, asks);
        }
        clause
    }

    /// Lowers conditions that exclude a rule, which no column can know.
    pub(crate) fn clause(&mut self, conditions: &Conditions) -> Clause {
        let Conditions {
            profiles,
            users,
            principals,
            accounts,
            organizations,
            source_ip,
            mode,
            time,
            device,
        } = conditions;
        let names = [
            self.names(NameKind::Profile, profiles.as_ref(), profile_name),
            self.names(NameKind::User, users.as_ref(), user_name),
            self.names(NameKind::Principal, principals.as_ref(), principal_name),
            self.names(NameKind::Account, accounts.as_ref(), |name| Name::Written(name)),
            self.names(NameKind::Organization, organizations.as_ref(), |name| Name::Written(name)),
        ];
        let networks = source_ip.as_ref().map(|networks| {
            let mut networks: Vec<_> = networks.iter().map(|network| network.value).collect();
            networks.sort_unstable();
            networks.dedup();
            self.number(Judged::Networks(networks))
        });
        let window = time.as_ref().map(|window| {
            let schedule = self.schedule(&window.value);
            self.number(Judged::Window(schedule))
        });
        let device =
            device.as_ref().map(|device| self.number(Judged::Device(device.value.clone())));
        Clause { names, networks, modes: mode.as_ref().map(|modes| modes.value), window, device }
    }

    fn names<T>(
        &mut self,
        kind: NameKind,
        list: Option<&AnyOf<T>>,
        read: fn(&T) -> Name<'_>,
    ) -> Option<Names> {
        let list = list?;
        let column = self.columns.get_mut(kind as usize)?;
        column.mention();
        let mut anyone = false;
        let (mut written, mut patterns) = (Vec::new(), Vec::new());
        for entry in list {
            match read(&entry.value) {
                Name::Anyone => anyone = true,
                Name::Written(name) => {
                    if let Some(column) = self.columns.get_mut(kind as usize) {
                        written.push(column.number(name));
                    }
                }
                Name::Pattern(pattern) => patterns.push(self.number(pattern)),
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

    fn schedule(&mut self, window: &Window) -> Schedule {
        let zones = &mut self.clauses.zones;
        let place = *self.zones.entry(window.zone).or_insert_with(|| {
            zones.push(Zone::new(window.zone));
            zones.len() - 1
        });
        Schedule::new(window, place)
    }

    fn number(&mut self, thing: Judged) -> u32 {
        let next = self.clauses.judged.len();
        *self.numbers.entry(thing).or_insert_with_key(|thing| {
            self.clauses.judged.push(thing.clone());
            // Things are fewer than the bytes of a document.
            u32::try_from(next).unwrap_or(u32::MAX)
        })
    }
}

/// One entry of a list of names.
enum Name<'a> {
    Anyone,
    Written(&'a str),
    Pattern(Judged),
}

fn profile_name(pattern: &Pattern) -> Name<'_> {
    pattern_name(pattern, Judged::Profile)
}

fn principal_name(pattern: &Pattern) -> Name<'_> {
    pattern_name(pattern, Judged::Principal)
}

fn pattern_name(pattern: &Pattern, judged: fn(Pattern) -> Judged) -> Name<'_> {
    if pattern.is_literal() {
        Name::Written(pattern.as_str())
    } else if pattern.as_str() == "*" {
        Name::Anyone
    } else {
        Name::Pattern(judged(pattern.clone()))
    }
}

fn user_name(pattern: &UserPattern) -> Name<'_> {
    if pattern.is_literal() {
        Name::Written(pattern.as_str())
    } else if pattern.is_everyone() {
        Name::Anyone
    } else {
        Name::Pattern(Judged::User(pattern.clone()))
    }
}

/// The part of a shared list.
pub(crate) fn slice<'a>(list: &'a [u32], range: &Range<u32>) -> &'a [u32] {
    list.get(range.start as usize..range.end as usize).unwrap_or_default()
}

fn append(list: &mut Vec<u32>, more: &[u32]) -> Range<u32> {
    // Entries are fewer than the bytes of a document.
    let place = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    let start = place(list.len());
    list.extend_from_slice(more);
    start..place(list.len())
}
