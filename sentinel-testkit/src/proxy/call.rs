//! A call as it is recorded: what was asked, in what time, and how it ended.
//! Nothing of the Authorization header, of tokens or of an answer's content.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One call that passed, or did not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// When it was received, RFC 3339.
    pub at: String,
    /// The service, as in a credential scope: `dynamodb`, `ssm`, `sts`.
    pub service: String,
    /// The operation; for services that speak REST, method and path.
    pub operation: String,
    /// The parameters: the JSON body, or the form as an object.
    pub parameters: Value,
    /// Whose access key signed it, which tells one function's calls from
    /// another's; null where it was not signed.
    pub access_key_id: Option<String>,
    /// The region that it was signed for.
    pub region: Option<String>,
    /// The status that the client got; null where it got none.
    pub status: Option<u16>,
    /// The harm that was done to it.
    pub fault: Option<String>,
    /// The types of SSM parameters in the answer: `String`, `SecureString`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameter_types: Vec<String>,
    /// When it began, in microseconds since the first call to any proxy of the
    /// process.
    pub start_us: u64,
    /// When its answer, or the last that was sent of one, was ready.
    pub end_us: u64,
}

impl Call {
    /// Whether there was a moment at which both were under way.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start_us < other.end_us && other.start_us < self.end_us
    }

    /// Whether it is that service's operation.
    #[must_use]
    pub fn is(&self, service: &str, operation: &str) -> bool {
        self.service == service && self.operation == operation
    }
}
