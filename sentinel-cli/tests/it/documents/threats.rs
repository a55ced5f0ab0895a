//! `docs/threats.md`: its service control policy is one that AWS takes, and
//! denies what the text above it warns of.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{blocks, quoted, text};

/// A service control policy is at most this many characters.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const MAX_SCP: usize = 5120;

/// Services whose resources have names that cannot be guessed, or that are kept
/// out by what else is denied: the text says so.
const LEFT_TO_OTHERS: [&str; 7] =
    ["kms", "s3", "cloudformation", "cloudtrail", "sso", "identitystore", "ec2"];

/// Denied through what they need (`iam:PassRole`), or on other resources.
const OTHER_ACTIONS: [&str; 4] =
    ["ecs:RunTask", "lambda:CreateFunction", "lambda:ListFunctions", "lambda:PublishLayerVersion"];

fn is_action(word: &str) -> bool {
    word.split_once(':').is_some_and(|(service, action)| {
        !service.is_empty()
            && service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && action.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'*')
    })
}

#[test]
fn the_service_control_policy_denies_what_the_text_warns_of() {
    let document = text("docs/threats.md");
    let blocks = blocks(&document);
    let policy = blocks.iter().find(|block| block.language() == "json").unwrap();
    let policy: Value = serde_json::from_str(&policy.text).unwrap();
    assert!(policy.to_string().len() <= MAX_SCP);
    let mut denied = BTreeSet::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Deny");
        assert!(statement["Condition"].is_object(), "it would deny the deployer too: {statement}");
        let actions = statement["Action"].as_array().unwrap().iter();
        denied.extend(actions.map(|action| action.as_str().unwrap().to_owned()));
    }
    let section = document.split_once("## Who can be any user").unwrap().1;
    let section = section.split_once("```json").unwrap().0;
    let warned: Vec<String> = quoted(section).into_iter().filter(|word| is_action(word)).collect();
    assert!(warned.len() > 40, "{warned:?}");
    for action in warned {
        let service = action.split(':').next().unwrap();
        let known = denied.contains(&action)
            || denied.contains(&format!("{service}:*"))
            || LEFT_TO_OTHERS.contains(&service)
            || OTHER_ACTIONS.contains(&action.as_str());
        assert!(known, "`{action}` is warned of and not denied");
    }
}
