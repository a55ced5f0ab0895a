//! `sentinel request`, `requests`, `approve`, `deny`, `cancel` and `break-glass` against a running
//! server.

use serde_json::Value;

use crate::running::{CommandOutput, Dev, run};

/// Opens a grant for production as bob.
fn open(dev: &Dev) -> CommandOutput {
    let words = "break-glass open --profile production --reason-code incident --format json";
    run(dev.client("bob", words).args(["--justification", "database is down, ticket 42"]))
}

fn json(output: &CommandOutput) -> Value {
    assert_eq!(output.status, 0, "{}", output.stderr);
    output.json()
}

/// The id of a request or a grant.
fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

/// Requests production as bob.
fn request(dev: &Dev) -> String {
    id(&json(&dev.run("bob", "request --profile production --reason deploy --format json")))
}

fn vends(dev: &Dev, name: &str) -> bool {
    dev.run(name, "credentials --profile production --no-cache").status == 0
}

#[test]
fn a_request_is_approved_by_another_person_and_the_approval_is_revoked() {
    let dev = Dev::start();
    assert!(!vends(&dev, "bob"));
    let id = request(&dev);
    let listed = json(&dev.run("alice", "requests --state pending --format json"));
    assert_eq!(listed["requests"][0]["id"], id.as_str());
    let own = dev.run("bob", &format!("approve {id}"));
    assert!(own.status == 1 && own.stderr.contains("FORBIDDEN"), "{}", own.stderr);
    let approved = dev.run("alice", &format!("approve {id} --comment reviewed"));
    assert_eq!(approved.status, 0, "{}", approved.stderr);
    assert!(approved.stdout.contains("state        approved"), "{}", approved.stdout);
    assert!(vends(&dev, "bob") && vends(&dev, "alice"));
    let revoked = json(&dev.run("carol", &format!("requests revoke {id} --format json")));
    assert_eq!(revoked["state"], "revoked");
    assert!(!vends(&dev, "bob"));
    let shown = json(&dev.run("bob", &format!("requests show {id} --format json")));
    assert_eq!(shown["decided"].as_array().unwrap().len(), 2);
}

#[test]
fn a_request_is_denied_and_another_one_is_cancelled() {
    let dev = Dev::start();
    let first = request(&dev);
    let twice = dev.run("bob", "request --profile production --reason again");
    assert!(twice.status == 1 && twice.stderr.contains("CONFLICT"), "{}", twice.stderr);
    let denied = json(&dev.run("alice", &format!("deny {first} --comment no --format json")));
    assert_eq!(denied["state"], "denied");
    let second = request(&dev);
    let cancelled = json(&dev.run("bob", &format!("cancel {second} --format json")));
    assert_eq!(cancelled["state"], "cancelled");
    assert!(!vends(&dev, "bob"));
}

#[test]
fn a_grant_is_opened_closed_and_reviewed_and_its_end_is_shown() {
    let dev = Dev::start();
    let grant = id(&json(&open(&dev)));
    assert!(vends(&dev, "bob"));
    let again = open(&dev);
    assert!(again.stderr.contains("COOLDOWN"), "{}", again.stderr);
    let table = dev.run("carol", "break-glass list");
    assert!(table.stdout.contains(&grant), "{}", table.stdout);
    let closed = json(&dev.run("bob", &format!("break-glass close {grant} --format json")));
    assert_eq!(closed["state"], "closed");
    assert!(!vends(&dev, "bob"));
    let reviewed = json(&dev.run("carol", &format!("break-glass review {grant} --format json")));
    assert_eq!(reviewed["reviewed"]["by"], "carol");
}

#[test]
fn requests_and_grants_survive_the_end_of_the_server() {
    let dev = Dev::start();
    let request = request(&dev);
    assert_eq!(dev.run("alice", &format!("approve {request}")).status, 0);
    let grant = id(&json(&open(&dev)));
    let (_, home) = dev.end("KILL");
    let dev = Dev::start_in(home, &[]);
    let listed = json(&dev.run("carol", "break-glass list --format json"));
    assert_eq!(listed["grants"][0]["id"], grant.as_str());
    assert_eq!(
        json(&dev.run("alice", &format!("requests show {request} --format json")))["state"],
        "approved"
    );
    assert!(vends(&dev, "bob"));
    // The cooldown survives too.
    assert!(open(&dev).stderr.contains("COOLDOWN"));
}

#[test]
fn text_of_the_requester_cannot_pass_for_a_line_of_the_command() {
    let dev = Dev::start();
    let text = "x\nstate  approved\u{202e}\u{1b}[2J";
    let created = run(dev.client("bob", "request --profile production").args(["--reason", text]));
    assert_eq!(created.status, 0, "{}", created.stderr);
    let shown = dev.run("alice", "requests --state pending");
    let wanted = r#""x\nstate  approved\u{202e}\u{1b}[2J""#;
    assert!(shown.stdout.contains(wanted), "{}", shown.stdout);
    assert_eq!(shown.stdout.lines().count(), 2, "{}", shown.stdout);
}

#[test]
fn lists_begin_at_a_time_and_the_limit_counts_what_remains() {
    let dev = Dev::start();
    let words = "request --profile production --reason deploy --format json";
    let first = json(&dev.run("bob", words));
    assert_eq!(dev.run("bob", &format!("cancel {}", id(&first))).status, 0);
    let second = json(&dev.run("bob", words));
    let since = second["created"].as_str().unwrap();
    assert_ne!(since, first["created"].as_str().unwrap());
    assert_eq!(dev.run("bob", &format!("cancel {}", id(&second))).status, 0);
    let listed = |words: String| {
        let output = dev.run("bob", &words);
        let list = json(&output);
        let mut ids: Vec<String> = list["requests"].as_array().unwrap().iter().map(id).collect();
        ids.sort_unstable();
        (ids, output.stderr)
    };
    let mut both = vec![id(&first), id(&second)];
    both.sort_unstable();
    assert_eq!(listed("requests --format json".to_owned()).0, both);
    assert_eq!(listed("requests --since 1h --format json".to_owned()).0, both);
    let recent = listed(format!("requests --since {since} --limit 1 --format json"));
    assert_eq!(recent, (vec![id(&second)], String::new()));
    let none = dev.run("bob", "requests --since 2999-01-01T00:00:00Z");
    assert_eq!((none.stdout.as_str(), none.stderr.as_str()), ("", "no requests\n"));

    let grant = id(&json(&open(&dev)));
    let table = dev.run("bob", "break-glass list --since 1h");
    assert!(table.stdout.contains(&grant) && table.stdout.contains(" just now  in 29 min "));
    let exact = dev.run("bob", "break-glass list -v").stdout;
    assert!(!exact.contains("just now") && exact.contains("Z  2"), "{exact}");
    let none = dev.run("bob", "break-glass list --since 2999-01-01T00:00:00Z");
    assert_eq!(none.stderr, "no grants\n");
    let vended = dev.run("alice", "credentials --profile production");
    assert_eq!(vended.status, 0);
    let sessions = |since: &str| {
        let list = json(&dev.run("carol", &format!("sessions list --since {since} --format json")));
        list["sessions"].as_array().unwrap().len()
    };
    assert_eq!((sessions("1h"), sessions("2999-01-01T00:00:00Z")), (1, 0));
    let wrong = dev.run("bob", "requests --since yesterday");
    assert!(wrong.status == 2 && wrong.stderr.contains("a length like 2h"), "{}", wrong.stderr);
}
