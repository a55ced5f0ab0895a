//! The policy that stops live credentials of revoked sessions.

use crate::document::{Document, Statement};

/// The policy that denies every action to sessions whose source identity matches.
/// Role chaining does not remove the source identity.
///
/// `operator` is the operator of the IAM condition: `StringEquals` for one session,
/// `StringLike` for every session of a caller.
#[must_use]
pub fn deny_revoked(operator: &'static str, source_identity: impl Into<String>) -> Document {
    Document::new(vec![Statement::deny("SentinelDenyRevoked", ["*"], ["*".to_owned()]).when(
        operator,
        "aws:SourceIdentity",
        source_identity,
    )])
}
