//! Windows of time in which the vends of a caller are counted.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// A window of time in which the vends of a caller are counted. Windows of one length follow one
/// another and do not overlap. They begin at multiples of their length since 1970-01-01T00:00:00Z, so
/// that all instances of a service count in the same window.
///
/// ```
/// use std::time::Duration;
///
/// use chrono::{DateTime, TimeDelta};
/// use sentinel_store::RateWindow;
///
/// let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(90);
/// let window = RateWindow::containing(now, Duration::from_secs(60));
/// assert_eq!(window.start(), DateTime::UNIX_EPOCH + TimeDelta::seconds(60));
/// assert_eq!(window.end(), DateTime::UNIX_EPOCH + TimeDelta::seconds(120));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RateWindow {
    start: DateTime<Utc>,
    end: DateTime<Utc>,
}

impl RateWindow {
    /// The maximum length of a window: a day.
    pub const MAX_LENGTH: Duration = Duration::from_hours(24);

    /// The window of that length that contains an instant. The length is used in whole seconds, at
    /// least one and at most [`MAX_LENGTH`](Self::MAX_LENGTH).
    #[must_use]
    pub fn containing(now: DateTime<Utc>, length: Duration) -> Self {
        let seconds = length.min(Self::MAX_LENGTH).as_secs().max(1);
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        let start = now.timestamp() - now.timestamp().rem_euclid(seconds);
        let at = |seconds| DateTime::from_timestamp(seconds, 0);
        Self {
            start: at(start).unwrap_or(DateTime::<Utc>::MIN_UTC),
            end: at(start.saturating_add(seconds)).unwrap_or(DateTime::<Utc>::MAX_UTC),
        }
    }

    /// The first instant of the window.
    #[must_use]
    pub const fn start(&self) -> DateTime<Utc> {
        self.start
    }

    /// The first instant after the window.
    #[must_use]
    pub const fn end(&self) -> DateTime<Utc> {
        self.end
    }

    /// Length in seconds.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        self.end.timestamp().saturating_sub(self.start.timestamp())
    }
}

/// The result of counting a vend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "a caller of the store must handle each result")]
pub enum Counted {
    /// The vend is one of the first of its window, up to the limit.
    WithinLimit,
    /// The vends of the window had reached the limit before. Nothing was written.
    AboveLimit,
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Each instant is in exactly one window of a length, which starts at a multiple of it.
        #[test]
        fn an_instant_is_in_its_window(
            seconds in -4_000_000_000_i64..4_000_000_000,
            nanos in 0..1_000_000_000_u32,
            length in 1..=86_400_i64,
        ) {
            let now = DateTime::from_timestamp(seconds, nanos).unwrap();
            let length_s = Duration::from_secs(length.unsigned_abs());
            let window = RateWindow::containing(now, length_s);
            prop_assert!(window.start() <= now && now < window.end());
            prop_assert_eq!(window.start().timestamp().rem_euclid(length), 0);
            prop_assert_eq!(window.seconds(), length);
            let next = RateWindow::containing(window.end(), length_s);
            prop_assert_eq!(next.start(), window.end());
            let last = RateWindow::containing(window.end() - TimeDelta::nanoseconds(1), length_s);
            prop_assert_eq!(last, window);
        }
    }

    #[test]
    fn a_length_out_of_range_is_limited() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        assert_eq!(RateWindow::containing(now, Duration::ZERO).seconds(), 1);
        assert_eq!(RateWindow::containing(now, Duration::MAX).seconds(), 86_400);
        for extreme in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            let window = RateWindow::containing(extreme, RateWindow::MAX_LENGTH);
            assert!(window.start() <= extreme && extreme <= window.end());
        }
    }
}
