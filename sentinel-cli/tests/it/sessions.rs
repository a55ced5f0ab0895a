//! `sentinel sessions`, `whoami` and `profiles` against a running server.

use serde_json::json;

use crate::running::{Dev, run_words};
use crate::wire::Request;

fn vend(dev: &Dev, name: &str, profile: &str) -> String {
    let output =
        dev.run(name, &format!("credentials --profile {profile} --no-cache --output json"));
    assert_eq!(output.status, 0, "{}", output.stderr);
    output.json()["SessionId"].as_str().unwrap().to_owned()
}

fn downstream(dev: &Dev, session_id: &str) -> u16 {
    Request::new("GET", "/downstream/x", b"")
        .with("X-Sentinel-Session-ID", session_id)
        .send(dev.address)
        .status
}

#[test]
fn revoking_ends_a_session_immediately_and_reinstating_does_not_revive_it() {
    let dev = Dev::start();
    let old = vend(&dev, "alice", "production");
    assert_eq!(downstream(&dev, &old), 200);
    let output = dev.run(
        "carol",
        "sessions revoke --user alice --profile production --reason theft --format json",
    );
    assert_eq!(output.status, 0, "{}", output.stderr);
    assert_eq!(output.json()["user"], "alice");
    assert_eq!(output.json()["epoch"], 1);
    assert_eq!(downstream(&dev, &old), 403);
    let output = dev.run("alice", "credentials --profile production --no-cache");
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("SESSION_REVOKED"));
    let output =
        dev.run("carol", "sessions reinstate --user alice --profile production --reason found");
    assert_eq!(output.status, 0, "{}", output.stderr);
    assert_eq!(downstream(&dev, &vend(&dev, "alice", "production")), 200);
    assert_eq!(downstream(&dev, &old), 403);
}

#[test]
fn revoking_a_user_without_sessions_is_reported() {
    let dev = Dev::start();
    vend(&dev, "alice", "production");
    let output = dev.run("carol", "sessions revoke --user alicce --reason theft");
    assert_eq!(output.status, 0, "{}", output.stderr);
    assert!(output.stderr.contains("`alicce` has no session"), "{}", output.stderr);
    let json = "sessions revoke --user bobb --reason theft --format json";
    let output = dev.run("carol", json);
    assert_eq!((output.status, &output.json()["known"]), (0, &json!(false)), "{}", output.stderr);
    assert!(output.stderr.contains("`bobb` has no session"), "{}", output.stderr);
    let output = dev.run("carol", "sessions revoke --user ALICE --reason theft --format json");
    assert_eq!((&output.json()["user"], &output.json()["known"]), (&json!("alice"), &json!(true)));
    assert!(!output.stderr.contains("has no session"), "{}", output.stderr);
}

#[test]
fn a_session_is_selected_by_its_handle_and_a_complete_id_is_never_sent() {
    let dev = Dev::start();
    let id = vend(&dev, "alice", "production");
    let handle: String = id.chars().skip("session-".len()).take(42).collect();
    for target in [&id, &handle] {
        let output = dev.run("carol", &format!("sessions revoke --session {target} --reason seen"));
        assert_eq!(output.status, 0, "{}", output.stderr);
        assert!(output.stdout.contains("`alice` on `production`"), "{}", output.stdout);
    }
    let records = dev.records();
    assert!(!records.is_empty() && records.iter().all(|record| !record.to_string().contains(&id)));
}

#[test]
fn a_revocation_can_have_a_duration() {
    let dev = Dev::start();
    let output = dev.run("carol", "sessions revoke --user bob --reason x --for 2h --format json");
    assert!(output.json()["blocked_until"].is_string(), "{}", output.stdout);
    assert_eq!(output.json()["profile"], json!(null));
}

#[test]
fn operators_list_all_sessions_and_other_callers_their_own() {
    let dev = Dev::start();
    vend(&dev, "alice", "production");
    vend(&dev, "bob", "staging");
    let users = |name: &str, words: &str| -> Vec<String> {
        let output = dev.run(name, &format!("sessions list --format json {words}"));
        assert_eq!(output.status, 0, "{}", output.stderr);
        let mut users: Vec<String> = output.json()["sessions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|session| session["user"].as_str().unwrap().to_owned())
            .collect();
        users.sort();
        users
    };
    assert_eq!(users("carol", ""), ["alice", "bob"]);
    assert_eq!(users("carol", "--user bob"), ["bob"]);
    assert_eq!(users("carol", "--profile production"), ["alice"]);
    assert_eq!(users("carol", "--limit 1").len(), 1);
    assert_eq!(users("bob", ""), ["bob"]);
    assert_eq!(dev.run("bob", "sessions list --user alice").status, 1);
    let output = dev.run("carol", "sessions list");
    assert!(output.stdout.starts_with("SESSION "), "{}", output.stdout);
    assert_eq!(output.stdout.lines().count(), 3);
}

#[test]
fn whoami_and_profiles_show_the_identity_and_the_profiles_of_the_caller() {
    let dev = Dev::start();
    let output = dev.run("ci/build-7", "whoami --format json");
    assert_eq!(
        output.json(),
        json!({
            "user": "ci/build-7", "caller": "111122223333/ci", "account": "111122223333",
            "principal": "arn:aws:sts::111122223333:assumed-role/ci/build-7", "operator": false,
        })
    );
    assert!(dev.run("carol", "whoami").stdout.contains("operator   yes"));
    let output = dev.run("alice", "profiles --format json");
    let names: Vec<&str> = output.json()["profiles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|profile| profile["name"].as_str().unwrap())
        .map(|name| {
            ["maintenance", "production", "staging"]
                .into_iter()
                .find(|known| *known == name)
                .unwrap()
        })
        .collect();
    assert_eq!(names, ["maintenance", "production", "staging"]);
    let output = dev.run("mallory", "profiles");
    assert_eq!((output.status, output.stdout.as_str()), (0, ""));
}

#[test]
fn the_deny_policy_of_a_caller_needs_no_server() {
    let output = run_words("sessions deny-policy --user Alice");
    assert_eq!(output.status, 0, "{}", output.stderr);
    insta::assert_snapshot!("deny_policy", output.stdout);
    let output = run_words("sessions deny-policy --user 111122223333/ci --separator _");
    let condition = &output.json()["Statement"][0]["Condition"]["StringLike"];
    assert_eq!(condition["aws:SourceIdentity"], "sentinel_111122223333=2Fci_????????");
    assert_eq!(run_words("sessions deny-policy --user alice --separator :").status, 2);
    assert_eq!(run_words("sessions deny-policy --user a/b").status, 2);
}

#[test]
fn the_deny_policy_of_a_session_is_exact() {
    let dev = Dev::start();
    let id = vend(&dev, "alice", "production");
    let handle: String = id.chars().skip("session-".len()).take(42).collect();
    let last: String = handle.chars().skip(34).collect();
    let expected = json!({ "aws:SourceIdentity": format!("sentinel-alice-{last}") });
    let online = dev.run("carol", &format!("sessions deny-policy --session {handle}"));
    assert_eq!(online.json()["Statement"][0]["Condition"]["StringEquals"], expected);
    let offline = run_words(&format!("sessions deny-policy --session {handle} --user alice"));
    assert_eq!(offline.stdout, online.stdout);
    let other = run_words(&format!("sessions deny-policy --session {handle} --user bob"));
    assert_eq!(other.status, 2);
}

#[test]
fn a_list_warns_that_it_may_be_incomplete_while_the_policy_cannot_be_used() {
    let dev = Dev::start();
    vend(&dev, "alice", "production");
    let output = dev.run("carol", "sessions list --format json");
    assert!(output.json().get("own_only").is_none() && !output.json()["sessions"].is_null());
    std::fs::write(dev.policies().join("main.yaml"), "rules: [").unwrap();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let sessions = dev.run("carol", "sessions list --format json");
        let grants = dev.run("carol", "break-glass list");
        assert_eq!((sessions.status, grants.status), (0, 0), "{}", sessions.stderr);
        if sessions.json()["own_only"] == json!(true) && grants.stderr.contains("only your own") {
            assert!(sessions.stderr.contains("only your own"), "{}", sessions.stderr);
            assert_eq!(sessions.json()["sessions"], json!([]));
            return;
        }
        assert!(std::time::Instant::now() < end, "{} {}", sessions.stdout, grants.stderr);
    }
}

#[test]
fn reinstating_what_was_not_revoked_warns_of_the_other_kind_of_revocation() {
    let dev = Dev::start();
    assert_eq!(dev.run("carol", "sessions revoke --user alice --reason theft").status, 0);
    let reinstate = "sessions reinstate --user alice --profile production --reason found";
    let output = dev.run("carol", reinstate);
    assert!(
        output.stderr.contains("revoked on all profiles (omit `--profile`"),
        "{}",
        output.stderr
    );
    let output = dev.run("carol", "sessions reinstate --user alice --reason found");
    assert_eq!((output.status, output.stderr.as_str()), (0, ""));
    let output = dev.run("carol", "sessions reinstate --user alcie --reason found");
    assert!(output.stderr.contains("`alcie` was never revoked"), "{}", output.stderr);
}
