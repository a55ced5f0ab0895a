//! Times as RFC 3339 text in UTC, with `Z`. Each use has one precision: seconds where AWS has
//! seconds (credentials) and in text for people, milliseconds in records and lists, and all digits
//! where a program computes with the result.

use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use serde::Serializer;

/// A time to the second. Fractions are cut off.
///
/// ```
/// let at = chrono::DateTime::from_timestamp_millis(1_800_000_000_250).unwrap();
/// assert_eq!(sentinel_wire::rfc3339::seconds(at), "2027-01-15T08:00:00Z");
/// assert_eq!(sentinel_wire::rfc3339::milliseconds(at), "2027-01-15T08:00:00.250Z");
/// ```
#[must_use]
pub fn seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A time to the millisecond, which the date type of every client supports. Without a fraction if it
/// is a whole second.
#[must_use]
pub fn milliseconds(at: DateTime<Utc>) -> String {
    exact(at.duration_trunc(TimeDelta::milliseconds(1)).unwrap_or(at))
}

/// A time with all its digits.
#[must_use]
pub fn exact(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Serializes a time to the [second](seconds).
///
/// # Errors
/// As those of the serializer.
pub fn serialize_seconds<S: Serializer>(
    at: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&seconds(*at))
}

/// Serializes a time to the [millisecond](milliseconds).
///
/// # Errors
/// As those of the serializer.
pub fn serialize<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&milliseconds(*at))
}

/// Serializes an optional time to the [millisecond](milliseconds). `None` is null.
///
/// # Errors
/// As those of the serializer.
pub fn serialize_option<S: Serializer>(
    at: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serialize(at, serializer),
        None => serializer.serialize_none(),
    }
}
