//! Whether an IAM document allows exactly the calls that its holder made.
//!
//! Both directions are checked. Each recorded call must be allowed, conditions included. Each
//! action and each resource of a statement must have been needed by a call. It is *not* required
//! that each action of a statement is needed on each of its resources: `GetParametersByPath` is for
//! the root, `GetParameter` for the parameters under it.
//!
//! It implements only the operators and keys that our documents use, so that a condition that has
//! not been reviewed is a difference.

use std::collections::BTreeSet;
use std::fmt;

use sentinel_iam::{Document, Statement, StatementEffect};

use crate::call::RecordedCall;
use crate::iam::{Need, Place, needs};

/// Statements about calls that no proxy can observe, and the maker of each.
pub const NOT_RECORDED: [(&str, &str); 3] = [
    ("Logs", "Lambda writes the log of a function, by the function's role"),
    ("DecryptTables", "DynamoDB calls KMS for callers that read or write the table"),
    ("EncryptTables", "DynamoDB calls KMS for the administrator that sets the key of the table"),
];

/// A difference between the recorded calls and a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// A call whose needs are not listed.
    Unknown(String),
    /// No statement allows what a call needs.
    Missing {
        /// The action.
        action: String,
        /// The resource.
        resource: String,
    },
    /// No call needs this action of a statement.
    IdleAction(&'static str, &'static str),
    /// No call needs this resource of a statement.
    IdleResource(&'static str, String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(what) => write!(f, "not known: {what}"),
            Self::Missing { action, resource } => {
                write!(
                    f,
                    "missing: no statement allows `{action}` on `{resource}` with the request's conditions"
                )
            }
            Self::IdleAction(sid, action) => {
                write!(f, "too many: no call needed `{action}` of the statement `{sid}`")
            }
            Self::IdleResource(sid, resource) => {
                write!(f, "too many: no call needed `{resource}` of the statement `{sid}`")
            }
        }
    }
}

/// The differences between these calls and a document; empty if they match.
#[must_use]
pub fn differences(
    document: &Document,
    calls: &[RecordedCall],
    place: &Place,
) -> BTreeSet<Difference> {
    let mut differences = BTreeSet::new();
    let mut used = vec![(BTreeSet::new(), BTreeSet::new()); document.statements().len()];
    for call in calls {
        let needed = match needs(call, place) {
            Ok(needed) => needed,
            Err(unknown) => {
                differences.insert(Difference::Unknown(unknown.to_string()));
                continue;
            }
        };
        for need in needed {
            let context = Context { call, need: &need, region: &place.region };
            let mut allowed = false;
            for (statement, (actions, resources)) in document.statements().iter().zip(&mut used) {
                if statement.effect == StatementEffect::Allow
                    && context.matches_statement(statement)
                {
                    allowed = true;
                    actions.extend(matching(&statement.action, &need.action));
                    resources.extend(matching(&statement.resource, &need.resource));
                }
            }
            if !allowed {
                let Need { action, resource } = need;
                differences.insert(Difference::Missing { action, resource });
            }
        }
    }
    for (statement, (actions, resources)) in document.statements().iter().zip(&used) {
        let Statement { sid, .. } = statement;
        if NOT_RECORDED.iter().any(|(other, _)| other == sid) {
            continue;
        }
        let idle = statement.action.iter().filter(|action| !actions.contains(**action));
        differences.extend(idle.map(|action| Difference::IdleAction(sid, action)));
        let idle = statement.resource.iter().filter(|resource| !resources.contains(*resource));
        differences.extend(idle.map(|resource| Difference::IdleResource(sid, resource.clone())));
    }
    differences
}

/// The patterns that match a text.
fn matching<'a, T: AsRef<str>>(
    patterns: &'a [T],
    text: &'a str,
) -> impl Iterator<Item = String> + use<'a, T> {
    let patterns = patterns.iter().map(AsRef::as_ref);
    patterns.filter(|pattern| matches(pattern, text)).map(str::to_owned)
}

/// A need of a call, as conditions see it.
struct Context<'a> {
    call: &'a RecordedCall,
    need: &'a Need,
    region: &'a str,
}

impl Context<'_> {
    fn matches_statement(&self, statement: &Statement) -> bool {
        matching(&statement.action, &self.need.action).next().is_some()
            && matching(&statement.resource, &self.need.resource).next().is_some()
            && statement.condition.iter().all(|(operator, keys)| {
                keys.iter().all(|(key, wanted)| self.compares(operator, key, wanted))
            })
    }

    fn compares(&self, operator: &str, key: &str, wanted: &[String]) -> bool {
        let Some(values) = self.values(key) else { return false };
        let is_like = |value: &String| wanted.iter().any(|wanted| matches(wanted, value));
        match operator {
            "StringLike" => values.iter().any(is_like),
            "StringEquals" => values.iter().any(|value| wanted.contains(value)),
            // Holds for an empty list of values too.
            "ForAllValues:StringEquals" => values.iter().all(|value| wanted.contains(value)),
            _ => false,
        }
    }

    /// The values of a key in this request; `None` if the key is not implemented.
    fn values(&self, key: &str) -> Option<Vec<String>> {
        let text = |name: &str| self.call.parameters.get(name).and_then(|value| value.as_str());
        match key {
            // This is not a condition key of sts:TagSession.
            "sts:SourceIdentity" => {
                let known =
                    ["sts:AssumeRole", "sts:SetSourceIdentity"].contains(&&*self.need.action);
                Some(
                    text("SourceIdentity")
                        .filter(|_| known)
                        .map(str::to_owned)
                        .into_iter()
                        .collect(),
                )
            }
            "aws:TagKeys" => {
                let members = self.call.parameters.as_object().into_iter().flatten();
                let keys = members
                    .filter(|(name, _)| name.starts_with("Tags.member.") && name.ends_with(".Key"));
                Some(keys.filter_map(|(_, value)| value.as_str()).map(str::to_owned).collect())
            }
            "kms:ViaService" => {
                let RecordedCall { service, .. } = self.call;
                Some(vec![format!("{service}.{}.amazonaws.com", self.region)])
            }
            _ => None,
        }
    }
}

/// Whether a text matches an IAM pattern: `*` matches any run of characters, `?` one character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let mut reached = vec![true];
    reached.resize(text.len() + 1, false);
    for wanted in pattern {
        let before = reached.clone();
        for (at, reached) in reached.iter_mut().enumerate() {
            let here = |at: usize| before.get(at).copied().unwrap_or(false);
            *reached = match wanted {
                '*' => before.iter().take(at + 1).any(|before| *before),
                one => {
                    let last = at.checked_sub(1);
                    last.is_some_and(|last| {
                        here(last) && (one == '?' || text.get(last) == Some(&one))
                    })
                }
            };
        }
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::recorded::{Holder, KEY, deployment, place};

    fn call(service: &str, operation: &str, parameters: Value) -> RecordedCall {
        RecordedCall::answered(service, operation, parameters)
    }

    fn assume(stamps: Value) -> RecordedCall {
        let mut parameters =
            json!({ "RoleArn": "arn:aws:iam::111122223333:role/SentinelProtected-production" });
        parameters.as_object_mut().unwrap().extend(stamps.as_object().unwrap().clone());
        call("sts", "AssumeRole", parameters)
    }

    /// One of each of the calls that the TVM's document is made for.
    fn tvm() -> Vec<RecordedCall> {
        let mut secure = call(
            "ssm",
            "GetParameter",
            json!({ "Name": "/sentinel/policies/main", "WithDecryption": true }),
        );
        secure.parameter_types = vec!["SecureString".to_owned()];
        let mut calls = vec![
            assume(json!({
                "SourceIdentity": "sentinel-a",
                "Tags.member.1.Key": "SentinelSession",
                "Tags.member.2.Key": "SentinelGrant",
            })),
            secure,
            call("ssm", "GetParametersByPath", json!({ "Path": "/sentinel/policies" })),
        ];
        let on = |operation: &str, table: &str| {
            call("dynamodb", operation, json!({ "TableName": table }))
        };
        let sessions = ["GetItem", "PutItem", "UpdateItem", "Query"];
        calls.extend(sessions.map(|operation| on(operation, "sentinel-sessions")));
        calls.extend(["GetItem", "Query"].map(|operation| on(operation, "sentinel-policies")));
        // Each action once, on either table: without any one of these calls, an action is idle.
        calls.extend(["GetItem", "PutItem"].map(|operation| on(operation, "sentinel-approvals")));
        calls.push(on("Query", "sentinel-breakglass"));
        let items = json!({ "RequestItems": { "sentinel-breakglass": {} } });
        calls.push(call("dynamodb", "BatchGetItem", items));
        for (table, index) in [
            ("sentinel-sessions", "by-shard"),
            ("sentinel-approvals", "by-end"),
            ("sentinel-breakglass", "by-end"),
        ] {
            let query = json!({ "TableName": table, "IndexName": index });
            calls.push(call("dynamodb", "Query", query));
        }
        calls
    }

    fn shown_differences(calls: &[RecordedCall]) -> Vec<String> {
        let deployment = deployment().unwrap();
        let document = deployment.document(Holder::Tvm.document());
        let differences = differences(&document, calls, &place(&deployment));
        differences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_document_that_allows_exactly_the_calls_has_no_differences() {
        assert_eq!(shown_differences(&tvm()), Vec::<String>::new());
    }

    #[test]
    fn a_call_that_is_not_allowed_is_reported() {
        for (extra, expected) in [
            (
                call("dynamodb", "Scan", json!({ "TableName": "sentinel-sessions" })),
                "`dynamodb:Scan` on `arn:aws:dynamodb:us-east-1:111122223333:table/sentinel-sessions`",
            ),
            (
                call("dynamodb", "PutItem", json!({ "TableName": "sentinel-policies" })),
                "`dynamodb:PutItem` on `arn:aws:dynamodb:us-east-1:111122223333:table/sentinel-policies`",
            ),
            (
                call("ssm", "GetParameter", json!({ "Name": "/prod/password" })),
                "`ssm:GetParameter` on `arn:aws:ssm:us-east-1:111122223333:parameter/prod/password`",
            ),
            // The conditions: a source identity that is not Sentinel's, a missing one, and another tag.
            (
                assume(json!({ "SourceIdentity": "mallory" })),
                "`sts:AssumeRole` on `arn:aws:iam::111122223333:role/SentinelProtected-production`",
            ),
            (
                assume(json!({})),
                "`sts:AssumeRole` on `arn:aws:iam::111122223333:role/SentinelProtected-production`",
            ),
            (
                assume(json!({ "SourceIdentity": "sentinel-a", "Tags.member.1.Key": "Team" })),
                "`sts:TagSession` on `arn:aws:iam::111122223333:role/SentinelProtected-production`",
            ),
        ] {
            let mut calls = tvm();
            calls.push(extra);
            let differences = shown_differences(&calls);
            assert!(
                differences.iter().any(|differences| differences.contains(expected)),
                "{expected}: {differences:?}"
            );
            assert!(
                differences.iter().all(|differences| differences.starts_with("missing: ")),
                "{differences:?}"
            );
        }
        let mut calls = tvm();
        calls.push(call("ssm", "DescribeParameters", json!({})));
        assert!(shown_differences(&calls)[0].starts_with("not known: "));
    }

    #[test]
    fn an_action_or_a_resource_that_no_call_needs_is_reported() {
        // Without any one of the calls, an action or a resource is idle.
        for left_out in 0..tvm().len() {
            let mut calls = tvm();
            let call = calls.remove(left_out);
            let differences = shown_differences(&calls);
            let idle = differences.iter().all(|differences| differences.starts_with("too many: "));
            assert!(!differences.is_empty() && idle, "{call:?}: {differences:?}");
        }
        let mut plain = tvm();
        plain[1].parameter_types.clear();
        let differences = shown_differences(&plain);
        assert_eq!(
            differences,
            [
                "too many: no call needed `kms:Decrypt` of the statement `DecryptPolicies`"
                    .to_owned(),
                format!("too many: no call needed `{KEY}` of the statement `DecryptPolicies`"),
            ]
        );
    }

    #[test]
    fn only_statements_about_logs_and_keys_of_tables_are_not_recorded() {
        let mut deployment = deployment().unwrap();
        deployment.table_key = Some("arn:aws:kms:us-east-1:111122223333:key/tables".to_owned());
        let mut seen = BTreeSet::new();
        for holder in Holder::ALL {
            for statement in deployment.document(holder.document()).statements() {
                if NOT_RECORDED.iter().any(|(sid, _)| *sid == statement.sid) {
                    seen.insert(statement.sid);
                    let known =
                        |action: &&str| action.starts_with("logs:") || action.starts_with("kms:");
                    assert!(statement.action.iter().all(known), "{statement:?}");
                }
            }
        }
        assert_eq!(seen.len(), NOT_RECORDED.len());
    }

    #[test]
    fn patterns_are_those_of_iam() {
        for (pattern, text) in [("a*c", "abbc"), ("a*c", "ac"), ("*", ""), ("a?c", "abc")] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a*c", "abcd"), ("a?c", "ac"), ("", "a"), ("A", "a")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
