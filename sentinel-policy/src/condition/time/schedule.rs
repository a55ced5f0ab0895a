//! A time window in the form in which it is evaluated: seconds on the wall clock of
//! the zone, and the zone with its table.

use std::sync::Arc;

use super::window::{Day, Window};
use super::zone::{Zone, Zones};

/// Seconds in a day of the wall clock.
const DAY: i64 = 86_400;

/// The times at which a window is open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Schedule {
    /// One bit per day of the week. Monday is the lowest bit.
    days: u8,
    /// Seconds from the midnight at which the day begins.
    opens: i64,
    /// Seconds from that midnight. More than [`DAY`] if the window extends past
    /// midnight.
    closes: i64,
    zone: Arc<Zone>,
}

impl Schedule {
    /// The schedule of a window.
    pub(crate) fn new(window: &Window, zones: &mut Zones) -> Self {
        let days = Day::ALL
            .into_iter()
            .filter(|day| window.days.contains(*day))
            .fold(0, |days, day| days | 1 << day as u8);
        let (opens, closes) = match window.hours {
            None => (0, DAY),
            Some(hours) => {
                let (start, end) = (i64::from(hours.start()) * 60, i64::from(hours.end()) * 60);
                (start, if end < start { end + DAY } else { end })
            }
        };
        Self { days, opens, closes, zone: zones.zone(window.zone) }
    }

    /// Whether the window is open at `now`, in seconds since the epoch.
    pub(crate) fn contains(&self, now: i64) -> bool {
        let local = self.zone.local(now);
        let day = local.div_euclid(DAY);
        let second = local.rem_euclid(DAY);
        (self.on(day) && (self.opens..self.closes).contains(&second))
            || (self.on(day - 1) && second + DAY < self.closes)
    }

    /// The times in `[from, to)` at which the window is open, ascending. Two of them
    /// can touch.
    pub(crate) fn openings(&self, from: i64, to: i64) -> Vec<(i64, i64)> {
        let mut openings = Vec::new();
        let mut begin = from;
        // Within a span the wall clock is continuous. The windows of a span are the
        // windows of its days, cut to the span. A skipped hour therefore opens no
        // window, and a repeated hour opens it twice.
        while begin < to {
            let span = self.zone.span(begin, to);
            let offset = i64::from(span.offset);
            let first = (begin + offset).div_euclid(DAY) - 1;
            let last = (span.end + offset).div_euclid(DAY);
            for day in (first..=last).filter(|day| self.on(*day)) {
                let opens = (day * DAY + self.opens - offset).max(begin);
                let closes = (day * DAY + self.closes - offset).min(span.end);
                if opens < closes {
                    openings.push((opens, closes));
                }
            }
            begin = span.end;
        }
        openings
    }

    /// Whether the day, counted from the day of the epoch, is a day of the window.
    fn on(&self, day: i64) -> bool {
        // The epoch began on a Thursday.
        let weekday = (day + 3).rem_euclid(7);
        self.days & (1 << weekday) != 0
    }
}
