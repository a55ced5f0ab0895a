//! One line of the log. The fields are an allow-list, so that no secret is written by
//! mistake. One record is one line of JSON.

use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use serde::{Serialize, Serializer};

use super::{DecisionRecord, Event, Metrics};

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Record {
    /// A decision on a request for credentials.
    Decision(Box<DecisionRecord>),
    /// Another event.
    Event(Box<Event>),
    /// Metrics, in CloudWatch's embedded metric format.
    Metrics(Metrics),
}

/// Serializes a time as RFC 3339 in UTC, with `Z`, to the millisecond, which the date
/// type of every client supports.
///
/// # Errors
/// As those of the serializer.
pub fn rfc3339<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    let at = at.duration_trunc(TimeDelta::milliseconds(1)).unwrap_or(*at);
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

/// Serializes an optional time like [`rfc3339`]. `None` is null.
///
/// # Errors
/// As those of the serializer.
pub fn rfc3339_option<S: Serializer>(
    at: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => rfc3339(at, serializer),
        None => serializer.serialize_none(),
    }
}
