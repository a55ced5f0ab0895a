//! Durations on the command line, written as in policies: `1h30m`, `45m`, `90s`.

use std::time::Duration;

/// Reads a duration above 0: hours, minutes and seconds in this order, each at
/// most once.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let malformed = || format!("`{text}` is not a duration such as 1h30m, 45m or 90s");
    let mut rest = text;
    let mut seconds = 0_u64;
    let mut units = [('h', 3600), ('m', 60), ('s', 1)].into_iter();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(malformed)?;
        let (digits, after) = rest.split_at(end);
        let number: u64 = digits.parse().map_err(|_| malformed())?;
        let mut after = after.chars();
        let unit = after.next().ok_or_else(malformed)?;
        // Units that were passed over are gone, so none comes twice or late.
        let (_, length) = units.find(|(name, _)| *name == unit).ok_or_else(malformed)?;
        seconds = number
            .checked_mul(length)
            .and_then(|more| seconds.checked_add(more))
            .ok_or_else(malformed)?;
        rest = after.as_str();
    }
    if seconds == 0 { Err(malformed()) } else { Ok(Duration::from_secs(seconds)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_in_policies() {
        for (text, seconds) in [("1h30m", 5400), ("45m", 2700), ("90s", 90), ("1h1s", 3601)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "0s",
            "1",
            "m",
            "1d",
            "1m1h",
            "1h1h",
            "-1h",
            "1.5h",
            " 1h",
            "99999999999999999999h",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
