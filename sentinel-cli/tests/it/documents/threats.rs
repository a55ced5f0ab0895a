//! `docs/threats.md`: AWS accepts its service control policies, and they deny what
//! the text above them warns about. `deploy/check.py guards` evaluates them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{blocks, quoted, text};

/// Maximum number of characters of a service control policy.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const MAX_SCP: usize = 5120;

fn is_action(word: &str) -> bool {
    word.split_once(':').is_some_and(|(service, action)| {
        !service.is_empty()
            && service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && action.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'*')
    })
}

#[test]
fn the_service_control_policy_denies_every_action_that_the_text_warns_about() {
    let document = text("docs/threats.md");
    let blocks = blocks(&document);
    let mut denied = BTreeSet::new();
    for policy in blocks.iter().filter(|block| block.language() == "json") {
        let policy: Value = serde_json::from_str(&policy.text).unwrap();
        assert!(policy.to_string().len() <= MAX_SCP);
        for statement in policy["Statement"].as_array().unwrap() {
            assert_eq!(statement["Effect"], "Deny");
            assert!(
                statement["Condition"].is_object(),
                "it would deny the deployer too: {statement}"
            );
            let actions = statement["Action"].as_array().unwrap().iter();
            denied.extend(actions.map(|action| action.as_str().unwrap().to_owned()));
        }
    }
    let section = document.split_once("## Who can be any user").unwrap().1;
    let section = section.split_once("```json").unwrap().0;
    let warned: Vec<String> = quoted(section).into_iter().filter(|word| is_action(word)).collect();
    assert!(warned.len() > 40, "{warned:?}");
    for action in warned {
        let is_denied = denied.iter().any(|pattern| {
            pattern.strip_suffix('*').map_or(*pattern == action, |start| action.starts_with(start))
        });
        assert!(is_denied, "`{action}` is warned of and not denied");
    }
}
