//! One line of the log. The fields are an allow-list, so that no secret is written by
//! mistake. One record is one line of JSON.

use serde::Serialize;

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
