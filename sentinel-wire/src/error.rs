//! The body of an error.

use serde::{Deserialize, Serialize};

use crate::ErrorCode;

/// The body of every error response.
///
/// The code is text, so that a client can read the codes of a newer TVM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ErrorBody {
    /// The code, such as `POLICY_DENY`.
    pub code: String,
    /// What to do next, for people.
    pub message: String,
    /// The id to quote when the error is reported. Empty if there is none.
    #[serde(default)]
    pub request_id: String,
}

impl ErrorBody {
    /// The body of an error.
    #[must_use]
    pub fn new(
        code: impl Into<String>,
        message: impl Into<String>,
        request_id: impl Into<String>,
    ) -> Self {
        Self { code: code.into(), message: message.into(), request_id: request_id.into() }
    }

    /// The code. `None` if this version does not have it.
    #[must_use]
    pub fn known_code(&self) -> Option<ErrorCode> {
        self.code.parse().ok()
    }
}
