//! The policy that stops live credentials of revoked sessions.

use std::collections::BTreeMap;

use serde::Serialize;

/// The operator of an IAM condition, and the value with which it compares the source
/// identity.
pub type Comparison = (&'static str, String);

/// Members in the order in which IAM's own documents have them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    version: &'static str,
    statement: [Statement; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: &'static str,
    effect: &'static str,
    action: &'static str,
    resource: &'static str,
    condition: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
}

/// The policy that denies every action to sessions whose source identity matches.
/// Role chaining does not remove the source identity.
pub fn deny_revoked((operator, source_identity): Comparison) -> impl Serialize + std::fmt::Debug {
    let compared = BTreeMap::from([("aws:SourceIdentity", source_identity)]);
    Policy {
        version: "2012-10-17",
        statement: [Statement {
            sid: "SentinelDenyRevoked",
            effect: "Deny",
            action: "*",
            resource: "*",
            condition: BTreeMap::from([(operator, compared)]),
        }],
    }
}
