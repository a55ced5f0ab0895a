//! Time windows: days, and hours on the wall clock of a zone.

use chrono::{DateTime, Datelike, Days, NaiveDateTime, Offset, TimeZone, Timelike, Utc, Weekday};
use chrono_tz::Tz;

use crate::closed_set::closed_set;

closed_set! {
    /// A day of the week.
    #[expect(clippy::exhaustive_enums, reason = "a week has seven days")]
    Day {
        /// Monday.
        Monday = "monday",
        /// Tuesday.
        Tuesday = "tuesday",
        /// Wednesday.
        Wednesday = "wednesday",
        /// Thursday.
        Thursday = "thursday",
        /// Friday.
        Friday = "friday",
        /// Saturday.
        Saturday = "saturday",
        /// Sunday.
        Sunday = "sunday",
    }
}

impl From<Weekday> for Day {
    fn from(day: Weekday) -> Self {
        match day {
            Weekday::Mon => Self::Monday,
            Weekday::Tue => Self::Tuesday,
            Weekday::Wed => Self::Wednesday,
            Weekday::Thu => Self::Thursday,
            Weekday::Fri => Self::Friday,
            Weekday::Sat => Self::Saturday,
            Weekday::Sun => Self::Sunday,
        }
    }
}

/// A set of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DaySet(u8);

impl DaySet {
    /// All seven.
    pub const EVERY: Self = Self(0x7f);

    /// Whether `day` is in the set.
    #[must_use]
    pub const fn contains(self, day: Day) -> bool {
        self.0 & (1 << day as u8) != 0
    }
}

impl FromIterator<Day> for DaySet {
    fn from_iter<I: IntoIterator<Item = Day>>(days: I) -> Self {
        Self(days.into_iter().fold(0, |set, day| set | 1 << day as u8))
    }
}

/// Hours of the day, `[start, end)`, in minutes from midnight. The hours extend
/// past midnight if the end is before the start. `start` is less than 1,440, `end`
/// is at most 1,440, and they are not equal. [`Hours::new`] is the only
/// constructor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hours {
    start: u16,
    end: u16,
}

impl Hours {
    /// Creates hours from two counts of minutes. `None` if they are not the hours of a
    /// window.
    #[must_use]
    pub const fn new(start: u16, end: u16) -> Option<Self> {
        if start < 1440 && end <= 1440 && start != end { Some(Self { start, end }) } else { None }
    }

    /// The first minute of the day that is inside the hours.
    #[must_use]
    pub const fn start(self) -> u16 {
        self.start
    }

    /// The first minute of the day after the hours.
    #[must_use]
    pub const fn end(self) -> u16 {
        self.end
    }
}

/// A time window: days, and hours on the wall clock of a zone. A window that
/// extends past midnight belongs to the day on which it starts. A skipped hour does
/// not exist. A repeated hour counts twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Window {
    /// The days on which the window opens. All seven if the policy names none.
    pub days: DaySet,
    /// The hours of the day in which the window is open. `None` if it is open all day.
    pub hours: Option<Hours>,
    /// The time zone of the days and hours. UTC if the policy names none.
    pub zone: Tz,
}

impl Window {
    /// Whether the window is open at `now`.
    #[must_use]
    pub fn contains(&self, now: DateTime<Utc>) -> bool {
        self.contains_local(self.local(now))
    }

    /// The reading of the wall clock in the zone of the window at `now`.
    #[must_use]
    pub fn local(&self, now: DateTime<Utc>) -> NaiveDateTime {
        let utc = now.naive_utc();
        let offset = self.zone.offset_from_utc_datetime(&utc).fix();
        // Outside the range of representable times the zone has no effect.
        utc.checked_add_offset(offset).unwrap_or(utc)
    }

    /// Whether the window is open at that reading of the wall clock in its zone.
    #[must_use]
    pub fn contains_local(&self, local: NaiveDateTime) -> bool {
        let today = Day::from(local.weekday());
        let Some(Hours { start, end }) = self.hours else { return self.days.contains(today) };
        let minute = local.hour() * 60 + local.minute();
        let (start, end) = (u32::from(start), u32::from(end));
        if start < end {
            return self.days.contains(today) && (start..end).contains(&minute);
        }
        let yesterday = local
            .date()
            .checked_sub_days(Days::new(1))
            .map_or(today, |date| Day::from(date.weekday()));
        (minute >= start && self.days.contains(today))
            || (minute < end && self.days.contains(yesterday))
    }
}
