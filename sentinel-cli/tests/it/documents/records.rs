//! `docs/records.md`: its tables list the fields that are written, and when they
//! are null.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use chrono::DateTime;
use sentinel_store::{
    AuditSink, DecisionFields, DecisionRecord, Event, EventKind, JsonLines, Metered, Record,
    RecordedEffect,
};
use serde_json::Value;
use tempfile::TempDir;

use super::{quoted, table, text};
use crate::running::Dev;
use crate::wire::Request;

const DOCUMENT: &str = "docs/records.md";

/// The first cells of a table below a heading, without backticks.
fn first_cells(heading: &str) -> Vec<String> {
    table(&text(DOCUMENT), heading).iter().flat_map(|row| quoted(&row[0])).collect()
}

fn keys(record: &Value) -> BTreeSet<String> {
    record.as_object().unwrap().keys().cloned().collect()
}

fn set(names: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    names.into_iter().collect()
}

/// Decisions of every kind that a running system can produce.
fn decisions() -> Vec<Value> {
    let dev = Dev::start();
    let request = |name: &str, profile: &str| {
        dev.run(name, &format!("credentials --profile {profile} --no-cache"));
    };
    request("alice", "production");
    request("bob", "production");
    request("mallory", "production");
    request("alice", "unheard-of");
    std::fs::write(dev.policies().join("broken.yaml"), "rules: [").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    request("alice", "broken");
    dev.run("carol", "sessions revoke --user alice --reason theft");
    request("alice", "production");
    dev.records().into_iter().filter(|record| record.get("effect").is_some()).collect()
}

#[test]
fn the_fields_of_decision_records_and_when_they_are_null_are_as_described() {
    let rows = table(&text(DOCUMENT), "## Decision records");
    let decisions = decisions();
    let codes: Vec<&str> = decisions.iter().filter_map(|record| record["code"].as_str()).collect();
    assert_eq!(
        codes,
        [
            "OK",
            "APPROVAL_REQUIRED",
            "POLICY_DENY",
            "POLICY_DENY",
            "POLICY_ERROR",
            "SESSION_REVOKED"
        ]
    );
    let fields = set(rows.iter().flat_map(|row| quoted(&row[0])));
    for record in &decisions {
        assert_eq!(keys(record), fields);
        let vended = record["effect"] == "allow";
        assert_eq!(vended, record["code"] == "OK", "{record}");
        for row in &rows {
            let (field, null) = (quoted(&row[0]).remove(0), row[2].as_str());
            let is_null = record[&field].is_null();
            match null {
                "never" => assert!(!is_null, "{field}: {record}"),
                "unless credentials leave" => assert_eq!(is_null, !vended, "{field}: {record}"),
                _ => {}
            }
        }
        if record["code"] == "SESSION_REVOKED" {
            assert!(record["rule"].is_null() && !record["policy"].is_null(), "{record}");
        }
    }
    assert_eq!(
        keys(&decisions[0]["policy"]),
        ["name", "sha256", "version"].map(str::to_owned).into()
    );
    assert_eq!(
        keys(&decisions[0]["decision"]),
        ["effect", "max_duration_s", "requires", "valid_until"].map(str::to_owned).into()
    );
}

/// Every event of sessions and identities that a running system can produce.
fn events_of_sessions() -> Vec<Value> {
    let home = TempDir::new().unwrap();
    let identities = home.path().join("identities.yaml");
    std::fs::write(
        &identities,
        "- {name: alice, arn: 'arn:aws:iam::111122223333:user/alice'}\n\
         - {name: carol, arn: 'arn:aws:iam::111122223333:user/carol'}\n\
         - {name: odd, arn: 'arn:aws:iam::111122223333:user/o*d'}\n",
    )
    .unwrap();
    let dev = Dev::start_in(home, &["--identities", identities.to_str().unwrap()]);
    let output =
        dev.run("alice", "credentials --profile production --no-cache --output json").json();
    dev.run("carol", "sessions revoke --user alice --profile production --reason x --for 1h");
    let session = output["SessionId"].as_str().unwrap();
    Request::new("GET", "/downstream/x", b"")
        .with("X-Sentinel-Session-ID", session)
        .send(dev.address);
    dev.run("carol", "sessions reinstate --user alice --profile production --reason x");
    dev.run("alice", "sessions revoke --user carol --reason x");
    dev.run("carol", &format!("sessions revoke --session {session} --reason x"));
    dev.run("odd", "whoami");
    dev.records().into_iter().filter(|record| record.get("event").is_some()).collect()
}

/// Alice approves requests for `production`. Bob requests, and breaks glass. Carol is an operator.
const PEOPLE: &str = r#"version: "1"
rules:
  - name: ask
    effect: require_approval
    conditions: { profiles: [production], users: [bob] }
approvals:
  - { name: leads, profiles: [production], approvers: [alice] }
break_glass:
  - { name: incident, profiles: [production], users: [bob], reason_codes: [incident], cooldown: 1h }
operators:
  - { name: security, users: [carol], may: [review_break_glass] }
"#;

/// Every event of approval requests and break-glass grants that a running system can produce.
fn events_of_requests_and_grants() -> Vec<Value> {
    let home = TempDir::new().unwrap();
    let policies = home.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::write(policies.join("main.yaml"), PEOPLE).unwrap();
    let dev = Dev::start_in(home, &["--policies", policies.to_str().unwrap()]);
    let created = |words: &str| {
        let output = dev.run("bob", &format!("{words} --profile production --format json"));
        output.json()["id"].as_str().unwrap().to_owned()
    };
    let request = || created("request --reason x --ticket OPS-1");
    dev.run("alice", &format!("deny {} --comment x", request()));
    dev.run("bob", &format!("cancel {} --comment x", request()));
    let approved = request();
    dev.run("alice", &format!("approve {approved} --comment x"));
    dev.run("bob", &format!("requests revoke {approved} --comment x"));
    let open = "break-glass open --reason-code incident --justification orders-fail-since-02:50";
    let grant = created(open);
    dev.run("bob", &format!("{open} --profile production"));
    dev.run("bob", &format!("break-glass close {grant} --comment x"));
    let review = Request::new("POST", &format!("/break-glass/{grant}/review"), b"{}")
        .with("content-type", "application/json")
        .signed(dev.address, &dev.key("carol"), "execute-api")
        .send(dev.address);
    assert_eq!(review.status, 200, "{review:?}");
    dev.records().into_iter().filter(|record| record.get("event").is_some()).collect()
}

#[test]
fn the_fields_of_events_are_as_described() {
    let document = text(DOCUMENT);
    let described = table(&document, "## Events");
    let mut fields = set(described.iter().flat_map(|row| quoted(&row[0])));
    let chain = set(["writer", "sequence", "prev"].map(str::to_owned));
    for member in &chain {
        assert!(fields.remove(member), "{member}");
    }
    let kinds = document.split_once("\n| event ").unwrap().1;
    let kinds = table(&format!("\n## Kinds\n| event {kinds}"), "## Kinds");
    let own = |event: &Value| &keys(event) - &chain;
    let mut events = events_of_sessions();
    events.extend(events_of_requests_and_grants());
    let names = set(events.iter().map(|event| event["event"].as_str().unwrap().to_owned()));
    assert_eq!(names, set(kinds.iter().flat_map(|row| quoted(&row[0]))));
    for event in &events {
        let row = kinds.iter().find(|row| quoted(&row[0]) == [event["event"].as_str().unwrap()]);
        let row = row.unwrap();
        let (always, sometimes) = (set(quoted(&row[2])), set(quoted(&row[3])));
        assert!(chain.is_subset(&keys(event)), "{event}");
        assert!(always.is_subset(&keys(event)), "{event}");
        let either: BTreeSet<String> = always.union(&sometimes).cloned().collect();
        assert!(own(event).is_subset(&either), "{event}");
    }
    // The store did not fail, so no event is based on a stale copy.
    let stale = std::iter::once("policy_stale".to_owned());
    assert_eq!(events.iter().flat_map(own).chain(stale).collect::<BTreeSet<_>>(), fields);
}

#[test]
fn the_fields_of_sessions_are_as_described() {
    let dev = Dev::start();
    dev.run("alice", "credentials --profile production --no-cache");
    let listed = dev.run("carol", "sessions list --format json").json();
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 1);
    assert_eq!(keys(&sessions[0]), set(first_cells("## Sessions")));
    assert!(sessions[0].as_object().unwrap().values().all(|value| !value.is_null()));
}

/// The output of a sink.
#[derive(Clone, Debug, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn decision() -> DecisionRecord {
    DecisionRecord::new(DecisionFields {
        timestamp: DateTime::UNIX_EPOCH,
        user: String::new(),
        profile: String::new(),
        effect: RecordedEffect::Allow,
        code: String::new(),
        request_id: String::new(),
        account: String::new(),
        principal: String::new(),
        caller: String::new(),
        mode: "server",
        latency_ms: 0,
    })
}

#[test]
fn the_metrics_that_follow_records_are_as_described() {
    let rows = table(&text(DOCUMENT), "## Metrics");
    let described = rows.iter().filter(|row| row[2] == "`Metered`");
    let described = set(described.flat_map(|row| quoted(&row[0])));

    let written = Written::default();
    let sink = Metered::new(JsonLines::new(written.clone()));
    let mut denied = decision();
    denied.effect = RecordedEffect::Deny;
    for decision in [decision(), denied] {
        sink.write(&Record::Decision(Box::new(decision))).unwrap();
    }
    for name in [
        EventKind::Revocation,
        EventKind::Reinstatement,
        EventKind::AuthorizerRefusal,
        EventKind::IdentityRefused,
        EventKind::BreakGlassOpened,
    ] {
        sink.write(&Record::Event(Box::new(Event::new(name, DateTime::UNIX_EPOCH)))).unwrap();
    }
    let lines = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    let counted: BTreeSet<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line.get("_aws").is_some())
        .flat_map(|line| keys(&line))
        .filter(|key| key != "_aws")
        .collect();
    assert_eq!(counted, described);
}

#[test]
fn the_fields_are_described_in_the_order_in_which_they_are_written() {
    let sink = JsonLines::new(Vec::new());
    sink.write(&Record::Decision(Box::new(decision()))).unwrap();
    let line = String::from_utf8(sink.into_inner().unwrap()).unwrap();
    let places: Vec<usize> = first_cells("## Decision records")
        .iter()
        .map(|field| line.find(&format!("\"{field}\":")).unwrap())
        .collect();
    assert!(places.is_sorted());
}
