//! A recorded call: what was requested, when it began and ended, and its result. The Authorization
//! header, tokens and the content of responses are not recorded.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One call, forwarded or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedCall {
    /// When it was received, RFC 3339.
    pub at: String,
    /// The service, as in a credential scope: `dynamodb`, `ssm`, `sts`.
    pub service: String,
    /// The operation. For REST services, the method and path.
    pub operation: String,
    /// The parameters: the JSON body, or the form as an object.
    pub parameters: Value,
    /// The access key that signed it, which identifies the function; null if it was not signed.
    pub access_key_id: Option<String>,
    /// The region that it was signed for.
    pub region: Option<String>,
    /// The status that the client received; null if it received none.
    pub status: Option<u16>,
    /// The fault that was injected.
    pub fault: Option<String>,
    /// The types of SSM parameters in the answer: `String`, `SecureString`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameter_types: Vec<String>,
    /// When it began, in microseconds since the first call to any proxy of the process.
    pub start_us: u64,
    /// When its answer was ready, or when its client stopped waiting.
    pub end_us: u64,
}

impl RecordedCall {
    /// A call that was answered.
    #[cfg(test)]
    pub(crate) fn answered(service: &str, operation: &str, parameters: Value) -> Self {
        Self {
            at: String::new(),
            service: service.into(),
            operation: operation.into(),
            parameters,
            access_key_id: None,
            region: None,
            status: Some(200),
            fault: None,
            parameter_types: Vec::new(),
            start_us: 0,
            end_us: 1,
        }
    }

    /// Whether both calls were in progress at the same time.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start_us < other.end_us && other.start_us < self.end_us
    }

    /// Whether it is this operation of this service.
    #[must_use]
    pub fn is(&self, service: &str, operation: &str) -> bool {
        self.service == service && self.operation == operation
    }
}

/// Reads what a proxy has recorded to a file.
///
/// # Errors
/// If a line is not a call.
pub fn read_record(text: &str) -> Result<Vec<RecordedCall>, serde_json::Error> {
    text.lines().map(serde_json::from_str).collect()
}
