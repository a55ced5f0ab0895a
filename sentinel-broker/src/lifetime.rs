//! How long credentials last, and why no longer.

use std::time::Duration;

use chrono::{DateTime, DurationRound, TimeDelta, Utc};

/// STS gives no less.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
pub const STS_MIN_SECONDS: u32 = 900;

/// What a client may ask for at most; what it gets is capped further.
pub const STS_MAX_SECONDS: u32 = 43_200;

/// What is asked for when nothing is.
const DEFAULT: Duration = Duration::from_secs(3600);

/// How far two clocks may be apart: an end that lies this close behind the
/// length is kept by the inline policy too, since STS counts from its own
/// receipt, by its own clock.
const CLOCKS_AGREE: TimeDelta = TimeDelta::minutes(1);

/// What bounded the life of credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cap {
    /// Nothing: it is what was asked for.
    Asked,
    /// Nothing was asked for, so it is an hour.
    Default,
    /// The policy: the rule's cap or the profile's.
    Policy,
    /// `SENTINEL_MAX_DURATION`.
    Maximum,
    /// The policy would decide otherwise from then on.
    ValidUntil,
}

impl Cap {
    /// The word for it in answers and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Default => "default",
            Self::Policy => "policy",
            Self::Maximum => "maximum",
            Self::ValidUntil => "valid_until",
        }
    }
}

/// The life of credentials that are to be issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// When they end at the latest by our clock.
    pub(crate) end: DateTime<Utc>,
    /// DurationSeconds for STS.
    pub(crate) seconds: u32,
    /// Whether `end` must be kept by an inline policy, since STS alone would
    /// keep them alive beyond it.
    pub(crate) inline: bool,
    /// What bounded it.
    pub(crate) cap: Cap,
}

/// The bounds of a life.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// What was asked for.
    pub(crate) asked: Option<Duration>,
    /// The lesser cap of rule and profile.
    pub(crate) policy: Option<Duration>,
    /// `SENTINEL_MAX_DURATION`.
    pub(crate) maximum: Duration,
    /// When the policy would decide otherwise.
    pub(crate) valid_until: Option<DateTime<Utc>>,
}

impl Lifetime {
    /// The least of all bounds, from `now` on.
    pub(crate) fn new(bounds: &Bounds, now: DateTime<Utc>) -> Self {
        let mut cap = if bounds.asked.is_some() { Cap::Asked } else { Cap::Default };
        let mut length = bounds.asked.unwrap_or(DEFAULT);
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
            // The inline policy's clock has whole seconds: never a later one.
            end = end.duration_trunc(TimeDelta::seconds(1)).unwrap_or(now);
        }
        // STS counts whole seconds from its own receipt. Without an inline
        // policy DurationSeconds alone keeps the length, so it is rounded down.
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
        Bounds { asked: None, policy: None, maximum: Duration::from_secs(3600), valid_until: None }
    }

    #[test]
    fn an_hour_is_the_default_and_needs_no_inline_policy() {
        let life = Lifetime::new(&bounds(), now());
        assert_eq!((life.seconds, life.cap, life.inline), (3600, Cap::Default, false));
        assert_eq!(life.end, now() + TimeDelta::hours(1));
    }

    #[test]
    fn the_least_bound_wins_and_is_named() {
        let asked = Some(Duration::from_secs(7200));
        let life = Lifetime::new(&Bounds { asked, ..bounds() }, now());
        assert_eq!((life.seconds, life.cap), (3600, Cap::Maximum));
        let policy = Some(Duration::from_secs(1800));
        let life = Lifetime::new(&Bounds { asked, policy, ..bounds() }, now());
        assert_eq!((life.seconds, life.cap), (1800, Cap::Policy));
    }

    #[test]
    fn less_than_sts_gives_is_kept_by_the_inline_policy() {
        let policy = Some(Duration::from_secs(300));
        let life = Lifetime::new(&Bounds { policy, ..bounds() }, now());
        assert_eq!((life.seconds, life.inline), (STS_MIN_SECONDS, true));
        assert_eq!(life.end.to_rfc3339(), "2026-03-02T10:05:00+00:00");
    }

    #[test]
    fn an_instant_at_which_the_policy_changes_is_the_end_to_the_second() {
        let until = "2026-03-02T10:30:00Z".parse().unwrap();
        let life = Lifetime::new(&Bounds { valid_until: Some(until), ..bounds() }, now());
        assert_eq!((life.end, life.cap, life.inline), (until, Cap::ValidUntil, true));
        assert!(life.seconds < 1800);
    }

    #[test]
    fn an_instant_just_behind_the_length_is_kept_too_since_clocks_differ() {
        let until = now() + TimeDelta::seconds(3630);
        let life = Lifetime::new(&Bounds { valid_until: Some(until), ..bounds() }, now());
        assert!(life.inline && life.end <= until && life.cap == Cap::Default);
        let until = now() + TimeDelta::seconds(3661);
        let life = Lifetime::new(&Bounds { valid_until: Some(until), ..bounds() }, now());
        assert!(!life.inline);
    }
}
