//! How Sentinel identifies a caller: the response to `GET /whoami`.

use serde::{Deserialize, Serialize};

/// How Sentinel identifies a caller: the response to `GET /whoami`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Whoami {
    /// The user, as policies see it.
    pub user: String,
    /// The caller key, which gates and sessions are stored under.
    pub caller: String,
    /// The account id.
    pub account: String,
    /// The ARN of the IAM user or the assumed-role session.
    pub principal: String,
    /// Whether the caller may do anything as an operator.
    pub operator: bool,
}

impl Whoami {
    /// A caller who is not an operator.
    #[must_use]
    pub fn new(
        user: impl Into<String>,
        caller: impl Into<String>,
        account: impl Into<String>,
        principal: impl Into<String>,
    ) -> Self {
        Self {
            user: user.into(),
            caller: caller.into(),
            account: account.into(),
            principal: principal.into(),
            operator: false,
        }
    }

    /// The same caller, who is an operator or not.
    #[must_use]
    pub fn with_operator(self, operator: bool) -> Self {
        Self { operator, ..self }
    }
}
