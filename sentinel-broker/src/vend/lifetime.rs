//! The lifetime of credentials, and the bound that determines it.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

use crate::issuer::{STS_MAX_SECONDS, STS_MIN_SECONDS};

/// The lifetime if the caller requests none.
const DEFAULT: Duration = Duration::from_secs(3600);

/// Maximum difference between two clocks. STS counts the length from the time at which it receives the
/// request, by its own clock. The inline policy therefore also enforces an end that is less than this
/// after the length.
const CLOCKS_AGREE: TimeDelta = TimeDelta::minutes(1);

/// The bound that determined the lifetime of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cap {
    /// The requested lifetime.
    Requested,
    /// An hour, since the caller requested no lifetime.
    Default,
    /// The policy: the cap of the rule or of the profile.
    Policy,
    /// The settings: `SENTINEL_MAX_DURATION`.
    Maximum,
    /// The time from which the policy would decide differently.
    ValidUntil,
}

impl Cap {
    /// The word in responses: `x-sentinel-duration-bound`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "asked",
            Self::Default => "default",
            Self::Policy => "policy",
            Self::Maximum => "maximum",
            Self::ValidUntil => "valid_until",
        }
    }
}

/// The word in responses.
impl fmt::Display for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The lifetime of credentials that are to be issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// The latest end, by Sentinel's clock.
    pub(crate) end: DateTime<Utc>,
    /// DurationSeconds for STS, in seconds.
    pub(crate) seconds: u32,
    /// Whether an inline policy must enforce `end`, since STS alone would accept the credentials after
    /// it.
    pub(crate) inline: bool,
    /// The bound that determined it.
    pub(crate) cap: Cap,
}

/// The bounds of a lifetime.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The lifetime that the caller requested.
    pub(crate) requested: Option<Duration>,
    /// The lesser of the rule's and the profile's cap. `None` if neither has one.
    pub(crate) policy: Option<Duration>,
    /// `SENTINEL_MAX_DURATION`.
    pub(crate) maximum: Duration,
    /// The time from which the policy would decide differently. `None` if it would not.
    pub(crate) valid_until: Option<DateTime<Utc>>,
}

impl Lifetime {
    /// The lifetime that all bounds allow, from `now` on.
    pub(crate) fn new(bounds: &Bounds, now: DateTime<Utc>) -> Self {
        let mut cap = if bounds.requested.is_some() { Cap::Requested } else { Cap::Default };
        let mut length = bounds.requested.unwrap_or(DEFAULT);
        for (bound, reason) in [(bounds.policy, Cap::Policy), (Some(bounds.maximum), Cap::Maximum)]
        {
            if let Some(bound) = bound.filter(|bound| *bound < length) {
                (length, cap) = (bound, reason);
            }
        }
        let length = length.min(Duration::from_secs(STS_MAX_SECONDS.into()));
        let length = TimeDelta::from_std(length).unwrap_or(TimeDelta::zero());
        let mut end = now + length;
        let short = length < TimeDelta::seconds(STS_MIN_SECONDS.into());
        let closing = bounds.valid_until.filter(|until| *until < end + CLOCKS_AGREE);
        if let Some(until) = closing.filter(|until| *until < end) {
            (end, cap) = (until, Cap::ValidUntil);
        }
        let inline = short || closing.is_some();
        if inline {
            // The inline policy has whole seconds. Rounding must not move the end later.
            end = end.duration_trunc(TimeDelta::seconds(1)).unwrap_or(now);
        }
        // STS counts whole seconds. Without an inline policy only DurationSeconds bounds the length, so
        // it is rounded down.
        let whole = u32::try_from((end - now).num_seconds()).unwrap_or(0);
        let seconds = whole.clamp(STS_MIN_SECONDS, STS_MAX_SECONDS);
        Self { end, seconds, inline, cap }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-03-02T10:00:00.750Z".parse().unwrap()
    }

    fn bounds() -> Bounds {
        Bounds {
            requested: None,
            policy: None,
            maximum: Duration::from_secs(3600),
            valid_until: None,
        }
    }

    #[test]
    fn an_hour_is_the_default_and_needs_no_inline_policy() {
        let life = Lifetime::new(&bounds(), now());
        assert_eq!((life.seconds, life.cap, life.inline), (3600, Cap::Default, false));
        assert_eq!(life.end, now() + TimeDelta::hours(1));
    }

    #[test]
    fn the_least_bound_wins_and_is_reported() {
        let requested = Some(Duration::from_secs(7200));
        let life = Lifetime::new(&Bounds { requested, ..bounds() }, now());
        assert_eq!((life.seconds, life.cap), (3600, Cap::Maximum));
        let policy = Some(Duration::from_secs(1800));
        let life = Lifetime::new(&Bounds { requested, policy, ..bounds() }, now());
        assert_eq!((life.seconds, life.cap), (1800, Cap::Policy));
    }

    #[test]
    fn the_inline_policy_enforces_less_than_the_minimum_of_sts() {
        let policy = Some(Duration::from_secs(300));
        let life = Lifetime::new(&Bounds { policy, ..bounds() }, now());
        assert_eq!((life.seconds, life.inline), (STS_MIN_SECONDS, true));
        assert_eq!(life.end.to_rfc3339(), "2026-03-02T10:05:00+00:00");
    }

    #[test]
    fn credentials_end_in_the_second_in_which_the_policy_changes() {
        let until = "2026-03-02T10:30:00Z".parse().unwrap();
        let life = Lifetime::new(&Bounds { valid_until: Some(until), ..bounds() }, now());
        assert_eq!((life.end, life.cap, life.inline), (until, Cap::ValidUntil, true));
        assert!(life.seconds < 1800);
    }

    #[test]
    fn a_change_just_after_the_length_is_enforced_too_since_clocks_differ() {
        let until = now() + TimeDelta::seconds(3630);
        let life = Lifetime::new(&Bounds { valid_until: Some(until), ..bounds() }, now());
        assert!(life.inline && life.end <= until && life.cap == Cap::Default);
        let until = now() + TimeDelta::seconds(3661);
        let life = Lifetime::new(&Bounds { valid_until: Some(until), ..bounds() }, now());
        assert!(!life.inline);
    }
}
