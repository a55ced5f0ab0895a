//! The demo that a new user runs.

use crate::running::run_words;

#[test]
fn every_step_of_the_demo_goes_as_it_should() {
    let said = run_words("demo --format json");
    assert_eq!(said.status, 0, "{} {}", said.out, said.err);
    let said = said.json();
    assert_eq!(said["ok"], true);
    let steps = said["steps"].as_array().unwrap();
    assert!(steps.len() > 25, "{}", steps.len());
    assert!(steps.iter().all(|step| step["as_expected"] == true));
}

#[test]
fn the_demo_is_readable_and_shows_no_secret() {
    let said = run_words("demo");
    assert_eq!(said.status, 0);
    for text in [
        "alice requests production",
        "SESSION_REVOKED",
        "aws:SourceIdentity",
        "had the expected result",
    ] {
        assert!(said.out.contains(text), "{text}");
    }
    assert!(!said.out.contains("session-"), "a session id is a secret");
}
