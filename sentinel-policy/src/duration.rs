//! Durations as people write them, `1h30m`, `45m` or `90s`, in policies and in
//! settings.

use std::time::Duration;

/// The longest duration that is accepted: a year. No useful duration is longer, and
/// sums with it cannot overflow.
const LONGEST: Duration = Duration::from_secs(8_760 * 3_600);

/// The reason why a text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DurationError {
    /// Not hours, minutes and seconds, each at most once and in that order.
    Malformed,
    /// More than a year.
    TooLong,
}

impl std::fmt::Display for DurationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Malformed => {
                "a duration is hours, minutes and seconds in that order, such as `1h30m`, `45m` or `90s`"
            }
            Self::TooLong => "a duration is at most `8760h`, a year",
        })
    }
}

impl std::error::Error for DurationError {}

/// Reads `1h30m`, `45m` or `90s`. `0s` is valid too. A caller of this function that
/// cannot use it must refuse it.
///
/// ```
/// use std::time::Duration;
/// use sentinel_policy::{DurationError, parse_duration};
///
/// assert_eq!(parse_duration("1h30m"), Ok(Duration::from_secs(5_400)));
/// assert_eq!(parse_duration("1d"), Err(DurationError::Malformed));
/// ```
///
/// # Errors
/// [`DurationError`] if the text has another form or is more than a year.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    for (unit, seconds) in [('h', 3_600), ('m', 60), ('s', 1)] {
        let Some((digits, after)) = rest.split_once(unit) else { continue };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(DurationError::Malformed);
        }
        // The text has only digits, so that the number can only be too large.
        let count: u64 = digits.parse().map_err(|_| DurationError::TooLong)?;
        let part = count.checked_mul(seconds).ok_or(DurationError::TooLong)?;
        total = total.checked_add(Duration::from_secs(part)).ok_or(DurationError::TooLong)?;
        rest = after;
    }
    if !rest.is_empty() || text.is_empty() {
        Err(DurationError::Malformed)
    } else if total > LONGEST {
        Err(DurationError::TooLong)
    } else {
        Ok(total)
    }
}

/// The duration that was probably meant by an invalid text: one with days, other
/// cases, longer unit names, spaces, or in ISO 8601.
pub(crate) fn meant_duration(text: &str) -> Option<String> {
    if text.len() > 32 || text.bytes().all(|b| b == b'0') {
        return None;
    }
    let mut plain: String = text.to_lowercase().split_whitespace().collect();
    for (written, unit) in [
        ("hours", "h"),
        ("hour", "h"),
        ("hrs", "h"),
        ("hr", "h"),
        ("minutes", "m"),
        ("minute", "m"),
        ("mins", "m"),
        ("min", "m"),
        ("seconds", "s"),
        ("second", "s"),
        ("secs", "s"),
        ("sec", "s"),
        ("days", "d"),
        ("day", "d"),
    ] {
        plain = plain.replace(written, unit);
    }
    let plain = plain.strip_prefix("pt").unwrap_or(&plain);
    if let Some(days) = plain.strip_suffix('d') {
        let hours = days.parse::<u64>().ok()?.checked_mul(24)?;
        let written = format!("{hours}h");
        return parse_duration(&written).is_ok().then_some(written);
    }
    if !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_digit()) {
        let written = format!("{plain}s");
        return parse_duration(&written).is_ok().then_some(written);
    }
    (plain != text && parse_duration(plain).is_ok()).then(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_units_in_order_each_at_most_once() {
        for (text, expected) in [
            ("1h30m", Ok(5_400)),
            ("45m", Ok(2_700)),
            ("90s", Ok(90)),
            ("1h0m1s", Ok(3_601)),
            ("0s", Ok(0)),
            ("8760h", Ok(31_536_000)),
            ("8760h1s", Err(DurationError::TooLong)),
            ("99999999999999999999h", Err(DurationError::TooLong)),
            ("18446744073709551615h", Err(DurationError::TooLong)),
            ("", Err(DurationError::Malformed)),
            ("h", Err(DurationError::Malformed)),
            ("1", Err(DurationError::Malformed)),
            ("1d", Err(DurationError::Malformed)),
            ("1m1h", Err(DurationError::Malformed)),
            ("1h1h", Err(DurationError::Malformed)),
            ("1h ", Err(DurationError::Malformed)),
            ("+1h", Err(DurationError::Malformed)),
            ("-1h", Err(DurationError::Malformed)),
            ("1.5h", Err(DurationError::Malformed)),
        ] {
            assert_eq!(parse_duration(text), expected.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_suggested_duration_is_a_duration() {
        for (text, expected) in [
            ("1d", Some("24h")),
            ("30", Some("30s")),
            ("1H", Some("1h")),
            ("1h 30m", Some("1h30m")),
            ("45 minutes", Some("45m")),
            ("PT1H", Some("1h")),
            ("soon", None),
            ("1d1h", None),
        ] {
            assert_eq!(meant_duration(text).as_deref(), expected, "{text}");
        }
    }
}
