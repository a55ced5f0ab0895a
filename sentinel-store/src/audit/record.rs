//! The records of decisions and events. The fields are an allow-list, so that no secret
//! is written by mistake. One record is one line of JSON.

use chrono::{DateTime, Utc};
use sentinel_wire::rfc3339;
use serde::{Serialize, Serializer};

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Record {
    /// A decision on a request for credentials.
    Decision(Box<DecisionRecord>),
    /// Another event.
    Event(Box<Event>),
    /// Metrics, in CloudWatch's embedded metric format.
    Metrics(Metrics),
}

/// The effect of a decision for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say all")]
pub enum Verdict {
    Allow,
    Deny,
    RequireApproval,
}

/// The policy document that was used for a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PolicyUsed {
    /// Path of the document.
    pub name: String,
    /// Version of the document in the store.
    pub version: String,
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
}

/// A decision record.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "the names are those in the log; docs/records.md describes each field"
)]
pub struct DecisionRecord {
    #[serde(serialize_with = "rfc3339::serialize")]
    pub timestamp: DateTime<Utc>,
    pub user: String,
    pub profile: String,
    pub effect: Verdict,
    pub source_identity: Option<String>,
    pub code: String,
    pub rule: Option<String>,
    pub rule_index: Option<usize>,
    pub reason: Option<String>,
    pub request_id: String,
    pub session: Option<String>,
    pub account: String,
    pub principal: String,
    pub caller: String,
    pub source_ip: Option<String>,
    pub mode: &'static str,
    pub duration_s: Option<u64>,
    #[serde(serialize_with = "rfc3339::serialize_option")]
    pub expiration: Option<DateTime<Utc>>,
    pub access_key_id: Option<String>,
    pub sts_request_id: Option<String>,
    pub approval: Option<String>,
    pub break_glass: Option<String>,
    pub policy: Option<PolicyUsed>,
    pub policy_stale: bool,
    pub withheld: bool,
    pub function_version: Option<String>,
    pub latency_ms: u64,
}

/// A record of an event that is not a decision on credentials, such as a revocation, a
/// reinstatement, or a refusal by the authorizer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[expect(
    missing_docs,
    reason = "the names are those in the log; docs/records.md describes each field"
)]
pub struct Event {
    #[serde(serialize_with = "rfc3339::serialize")]
    pub timestamp: DateTime<Utc>,
    pub event: EventKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    #[serde(serialize_with = "rfc3339::serialize_option", skip_serializing_if = "Option::is_none")]
    pub blocked_until: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// An operator revoked.
    Revocation,
    /// An operator reinstated a caller.
    Reinstatement,
    /// A caller who is not an operator requested an operation that only operators may use.
    OperationRefused,
    /// The identity of a caller was verified, and Sentinel does not serve it.
    IdentityRefused,
    /// The authorizer refused a session id.
    AuthorizerRefusal,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Revocation,
        Self::Reinstatement,
        Self::OperationRefused,
        Self::IdentityRefused,
        Self::AuthorizerRefusal,
    ];
}

impl Event {
    /// An event without any optional field.
    #[must_use]
    pub const fn new(event: EventKind, timestamp: DateTime<Utc>) -> Self {
        Self {
            timestamp,
            event,
            by: None,
            principal: None,
            user: None,
            profile: None,
            session: None,
            reason: None,
            code: None,
            epoch: None,
            blocked_until: None,
            request_id: None,
        }
    }
}

/// Counts of one request, without user or profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    /// When the request was handled.
    pub timestamp: DateTime<Utc>,
    /// Name and value of each metric.
    pub values: Vec<(&'static str, u64)>,
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let definitions: Vec<_> = self
            .values
            .iter()
            .map(|(name, _)| {
                let unit = if name.ends_with("Ms") { "Milliseconds" } else { "Count" };
                serde_json::json!({ "Name": name, "Unit": unit })
            })
            .collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(
            "_aws",
            &serde_json::json!({
                "Timestamp": self.timestamp.timestamp_millis(),
                "CloudWatchMetrics": [{
                    "Namespace": "Sentinel",
                    "Dimensions": [[]],
                    "Metrics": definitions,
                }],
            }),
        )?;
        for (name, value) in &self.values {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
