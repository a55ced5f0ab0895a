//! Times for people: relative to now, next to or instead of the exact ones.

use chrono::{DateTime, TimeDelta, Utc};
use sentinel_wire::rfc3339;

/// How the times of a table are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    now: DateTime<Utc>,
    exact: bool,
}

impl Times {
    /// Relative to `now`, or exact.
    pub(crate) const fn new(now: DateTime<Utc>, exact: bool) -> Self {
        Self { now, exact }
    }

    /// A cell of a table: `3 h ago`, or the exact time.
    pub(crate) fn cell(self, at: DateTime<Utc>) -> String {
        if self.exact { rfc3339::seconds(at) } else { relative(at, self.now) }
    }

    /// The exact time, then the relative one: `2026-03-02T09:00:00Z (3 h ago)`.
    pub(crate) fn both(self, at: DateTime<Utc>) -> String {
        both(at, self.now)
    }
}

/// The exact time, then the relative one.
pub(crate) fn both(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    format!("{} ({})", rfc3339::seconds(at), relative(at, now))
}

/// A time relative to now: `in 42 s`, `in 42 min`, `3 h ago`; `just now` for less than a minute ago.
pub(crate) fn relative(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let ahead = at.signed_duration_since(now);
    match ahead.num_seconds() {
        1.. => format!("in {}", rough(ahead)),
        -59..=0 => "just now".to_owned(),
        _ => format!("{} ago", rough(-ahead)),
    }
}

/// A length in its largest unit, cut off: `59 s`, `42 min`, `47 h`, `3 d`.
fn rough(length: TimeDelta) -> String {
    match length.num_seconds() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..172_800 => format!("{} h", seconds / 3_600),
        seconds @ 172_800.. => format!("{} d", seconds / 86_400),
    }
}

/// A length in two units, cut off: `42 s`, `5 min 10 s`, `2 h 5 min`, `3 d 4 h`. Zero if it is negative.
pub(crate) fn length(length: TimeDelta) -> String {
    let seconds = length.num_seconds().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let units = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds % 60, "s")];
    let from = units.iter().position(|(number, _)| *number > 0).unwrap_or(units.len() - 1);
    let shown = units.iter().skip(from).take(2).filter(|(number, _)| *number > 0 || seconds == 0);
    shown.map(|(number, unit)| format!("{number} {unit}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn a_relative_time_has_its_largest_unit() {
        for (seconds, shown) in [
            (0, "just now"),
            (-59, "just now"),
            (-60, "1 min ago"),
            (1, "in 1 s"),
            (59, "in 59 s"),
            (60, "in 1 min"),
            (42 * 60 + 59, "in 42 min"),
            (3_600, "in 1 h"),
            (172_799, "in 47 h"),
            (172_800, "in 2 d"),
            (-3 * 3_600 - 5, "3 h ago"),
            (-90 * 86_400, "90 d ago"),
        ] {
            assert_eq!(relative(at(seconds), at(0)), shown, "{seconds}");
        }
    }

    #[test]
    fn a_table_has_exact_times_only_if_details_are_requested() {
        assert_eq!(Times::new(at(0), false).cell(at(90)), "in 1 min");
        assert_eq!(Times::new(at(0), true).cell(at(90)), "2027-01-15T08:01:30Z");
        assert_eq!(Times::new(at(0), false).both(at(90)), "2027-01-15T08:01:30Z (in 1 min)");
    }

    #[test]
    fn a_length_has_at_most_two_units() {
        for (seconds, shown) in [
            (-5, "0 s"),
            (0, "0 s"),
            (42, "42 s"),
            (310, "5 min 10 s"),
            (300, "5 min"),
            (7_500, "2 h 5 min"),
            (3_601, "1 h"),
            (3 * 86_400 + 4 * 3_600 + 59, "3 d 4 h"),
        ] {
            assert_eq!(length(TimeDelta::seconds(seconds)), shown, "{seconds}");
        }
    }
}
