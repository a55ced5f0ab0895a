//! Values of arguments that several commands have.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sentinel_broker::{STS_MAX_SECONDS, STS_MIN_SECONDS};
use sentinel_policy::parse_duration;

/// What is a valid name of a profile, and of its document.
pub(crate) const NAME_RULE: &str =
    "a name has 1 to 64 characters of `A-Z a-z 0-9 . _ -`, and starts with a letter or digit";

/// Reads a duration above 0, written as in policies.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("a duration must be above 0".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

/// Reads the lifetime of a role session: a duration that STS accepts.
pub(crate) fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = duration(text)?;
    if (u64::from(STS_MIN_SECONDS)..=u64::from(STS_MAX_SECONDS)).contains(&lifetime.as_secs()) {
        Ok(lifetime)
    } else {
        Err("the lifetime of credentials is 15m to 12h".to_owned())
    }
}

/// Reads a time, such as 2026-03-02T22:00:00Z.
pub(crate) fn time(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.with_timezone(&Utc))
        .map_err(|_| "must be a time like 2026-03-02T22:00:00Z".to_owned())
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A century.
const MAX_DAYS: u32 = 36_525;

/// The beginning of a list: a time, or a length before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// That time.
    At(DateTime<Utc>),
    /// That long ago.
    Ago(Duration),
}

impl Since {
    /// Reads `2h`, `30d` or `2026-03-02T22:00:00Z`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let days = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok());
        if let Some(days) = days.filter(|days| (1..=MAX_DAYS).contains(days)) {
            return Ok(Self::Ago(DAY.saturating_mul(days)));
        }
        if let Ok(ago) = duration(text) {
            return Ok(Self::Ago(ago));
        }
        time(text).map(Self::At).map_err(|_| {
            "must be a length like 2h or 30d, or a time like 2026-03-02T22:00:00Z".to_owned()
        })
    }

    /// The time that this means at `now`.
    pub(crate) fn instant(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => TimeDelta::from_std(ago)
                .ok()
                .and_then(|ago| now.checked_sub_signed(ago))
                .unwrap_or(DateTime::<Utc>::MIN_UTC),
        }
    }
}

/// Whether two names differ in case, or by two typing errors at most.
#[cfg(feature = "aws")]
pub(crate) fn is_similar(one: &str, other: &str) -> bool {
    let [one, other] = [one, other].map(str::to_lowercase);
    strsim::osa_distance(&one, &other) <= if one.chars().count() < 4 { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_begins_at_a_time_or_a_length_before_now() {
        let now = time("2026-03-02T10:00:00Z").unwrap();
        for (text, instant) in [
            ("2h", "2026-03-02T08:00:00Z"),
            ("1h30m", "2026-03-02T08:30:00Z"),
            ("2d", "2026-02-28T10:00:00Z"),
            ("2026-03-01T00:00:00+01:00", "2026-02-28T23:00:00Z"),
        ] {
            assert_eq!(Since::parse(text).unwrap().instant(now), time(instant).unwrap(), "{text}");
        }
        for text in
            ["", "d", "0d", "-1d", "1e3d", "99999999999d", "yesterday", "2026-03-01", "-2h", "0s"]
        {
            assert!(Since::parse(text).unwrap_err().contains("2h"), "{text}");
        }
    }
}
