//! The demo that a new user runs.

use crate::running::run_words;

#[test]
fn every_step_of_the_demo_has_the_expected_result() {
    let output = run_words("demo --format json");
    assert_eq!(output.status, 0, "{} {}", output.stdout, output.stderr);
    let output = output.json();
    assert_eq!(output["ok"], true);
    let steps = output["steps"].as_array().unwrap();
    assert!(steps.len() > 25, "{}", steps.len());
    assert!(steps.iter().all(|step| step["as_expected"] == true));
}

#[test]
fn the_demo_is_readable_and_shows_no_secret() {
    let output = run_words("demo");
    assert_eq!(output.status, 0);
    for text in [
        "alice requests production",
        "SESSION_REVOKED",
        "aws:SourceIdentity",
        "had the expected result",
    ] {
        assert!(output.stdout.contains(text), "{text}");
    }
    assert!(!output.stdout.contains("session-"), "a session id is a secret");
}
