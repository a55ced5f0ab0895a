//! `sentinel dev --notify-command`: the events about requests and grants.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::running::{CommandOutput, Dev, run};

/// Maximum time until an event is passed to the command.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A server that appends each event to the file, as one line.
fn dev(more: &[&str]) -> (Dev, PathBuf) {
    let home = TempDir::new().unwrap();
    let file = home.path().join("notices.jsonl");
    let command = format!("cat >> {}", file.display());
    let arguments = [&["--notify-command", command.as_str()], more].concat();
    (Dev::start_in(home, &arguments), file)
}

/// The events in the file, as soon as there are that many.
fn events(file: &Path, count: usize) -> Vec<Value> {
    let end = Instant::now() + TIMEOUT;
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let events: Vec<_> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if events.len() >= count {
            return events;
        }
        assert!(Instant::now() < end, "{count} events are expected: {text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["detail-type"].as_str().unwrap()).collect()
}

/// The id of the request or the grant that the command printed.
fn id(output: &CommandOutput) -> String {
    assert_eq!(output.status, 0, "{}", output.stderr);
    output.json()["id"].as_str().unwrap().to_owned()
}

const HOSTILE: &str = "*ok* <!channel> @here [x](https://evil.com) \u{202e}\"},{\"a\":\"";

#[test]
fn each_change_of_a_request_and_a_grant_is_one_event() {
    let (dev, file) = dev(&[]);
    let words = "request --profile production --format json";
    let request = id(&run(dev.client("bob", words).args(["--reason", HOSTILE])));
    dev.run("alice", &format!("approve {request} --comment reviewed"));
    dev.run("carol", &format!("requests revoke {request}"));
    let denied = id(&dev.run("bob", "request --profile production --reason again --format json"));
    dev.run("alice", &format!("deny {denied}"));
    let words = "break-glass open --profile production --reason-code incident --format json";
    let justification = ["--justification", "database is down, ticket 42"];
    let grant = id(&run(dev.client("bob", words).args(justification)));
    dev.run("bob", &format!("break-glass close {grant}"));
    dev.run("carol", &format!("break-glass review {grant} --comment justified"));
    let events = events(&file, 8);
    let expected = [
        "Request Created",
        "Request Approved",
        "Request Revoked",
        "Request Created",
        "Request Denied",
        "Break-Glass Opened",
        "Break-Glass Closed",
        "Break-Glass Reviewed",
    ];
    assert_eq!(types(&events), expected);
    let mut keys: Vec<_> = events.iter().map(|event| event["detail"]["key"].to_string()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), events.len());
    let created = &events[0]["detail"];
    assert_eq!(
        created["reason"],
        "＊ok＊ ＜!channel＞ ＠here ［x］(https：//evil[.]com) [U+202E]＂｝,｛＂a＂:＂"
    );
    assert!(
        created["next"]
            .as_str()
            .unwrap()
            .ends_with(&format!(": sentinel approve {request}, or sentinel deny {request}"))
    );
    assert_eq!((&created["user"], &created["by"]), (&"bob".into(), &"".into()));
    let approved = &events[1]["detail"];
    assert_eq!(approved["title"], "alice approved bob's request of production for 2h");
    assert_eq!((&approved["by"], &approved["comment"]), (&"alice".into(), &"reviewed".into()));
}

const SHORT: &str = r#"
version: "1"
rules:
  - name: production
    effect: require_approval
    conditions: { profiles: [production] }
approvals:
  - { name: leads, profiles: [production], approvers: [alice], deadline: 1s }
break_glass:
  - name: incident
    profiles: [production]
    users: [bob]
    reason_codes: [incident]
    max_duration: 1s
    review_within: 1s
"#;

#[test]
fn expiry_and_an_overdue_review_are_events_without_a_call() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("main.yaml"), SHORT).unwrap();
    let (dev, file) = dev(&["--policies", folder.path().to_str().unwrap()]);
    id(&dev.run("bob", "request --profile production --reason deploy --format json"));
    assert_eq!(types(&events(&file, 2)), ["Request Created", "Request Expired"]);
    let words = "break-glass open --profile production --reason-code incident --format json";
    let grant =
        id(&run(dev.client("bob", words).args(["--justification", "database is down, ticket 42"])));
    let events = events(&file, 5);
    let expected = ["Break-Glass Opened", "Break-Glass Expired", "Break-Glass Review Overdue"];
    assert_eq!(types(&events[2..]), expected);
    let next = format!("To review: sentinel break-glass review {grant}");
    assert_eq!(events[4]["detail"]["next"], next);
}

#[test]
fn a_notify_command_that_fails_changes_no_response() {
    let home = TempDir::new().unwrap();
    let dev = Dev::start_logged(home, "true", &["--notify-command", "exit 7"]);
    let request = id(&dev.run("bob", "request --profile production --reason deploy --format json"));
    dev.log_with("the notify command failed");
    let second = dev.run("bob", "request --profile staging --reason deploy --format json");
    assert!(!second.stderr.contains("UNAVAILABLE"), "{}", second.stderr);
    assert_eq!(id(&dev.run("alice", &format!("approve {request} --format json"))), request);
}
