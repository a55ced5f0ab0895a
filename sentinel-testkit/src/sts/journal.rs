//! What was asked of the stand-in, and how it was answered, for assertions.
//! Without secrets: no signature, no token, nothing of the credentials vended.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct Asked {
    /// When it was received.
    pub at: DateTime<Utc>,
    /// The operation, where one was named.
    pub operation: Option<String>,
    /// Who signed it; none when that is not known.
    pub caller: Option<String>,
    /// The parameters, as they were sent, but for the external id.
    pub parameters: BTreeMap<String, String>,
    /// The status that it was answered with.
    pub status: u16,
    /// The code of the error that it was answered with.
    pub code: Option<String>,
    /// The id of the request.
    pub request_id: String,
}
