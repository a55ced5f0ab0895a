//! `sentinel sessions`, `whoami` and `profiles` against a running server.

use serde_json::json;

use crate::running::{Dev, run_words};
use crate::wire::Request;

fn vend(dev: &Dev, name: &str, profile: &str) -> String {
    let said = dev.run(name, &format!("credentials --profile {profile} --no-cache --output json"));
    assert_eq!(said.status, 0, "{}", said.err);
    said.json()["SessionId"].as_str().unwrap().to_owned()
}

fn downstream(dev: &Dev, session_id: &str) -> u16 {
    Request::new("GET", "/downstream/x", b"")
        .with("X-Sentinel-Session-ID", session_id)
        .send(dev.address)
        .status
}

#[test]
fn revoking_ends_a_session_at_once_and_reinstating_does_not_revive_it() {
    let dev = Dev::start();
    let old = vend(&dev, "alice", "production");
    assert_eq!(downstream(&dev, &old), 200);
    let said = dev.run(
        "carol",
        "sessions revoke --user alice --profile production --reason theft --format json",
    );
    assert_eq!(said.status, 0, "{}", said.err);
    assert_eq!(said.json()["user"], "alice");
    assert_eq!(said.json()["epoch"], 1);
    assert_eq!(downstream(&dev, &old), 403);
    let said = dev.run("alice", "credentials --profile production --no-cache");
    assert_eq!(said.status, 1);
    assert!(said.err.contains("SESSION_REVOKED"));
    let said =
        dev.run("carol", "sessions reinstate --user alice --profile production --reason found");
    assert_eq!(said.status, 0, "{}", said.err);
    assert_eq!(downstream(&dev, &vend(&dev, "alice", "production")), 200);
    assert_eq!(downstream(&dev, &old), 403);
}

#[test]
fn revoking_a_name_that_nobody_has_says_so() {
    let dev = Dev::start();
    vend(&dev, "alice", "production");
    let said = dev.run("carol", "sessions revoke --user alicce --reason theft");
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(said.err.contains("`alicce` has no session"), "{}", said.err);
    let json = "sessions revoke --user bobb --reason theft --format json";
    let said = dev.run("carol", json);
    assert_eq!((said.status, &said.json()["known"]), (0, &json!(false)), "{}", said.err);
    assert!(said.err.contains("`bobb` has no session"), "{}", said.err);
    let said = dev.run("carol", "sessions revoke --user ALICE --reason theft --format json");
    assert_eq!((&said.json()["user"], &said.json()["known"]), (&json!("alice"), &json!(true)));
    assert!(!said.err.contains("has no session"), "{}", said.err);
}

#[test]
fn a_session_is_named_by_its_handle_and_a_whole_id_is_never_sent() {
    let dev = Dev::start();
    let id = vend(&dev, "alice", "production");
    let handle: String = id.chars().skip("session-".len()).take(42).collect();
    for target in [&id, &handle] {
        let said = dev.run("carol", &format!("sessions revoke --session {target} --reason seen"));
        assert_eq!(said.status, 0, "{}", said.err);
        assert!(said.out.contains("`alice` on `production`"), "{}", said.out);
    }
    let records = dev.records();
    assert!(!records.is_empty() && records.iter().all(|record| !record.to_string().contains(&id)));
}

#[test]
fn a_revocation_can_be_for_a_time() {
    let dev = Dev::start();
    let said = dev.run("carol", "sessions revoke --user bob --reason x --for 2h --format json");
    assert!(said.json()["blocked_until"].is_string(), "{}", said.out);
    assert_eq!(said.json()["profile"], json!(null));
}

#[test]
fn lists_are_of_ones_own_sessions_or_an_operators() {
    let dev = Dev::start();
    vend(&dev, "alice", "production");
    vend(&dev, "bob", "staging");
    let users = |name: &str, words: &str| -> Vec<String> {
        let said = dev.run(name, &format!("sessions list --format json {words}"));
        assert_eq!(said.status, 0, "{}", said.err);
        let mut users: Vec<String> = said.json()["sessions"]
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
    let said = dev.run("carol", "sessions list");
    assert!(said.out.starts_with("SESSION "), "{}", said.out);
    assert_eq!(said.out.lines().count(), 3);
}

#[test]
fn whoami_and_profiles_say_what_the_server_knows() {
    let dev = Dev::start();
    let said = dev.run("ci/build-7", "whoami --format json");
    assert_eq!(
        said.json(),
        json!({
            "user": "ci/build-7", "caller": "111122223333/ci", "account": "111122223333",
            "principal": "arn:aws:sts::111122223333:assumed-role/ci/build-7", "operator": false,
        })
    );
    assert!(dev.run("carol", "whoami").out.contains("operator   yes"));
    let said = dev.run("alice", "profiles --format json");
    let names: Vec<&str> = said.json()["profiles"]
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
    let said = dev.run("mallory", "profiles");
    assert_eq!((said.status, said.out.as_str()), (0, ""));
}

#[test]
fn the_deny_policy_of_a_caller_needs_no_server() {
    let said = run_words("sessions deny-policy --user Alice");
    assert_eq!(said.status, 0, "{}", said.err);
    insta::assert_snapshot!("deny_policy", said.out);
    let said = run_words("sessions deny-policy --user 111122223333/ci --separator _");
    let condition = &said.json()["Statement"][0]["Condition"]["StringLike"];
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
    let asked = dev.run("carol", &format!("sessions deny-policy --session {handle}"));
    assert_eq!(asked.json()["Statement"][0]["Condition"]["StringEquals"], expected);
    let offline = run_words(&format!("sessions deny-policy --session {handle} --user alice"));
    assert_eq!(offline.out, asked.out);
    let other = run_words(&format!("sessions deny-policy --session {handle} --user bob"));
    assert_eq!(other.status, 2);
}
