//! Requests to the stand-in and its answers, for assertions. It contains no secrets: no signature,
//! no token, and no part of the vended credentials.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

/// One request.
#[derive(Clone, Debug, Serialize)]
pub struct JournalEntry {
    /// When it was received.
    pub at: DateTime<Utc>,
    /// The operation, if the request names one.
    pub operation: Option<String>,
    /// The signer; `None` if it is not known.
    pub caller: Option<String>,
    /// The parameters as they were sent, without the external id.
    pub parameters: BTreeMap<String, String>,
    /// The status of the answer.
    pub status: u16,
    /// The error code of the answer.
    pub code: Option<String>,
    /// The id of the request.
    pub request_id: String,
}
