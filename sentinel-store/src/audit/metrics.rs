//! Metrics, in CloudWatch's embedded metric format.

use chrono::{DateTime, Utc};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Counts of one request, without user or profile.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Metrics {
    /// When the request was handled. In JSON: milliseconds since 1970.
    pub timestamp: DateTime<Utc>,
    /// The name and value of each metric. A name that ends with `Ms` has the unit milliseconds, every
    /// other name is a count.
    pub values: Vec<(&'static str, u64)>,
}

impl Metrics {
    /// The metrics of a request, by name.
    #[must_use]
    pub const fn new(timestamp: DateTime<Utc>, values: Vec<(&'static str, u64)>) -> Self {
        Self { timestamp, values }
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
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
