//! `docs/organizations.md`: its policy is checked and describes 120 profiles, and its commands are
//! run in order and have the results that the document states.

use std::collections::HashSet;
use std::process::{Command, Stdio};

use sentinel_policy::Policy;
use tempfile::TempDir;

use super::{blocks, text};

const DOCUMENT: &str = "docs/organizations.md";

/// The text of the document's policy.
fn policy() -> String {
    let blocks = blocks(&text(DOCUMENT));
    let mut policies = blocks.into_iter().filter(|block| block.language() == "yaml");
    let policy = policies.next().unwrap();
    assert!(policies.next().is_none());
    policy.text
}

#[test]
fn the_policy_for_many_accounts_describes_120_profiles() {
    let text = policy();
    let policy: Policy = text.parse().unwrap();
    let profiles = policy.checked().profiles();
    assert_eq!(profiles.len(), 120);
    assert!(policy.checked().warnings_in_server().is_none());
    policy.checked().usable_in_server().unwrap();
    let roles: HashSet<_> =
        profiles.values().map(|profile| profile.role_arn.as_ref().unwrap().value.key()).collect();
    assert_eq!(roles.len(), 120);
    // It fits into a parameter, as the document states.
    assert!((2_250..2_350).contains(&text.len()), "{}", text.len());
}

#[test]
fn every_command_for_many_accounts_has_the_stated_result() {
    let home = TempDir::new().unwrap();
    std::fs::write(home.path().join("main.yaml"), policy()).unwrap();
    let blocks = blocks(&text(DOCUMENT));
    let mut ran = 0;
    let commands = blocks.iter().enumerate().filter(|(_, block)| block.language() == "sh");
    for (at, block) in commands.filter(|(_, block)| !block.has_word("by-hand")) {
        let built = std::path::Path::new(env!("CARGO_BIN_EXE_sentinel")).parent().unwrap();
        let output = Command::new("bash")
            // `eval` exits with 1 for a decision other than allow.
            .args(["-c", &format!("exec 2>&1\n{}", block.text)])
            .current_dir(home.path())
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", format!("{}:/usr/bin:/bin", built.display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        let place = format!("{DOCUMENT}:{}", block.line);
        assert!(output.status.success(), "{place}: {shown}");
        if let Some(expected) = blocks.get(at + 1).filter(|next| next.language() == "text") {
            assert_eq!(shown, expected.text, "{place}");
        }
        ran += 1;
    }
    assert_eq!(ran, 3);
}
