//! The same document in three notations.

use std::fmt::Write as _;

use sentinel_policy::{CheckedPolicy, DiagnosticCode, Facts, Limits, Principal, Request};
use serde_json::{Value, json};

use crate::{diagnostics, json, made};

/// The words of the language, and values for its keys.
const WORDS: &[&str] = &[
    "version",
    "1",
    "groups",
    "groups_from",
    "profiles",
    "profile_patterns",
    "{account}",
    "{account}-admin",
    "read-{account}",
    "arn:aws:iam::{account}:role/Admin",
    "payments",
    "rules",
    "approvals",
    "break_glass",
    "operators",
    "name",
    "effect",
    "conditions",
    "unless",
    "max_duration",
    "max_server_duration",
    "reason",
    "users",
    "principals",
    "accounts",
    "organizations",
    "source_ip",
    "source_vpc",
    "source_vpce",
    "mode",
    "time",
    "device",
    "days",
    "hours",
    "start",
    "end",
    "timezone",
    "role_arn",
    "approvers",
    "deadline",
    "auto_approve",
    "ticket_pattern",
    "reason_codes",
    "cooldown",
    "quota",
    "quota_per_profile",
    "count",
    "per",
    "overrides_deny",
    "review_within",
    "review_blocks",
    "may",
    "require_mdm",
    "min_os_version",
    "allowed_os_types",
    "allow",
    "deny",
    "require_approval",
    "require_server",
    "require_server_session",
    "session_table",
    "alice",
    "group:ops",
    "*",
    "ci/*",
    "production",
    "monday",
    "22:00",
    "24:00",
    "Europe/Berlin",
    "1h30m",
    "10.0.0.0/8",
    "::ffff:10.0.0.1",
    "111122223333",
    "o-a1b2c3d4e5",
    "vpc-1a2b3c4d",
    "server",
    "cli",
    "incident",
    "revoke",
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:iam::111122223333:role/SentinelProtected-production",
    "14.2",
    "darwin",
    "true",
    "null",
    "~",
];

/// A document has the same findings, or the same decisions, as JSON in one line, as indented JSON and as
/// YAML in block style.
pub fn policy_json(bytes: &[u8]) {
    made(bytes, |u| {
        let mut document = valid();
        json::change(u, &mut document, WORDS)?;
        if has_long_key(&document) {
            return Ok(());
        }
        let notations = [
            document.to_string(),
            serde_json::to_string_pretty(&document).unwrap(),
            yaml(&document),
        ];
        let results: Vec<_> = notations.iter().map(|text| read(text)).collect();
        for (other, text) in results.iter().zip(&notations).skip(1) {
            assert_eq!(&results[0], other, "{}\n{text}", notations[0]);
        }
        Ok(())
    });
}

fn valid() -> Value {
    json!({
        "version": "1",
        "groups": { "ops": ["alice", { "principals": ["arn:aws:iam::111122223333:user/*"] }] },
        "groups_from": ["duty"],
        "profiles": { "production": {
            "role_arn": "arn:aws:iam::111122223333:role/SentinelProtected-production",
            "max_duration": "1h",
        } },
        "accounts": { "payments": "444455556666", "search": "777788889999" },
        "profile_patterns": [{
            "profiles": "{account}-admin",
            "role_arn": "arn:aws:iam::{account}:role/SentinelProtected-admin",
            "accounts": ["payments"],
            "max_duration": "1h",
        }],
        "rules": [
            { "name": "r", "effect": "allow", "max_duration": "30m", "reason": "Work",
              "conditions": { "profiles": ["production", "s-*"], "users": ["group:ops", "bob"],
                              "source_ip": ["10.0.0.0/8"], "mode": ["server"] },
              "unless": { "users": ["mallory"], "device": { "require_mdm": true } } },
            { "name": "s", "effect": "require_approval",
              "conditions": { "time": { "days": ["monday"], "timezone": "Europe/Berlin",
                                        "hours": { "start": "22:00", "end": "06:00" } } } },
        ],
        "approvals": [{ "name": "a", "profiles": ["*"], "approvers": ["bob"], "deadline": "24h",
                        "auto_approve": { "users": ["alice"], "max_duration": "30m" } }],
        "break_glass": [{ "name": "b", "profiles": ["*"], "users": ["alice"],
                          "reason_codes": ["incident"], "quota": { "count": 3, "per": "24h" } }],
        "operators": [{ "name": "o", "users": ["carol"], "may": ["revoke"] }],
    })
}

/// What a document means to a reader: the findings, or decisions.
#[derive(Debug, PartialEq)]
enum Meaning {
    /// Sorted, since another notation has other places.
    Refused(Vec<(DiagnosticCode, String)>),
    /// Its profiles, and decisions.
    Decides(Vec<String>),
}

fn read(text: &str) -> Meaning {
    let limits = Limits::default();
    match CheckedPolicy::parse(text.as_bytes(), &limits) {
        Err(errors) => {
            diagnostics::check(&errors, text.as_bytes(), &limits);
            let mut findings: Vec<_> = errors.into_iter().map(|it| (it.code, it.message)).collect();
            findings.sort_unstable_by(|a, b| a.1.cmp(&b.1));
            Meaning::Refused(findings)
        }
        Ok(checked) => {
            let policy = checked.compile();
            let now = chrono::DateTime::from_timestamp(1_790_359_200, 0).unwrap();
            let profiles: Vec<_> = policy
                .checked()
                .profiles()
                .iter()
                .map(|(name, profile)| {
                    let role = profile.role_arn.as_ref().map(|role| role.value.as_str());
                    format!("{name}: {role:?} for {:?}", profile.max_duration)
                })
                .collect();
            let decisions = ["alice", "bob", "carol", "mallory"].map(|user| {
                let request = Request::new(Principal::new(user), "production");
                let explanation = policy.explain(&request, &Facts::default(), now);
                let steps: Vec<_> = explanation.steps.iter().map(ToString::to_string).collect();
                format!("{:?} by {}", explanation.decision, steps.join(", "))
            });
            Meaning::Decides(profiles.into_iter().chain(decisions).collect())
        }
    }
}

/// Whether a key of a document is longer, as it is written, than YAML allows without a mark: 1,024
/// characters (YAML 1.2, 7.4.2). Each notation then has another error.
fn has_long_key(document: &Value) -> bool {
    match document {
        Value::Object(map) => map.iter().any(|(key, value)| {
            Value::String(key.clone()).to_string().chars().count() > 1_000 || has_long_key(value)
        }),
        Value::Array(items) => items.iter().any(has_long_key),
        _ => false,
    }
}

/// The document in YAML, with a line for each value. Texts are quoted.
fn yaml(document: &Value) -> String {
    let mut text = String::new();
    write_yaml(&mut text, document, 0);
    text
}

fn write_yaml(out: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                let _ = write!(out, "\n{indent}{}:", Value::String(key.clone()));
                write_yaml(out, value, depth + 1);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let _ = write!(out, "\n{indent}-");
                write_yaml(out, item, depth + 1);
            }
        }
        scalar => {
            let _ = write!(out, " {scalar}");
        }
    }
}
