//! The zones of a policy. Each zone is stored once, with a table of its offsets
//! that is computed when the policy is compiled, because a lookup in the zone
//! library takes several times as long. Outside the range of the table the library
//! is used, never the nearest entry of the table.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use chrono::{DateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use foldhash::fast::FixedState;

/// The instants that tables cover: 2020 to 2037, in seconds since the epoch. They
/// must cover the time at which a policy is used, not the time at which it was
/// written.
const TABLE: std::ops::Range<i64> = 1_577_836_800..2_145_916_800;

/// The interval at which the library is queried to find changes of the offset. No
/// zone has ever changed its offset twice within six days
/// (`no_zone_changes_twice_between_two_probes` tests this with the data of the
/// library).
const PROBE: i64 = 2 * 86_400;

/// The same interval for the table. In these years, changes are at least four weeks
/// apart, as in Fiji and Morocco.
const TABLE_PROBE: i64 = 12 * 86_400;

/// A zone and its table.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    tz: Tz,
    /// The offset from that instant on. Ascending. The first entry is at the beginning
    /// of the table.
    table: Box<[(i64, i32)]>,
}

/// The name of a zone determines its table.
impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.tz == other.tz
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.tz.hash(state);
    }
}

/// The zones of a policy.
#[derive(Debug, Default)]
pub(crate) struct Zones(HashMap<Tz, Arc<Zone>, FixedState>);

impl Zones {
    /// Returns the zone. Its table is computed once.
    pub(crate) fn zone(&mut self, tz: Tz) -> Arc<Zone> {
        Arc::clone(self.0.entry(tz).or_insert_with(|| Arc::new(Zone::new(tz))))
    }
}

/// A span of time in which a zone keeps its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Seconds east of UTC.
    pub(crate) offset: i32,
    /// The first second after the part of the span that is known.
    pub(crate) end: i64,
}

impl Zone {
    /// Computes the table.
    pub(crate) fn new(tz: Tz) -> Self {
        let mut table = Vec::new();
        let mut from = TABLE.start;
        while from < TABLE.end {
            let span = library_span(tz, from, TABLE.end, TABLE_PROBE);
            table.push((from, span.offset));
            from = span.end;
        }
        Self { tz, table: table.into() }
    }

    /// The reading of the wall clock at an instant. Both are in seconds. The first
    /// counts from the epoch as if the reading were UTC.
    pub(crate) fn local(&self, now: i64) -> i64 {
        let offset = if TABLE.contains(&now) {
            let after = self.table.partition_point(|(from, _)| *from <= now);
            after.checked_sub(1).and_then(|at| self.table.get(at)).map(|(_, offset)| *offset)
        } else {
            None
        };
        now.saturating_add(offset.unwrap_or_else(|| library_offset(self.tz, now)).into())
    }

    /// The span that begins at `from`, searched up to `to`.
    pub(crate) fn span(&self, from: i64, to: i64) -> Span {
        if !TABLE.contains(&from) {
            return library_span(self.tz, from, to, PROBE);
        }
        let after = self.table.partition_point(|(start, _)| *start <= from);
        let end = self.table.get(after).map_or(TABLE.end, |(start, _)| *start);
        let offset = after.checked_sub(1).and_then(|at| self.table.get(at));
        Span {
            offset: offset.map_or_else(|| library_offset(self.tz, from), |(_, offset)| *offset),
            end: end.min(to),
        }
    }
}

/// The offset from the library at an instant. 0 outside the range of representable
/// times.
fn library_offset(tz: Tz, at: i64) -> i32 {
    DateTime::<Utc>::from_timestamp(at, 0)
        .map_or(0, |at| tz.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc())
}

/// The span that begins at `from`, searched up to `to` in steps of `interval`, from the
/// library.
fn library_span(tz: Tz, from: i64, to: i64, interval: i64) -> Span {
    let offset = library_offset(tz, from);
    let mut same = from;
    while same < to {
        let probe = same.saturating_add(interval).min(to);
        if library_offset(tz, probe) == offset {
            same = probe;
            continue;
        }
        // The change is in (same, probe].
        let (mut before, mut after) = (same, probe);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if library_offset(tz, middle) == offset {
                before = middle;
            } else {
                after = middle;
            }
        }
        return Span { offset, end: after };
    }
    Span { offset, end: to }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_DAY: i64 = 43_200;

    /// The table, and the fallback outside its range, agree with the library at every
    /// half day from before the table to after it, in every zone.
    #[test]
    fn every_zone_reads_its_clock_as_the_library_does() {
        for tz in chrono_tz::TZ_VARIANTS {
            let zone = Zone::new(tz);
            let mut at = TABLE.start - 10 * HALF_DAY;
            while at < TABLE.end + 10 * HALF_DAY {
                assert_eq!(zone.local(at) - at, library_offset(tz, at).into(), "{tz} at {at}");
                at += HALF_DAY;
            }
        }
    }

    #[test]
    fn the_table_changes_its_offset_in_the_second_in_which_the_zone_does() {
        for tz in chrono_tz::TZ_VARIANTS {
            let zone = Zone::new(tz);
            for (change, offset) in zone.table.iter().skip(1) {
                assert_eq!(zone.local(*change) - change, i64::from(*offset), "{tz} at {change}");
                assert_eq!(library_offset(tz, *change), *offset, "{tz} at {change}");
                assert_ne!(library_offset(tz, change - 1), *offset, "{tz} at {change}");
                assert_eq!(
                    zone.local(change - 1) - (change - 1),
                    library_offset(tz, change - 1).into()
                );
            }
        }
    }

    /// If two changes were closer together than two probes, the spans between them
    /// would be shorter than that interval.
    #[test]
    fn no_zone_changes_twice_between_two_probes() {
        for tz in chrono_tz::TZ_VARIANTS {
            // From local mean time to the end of the library's data.
            let mut from = -5_364_662_400;
            let mut first = true;
            while from < 4_133_980_800 {
                let span = library_span(tz, from, 4_133_980_800, PROBE);
                let probe = if TABLE.contains(&from) { TABLE_PROBE } else { PROBE };
                assert!(
                    first || span.end - from > 2 * probe || span.end == 4_133_980_800,
                    "{tz} from {from}"
                );
                first = false;
                from = span.end;
            }
        }
    }

    #[test]
    fn spans_join_at_the_ends_of_the_table() {
        let zone = Zone::new(chrono_tz::Europe::Berlin);
        for edge in [TABLE.start, TABLE.end] {
            let before = zone.span(edge - 86_400, edge + 86_400);
            assert!(before.end == edge || before.end == edge + 86_400);
            let after = zone.span(edge, edge + 86_400);
            assert_eq!(after, Span { offset: 3600, end: edge + 86_400 });
        }
        // Daylight saving of 2061, beyond the table: 27 March, 01:00 UTC.
        let change = 2_879_110_800;
        assert_eq!(zone.span(change - 86_400, change + 86_400), Span { offset: 3600, end: change });
        assert_eq!(zone.local(change) - change, 7200);
    }
}
