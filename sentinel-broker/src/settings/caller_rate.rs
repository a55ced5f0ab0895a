//! The limit on the vends of one caller.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sentinel_policy::parse_duration;
use sentinel_store::RateWindow;

/// `SENTINEL_CALLER_RATE`: the number of vends that one caller can start in each window of time.
///
/// ```
/// use sentinel_broker::CallerRate;
///
/// let rate = CallerRate::parse("60/1m").ok_or("not a rate")?;
/// assert_eq!(rate, CallerRate::default());
/// assert_eq!(rate.to_string(), "60 in 60 seconds");
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerRate {
    vends: NonZeroU32,
    window: Duration,
}

/// 60 in a minute.
impl Default for CallerRate {
    fn default() -> Self {
        Self { vends: Self::DEFAULT_VENDS, window: Self::DEFAULT_WINDOW }
    }
}

impl CallerRate {
    const DEFAULT_VENDS: NonZeroU32 = NonZeroU32::new(60).expect("not zero");
    const DEFAULT_WINDOW: Duration = Duration::from_mins(1);

    /// A rate of that number of vends in windows of that length. `None` if the length is less than a
    /// second, more than [`RateWindow::MAX_LENGTH`] or not in whole seconds.
    #[must_use]
    pub fn new(vends: NonZeroU32, window: Duration) -> Option<Self> {
        let range = Duration::from_secs(1)..=RateWindow::MAX_LENGTH;
        let good = range.contains(&window) && window.subsec_nanos() == 0;
        good.then_some(Self { vends, window })
    }

    /// Parses `NUMBER/DURATION`, such as `60/1m`. The number is at least 1. The duration is from `1s`
    /// to `24h`. `None` if the text is another one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (vends, window) = text.split_once('/')?;
        // A number can be parsed with a sign, or with leading zeros.
        let plain = vends.bytes().all(|b| b.is_ascii_digit()) && !vends.starts_with('0');
        let vends = vends.parse().ok().filter(|_| plain)?;
        Self::new(vends, parse_duration(window).ok()?)
    }

    /// Number of vends that one caller can start in a window.
    #[must_use]
    pub const fn vends(&self) -> NonZeroU32 {
        self.vends
    }

    /// The window that contains an instant.
    #[must_use]
    pub fn window(&self, now: DateTime<Utc>) -> RateWindow {
        RateWindow::containing(now, self.window)
    }
}

impl fmt::Display for CallerRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.window.as_secs();
        write!(f, "{} in {seconds} second{}", self.vends, if seconds == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_duration() {
        for (text, expected) in [
            ("60/1m", Some("60 in 60 seconds")),
            ("1/1s", Some("1 in 1 second")),
            ("4294967295/24h", Some("4294967295 in 86400 seconds")),
            ("4294967296/1m", None),
            ("0/1m", None),
            ("060/1m", None),
            ("+60/1m", None),
            ("-1/1m", None),
            ("60/0s", None),
            ("60/24h1s", None),
            ("60/60", None),
            ("60/m", None),
            ("60 / 1m", None),
            ("60/1m/1m", None),
            ("/1m", None),
            ("60/", None),
            ("60", None),
            ("1m/60", None),
            ("", None),
        ] {
            let rate = CallerRate::parse(text).map(|rate| rate.to_string());
            assert_eq!(rate.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_window_is_in_whole_seconds() {
        let with = |window| CallerRate::new(NonZeroU32::MIN, window);
        assert_eq!(with(Duration::from_millis(1500)), None);
        assert_eq!(with(Duration::from_millis(500)), None);
        assert!(with(Duration::from_secs(2)).is_some());
    }
}
