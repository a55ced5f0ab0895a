//! `sentinel audit` and `sentinel policy replay`, on what a running system wrote.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::running::{CommandOutput, Dev, run, sentinel};

const POLICY: &str = r#"version: "1"
profiles:
  production: { max_duration: 1h }
rules:
  - name: no-mallory
    effect: deny
    conditions: { users: [mallory] }
    reason: Mallory left
  - name: staging
    effect: allow
    conditions: { profiles: [staging], users: [alice, bob] }
    max_duration: 30m
  - name: ask
    effect: require_approval
    conditions: { profiles: [production], users: [bob] }
approvals:
  - { name: leads, profiles: [production], approvers: [alice] }
break_glass:
  - { name: incident, profiles: [production], users: [alice], reason_codes: [incident], overrides_deny: true }
operators:
  - { name: security, users: [carol], may: [revoke, review_break_glass] }
"#;

/// The records of a day, and the policy that decided.
pub(crate) struct Day {
    home: TempDir,
    records: Vec<Value>,
}

impl Day {
    pub(crate) fn run() -> Self {
        let home = TempDir::new().unwrap();
        let policies = home.path().join("policies");
        fs::create_dir(&policies).unwrap();
        fs::write(policies.join("main.yaml"), POLICY).unwrap();
        let dev = Dev::start_in(home, &["--policies", policies.to_str().unwrap()]);
        let vend = |name: &str, profile: &str| {
            dev.run(name, &format!("credentials --profile {profile} --no-cache"));
        };
        vend("alice", "staging");
        vend("bob", "staging");
        vend("mallory", "staging");
        vend("bob", "production");
        let words = "request --profile production --reason deploy --ticket OPS-1 --format json";
        let request = dev.run("bob", words).json()["id"].as_str().unwrap().to_owned();
        dev.run("alice", &format!("approve {request} --comment go"));
        vend("bob", "production");
        vend("alice", "production");
        dev.run(
            "alice",
            "break-glass open --profile production --reason-code incident \
             --justification orders-fail-since-02:50",
        );
        vend("alice", "production");
        dev.run("carol", "sessions revoke --user bob --reason lost-laptop");
        vend("bob", "staging");
        let lines = dev.raw_records();
        let records = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let (_, home) = dev.end("TERM");
        fs::write(home.path().join("log.jsonl"), lines.join("\n") + "\n").unwrap();
        fs::write(home.path().join("policy.yaml"), POLICY).unwrap();
        Self { home, records }
    }

    fn sentinel(&self, words: &str) -> CommandOutput {
        let home = self.home.path();
        run(sentinel(home).current_dir(home).args(words.split_whitespace()))
    }

    /// The records of vends.
    pub(crate) fn vends(&self) -> Vec<&Value> {
        self.records.iter().filter(|record| record["effect"] == "allow").collect()
    }

    pub(crate) fn path(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file with the events of CloudTrail for all vends.
    pub(crate) fn write_trail(&self, name: &str) {
        let vends = self.vends();
        let events: Vec<Value> =
            (0..).zip(&vends).map(|(number, vend)| event(number, vend)).collect();
        self.write(name, &json!({ "Records": events }).to_string());
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.home.path().join(name), text).unwrap();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log.jsonl")).unwrap()
    }
}

#[test]
fn questions_about_a_day_are_answered_from_its_records_alone() {
    let day = Day::run();
    let vends = day.vends();
    assert_eq!(vends.len(), 4, "{:?}", day.records);
    let now = vends[3]["timestamp"].as_str().unwrap();

    let who = day.sentinel(&format!("audit who --profile production --at {now} log.jsonl"));
    assert_eq!(who.status, 0, "{}", who.stderr);
    assert!(who.stdout.contains("by alice") && who.stdout.contains("orders-fail-since-02:50"));
    let json = day
        .sentinel(&format!("audit who --profile production --at {now} --format json log.jsonl"))
        .json();
    let holders = json["holders"].as_array().unwrap();
    let users: Vec<_> = holders.iter().map(|holder| holder["user"].as_str().unwrap()).collect();
    assert_eq!(users, ["bob", "alice"]);
    assert_eq!(holders[0]["access"]["kind"], "approval");
    let history = holders[0]["access"]["history"].as_array().unwrap();
    let steps: Vec<_> = history.iter().map(|step| (&step["event"], &step["by"])).collect();
    assert_eq!(
        steps,
        [(&json!("request_created"), &json!("bob")), (&json!("request_approved"), &json!("alice"))]
    );
    assert!(holders[0]["ended"].is_null());

    // After the revocation, bob's session has ended.
    let after = day.records.last().unwrap()["timestamp"].as_str().unwrap();
    let json = day
        .sentinel(&format!("audit who --profile production --at {after} --format json log.jsonl"))
        .json();
    assert_eq!(json["holders"][0]["ended"]["by"], "carol");
    assert_eq!(json["holders"][0]["ended"]["reason"], "lost-laptop");
    // No caller held credentials before the day.
    let none = day.sentinel("audit who --profile production --at 2020-01-01T00:00:00Z log.jsonl");
    assert_eq!((none.status, none.stdout.as_str()), (1, "no caller\n"));

    let what = day.sentinel("audit what --user bob --since 30d log.jsonl --format json").json();
    let activities = what["activities"].as_array().unwrap();
    assert_eq!(activities.len(), 7, "{activities:?}");
    assert_eq!(day.sentinel("audit what --user no-one log.jsonl").status, 1);

    for id in ["access_key_id", "request_id", "session"] {
        let id = vends[2][id].as_str().unwrap();
        let why = day.sentinel(&format!("audit why {id} log.jsonl"));
        assert_eq!(why.status, 0);
        for text in ["ask", "request approved by alice: go", "revoked", "lost-laptop", "OPS-1"] {
            assert!(why.stdout.contains(text), "{text}: {}", why.stdout);
        }
    }
    assert_eq!(day.sentinel("audit why no-such-id log.jsonl").status, 1);

    let report = day.sentinel("audit report -o audit.html --since 1d log.jsonl");
    assert_eq!(report.status, 0, "{}", report.stderr);
    let page = fs::read_to_string(day.home.path().join("audit.html")).unwrap();
    for text in ["lost-laptop", "orders-fail-since-02:50", "deploy [OPS-1]", "POLICY_DENY"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(page.contains("1 grants have no review"));
    let csv = day.sentinel("audit csv log.jsonl").stdout;
    assert_eq!(
        csv.lines().count(),
        1 + day.records.iter().filter(|r| r.get("effect").is_some()).count()
    );

    let nothing = day.sentinel("audit who --profile production policy.yaml");
    assert_eq!(nothing.status, 3);
    assert!(nothing.stderr.contains("no records in policy.yaml"), "{}", nothing.stderr);
}

#[test]
fn a_day_that_its_own_policy_decides_again_has_the_recorded_decisions() {
    let day = Day::run();
    let own = day.sentinel("policy replay policy.yaml log.jsonl --format json");
    assert_eq!(own.status, 0, "{}{}", own.stdout, own.stderr);
    let own = own.json();
    assert_eq!(
        (&own["replayed"], &own["changed"], &own["undecided"]),
        (&json!(7), &json!(0), &json!(1))
    );

    // Exactly: also the rule, its reason, and the time at which the decision changes.
    let policy = sentinel_policy::CheckedPolicy::parse(
        POLICY.as_bytes(),
        &sentinel_policy::Limits::default(),
    )
    .unwrap()
    .compile();
    let mut with_facts = 0;
    for record in day.records.iter().filter(|record| !record["decision"].is_null()) {
        let text = |key: &str| record[key].as_str();
        let time = |value: &Value| {
            value.as_str().map(|at| at.parse::<chrono::DateTime<chrono::Utc>>().unwrap())
        };
        let caller = sentinel_policy::Principal::new(text("user").unwrap())
            .with_account(text("account"))
            .with_arn(text("principal"))
            .with_organization(text("organization"));
        let request = sentinel_policy::Request::new(caller, text("profile").unwrap())
            .with_source_ip(text("source_ip").map(|ip| ip.parse().unwrap()))
            .with_mode(sentinel_policy::Mode::Server)
            .with_session_table(text("session_table"));
        let until = time(&record["access_until"]);
        let approval = text("approval").map(|_| sentinel_policy::Approval::new().with_until(until));
        let overrides = record["overrides_deny"].as_bool().unwrap();
        let grant = text("break_glass").map(|_| {
            sentinel_policy::ActiveGrant::new().with_until(until).with_overrides_deny(overrides)
        });
        with_facts += usize::from(approval.is_some() || grant.is_some());
        let facts = sentinel_policy::Facts::default().with_approval(approval).with_grant(grant);
        let now = time(&record["timestamp"]).unwrap();
        let decision = policy.decide(&request, &facts, now);
        assert_eq!(record["decision"]["effect"], decision.verdict.as_str(), "{record}");
        assert_eq!(text("rule"), decision.rule.map(|rule| rule.name));
        assert_eq!(text("reason"), decision.rule.and_then(|rule| rule.reason));
        let cap = decision.max_duration.map(|cap| cap.as_secs());
        assert_eq!(record["decision"]["max_duration_s"].as_u64(), cap);
        let requires: Vec<&str> = decision.requires.iter().collect();
        assert_eq!(record["decision"]["requires"], json!(requires));
        if decision.verdict == sentinel_policy::Verdict::Allow {
            let end = policy.valid_until(&request, &facts, now);
            assert_eq!(time(&record["decision"]["valid_until"]), end, "{record}");
        }
    }
    assert_eq!(with_facts, 2);

    // Another policy: a shorter cap for staging, and nothing for bob.
    let other = POLICY.replace("users: [alice, bob]", "users: [alice]").replace("30m", "15m");
    day.write("other.yaml", &other);
    let changed = day.sentinel("policy replay other.yaml log.jsonl --all");
    assert_eq!(changed.status, 1, "{}", changed.stderr);
    assert!(changed.stdout.contains("allow by staging, at most 900 s"), "{}", changed.stdout);
    assert!(changed.stdout.contains("deny by no rule"), "{}", changed.stdout);
    assert!(
        changed.stdout.ends_with(
            "7 requests decided again, 2 differently; 1 records without a decision of the policy\n"
        ),
        "{}",
        changed.stdout
    );
    let none = day.sentinel("policy replay other.yaml log.jsonl --document /other");
    assert_eq!(none.status, 3);
}

#[test]
fn changed_moved_and_removed_lines_are_found() {
    let day = Day::run();
    let fine = day.sentinel("audit verify --whole log.jsonl");
    assert_eq!(fine.status, 0, "{}", fine.stdout);
    assert!(
        fine.stdout.ends_with("in 1 chains: inside them, nothing was changed, moved or removed\n")
    );

    let log = day.log();
    let lines: Vec<&str> = log.lines().collect();
    let verify = |lines: Vec<String>| {
        day.write("changed.jsonl", &(lines.join("\n") + "\n"));
        let output = day.sentinel("audit verify --format json changed.jsonl");
        assert_eq!(output.status, 1, "{}", output.stdout);
        output.json()["faults"][0]["kind"].as_str().unwrap().to_owned()
    };
    let all = || lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let mut edited = all();
    edited[2] = edited[2].replace("mallory", "malorie");
    assert_eq!(verify(edited), "changed");
    let mut removed = all();
    removed.remove(3);
    assert_eq!(verify(removed), "missing");
    let mut swapped = all();
    swapped.swap(3, 4);
    assert_eq!(verify(swapped), "out_of_order");
    // What it does not prove: the last lines can be missing.
    let mut cut = all();
    cut.pop();
    day.write("cut.jsonl", &cut.join("\n"));
    assert_eq!(day.sentinel("audit verify cut.jsonl").status, 0);
}

/// The event of CloudTrail for a record.
fn event(number: usize, record: &Value) -> Value {
    event_of(number, record["role_arn"].as_str().unwrap(), record)
}

fn event_of(number: usize, role: &str, record: &Value) -> Value {
    json!({
        "eventSource": "sts.amazonaws.com",
        "eventName": "AssumeRole",
        "eventTime": "2026-01-25T12:00:00Z",
        "eventID": format!("event-{number}"),
        "requestID": record["sts_request_id"],
        "userIdentity": { "arn": "arn:aws:sts::111122223333:assumed-role/sentinel-tvm/tvm" },
        "requestParameters": { "roleArn": role, "sourceIdentity": record["source_identity"] },
        "responseElements": {
            "credentials": { "accessKeyId": record["access_key_id"] },
            "sourceIdentity": record["source_identity"],
        },
    })
}

#[test]
fn a_bypass_of_each_kind_is_found() {
    let day = Day::run();
    let vends = day.vends();
    let events: Vec<Value> = (0..).zip(&vends).map(|(number, vend)| event(number, vend)).collect();
    let reconcile = |events: &[Value], more: &str| {
        day.write("trail.json", &json!({ "Records": events }).to_string());
        let words =
            format!("audit reconcile --cloudtrail trail.json {more} log.jsonl --format json");
        let output = day.sentinel(&words);
        let json = output.json();
        let kinds: Vec<String> = json["differences"]
            .as_array()
            .unwrap()
            .iter()
            .map(|difference| difference["kind"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(output.status, i32::from(!kinds.is_empty()), "{}", output.stderr);
        kinds
    };
    assert_eq!(reconcile(&events, ""), [""; 0]);

    // Another caller assumed a role of the records, and a role with the name of protected roles.
    for role in [
        vends[0]["role_arn"].as_str().unwrap(),
        "arn:aws:iam::444455556666:role/SentinelProtected-other",
    ] {
        let foreign =
            json!({ "sts_request_id": "x", "access_key_id": "ASIAOTHER", "source_identity": "x" });
        let mut bypassed = events.clone();
        bypassed.push(event_of(9, role, &foreign));
        assert_eq!(reconcile(&bypassed, ""), ["event_without_record"], "{role}");
    }
    // With a path, in another case, without a role, and with an error next to the credentials.
    let foreign = json!({ "access_key_id": "ASIAOTHER", "source_identity": "x" });
    let path = event_of(9, "arn:aws:iam::444455556666:role/team/SENTINELPROTECTED-x", &foreign);
    let mut unknown = path.clone();
    unknown["requestParameters"] = Value::Null;
    let mut failed = path.clone();
    failed["errorCode"] = json!("AccessDenied");
    for bypass in [path, unknown, failed] {
        let mut bypassed = events.clone();
        bypassed.push(bypass);
        assert_eq!(reconcile(&bypassed, ""), ["event_without_record"]);
    }
    // The credentials of a record, of another role.
    let mut role = events.clone();
    role[0]["requestParameters"]["roleArn"] = json!("arn:aws:iam::111122223333:role/Admin");
    assert_eq!(reconcile(&role, ""), ["foreign_role"]);
    // Other roles are not Sentinel's, unless they are named.
    let mut other = events.clone();
    other.push(event_of(
        9,
        "arn:aws:iam::111122223333:role/Admin",
        &json!({ "access_key_id": "ASIAOTHER" }),
    ));
    assert_eq!(reconcile(&other, ""), [""; 0]);
    assert_eq!(reconcile(&other, "--role arn:aws:iam::*:role/Admin"), ["event_without_record"]);

    assert_eq!(reconcile(&events[1..], ""), ["record_without_event"]);

    let mut identity = events.clone();
    identity[0]["responseElements"]["sourceIdentity"] = json!("mallory");
    assert_eq!(reconcile(&identity, ""), ["foreign_source_identity"]);
    identity[0]["responseElements"]["sourceIdentity"] = Value::Null;
    identity[0]["requestParameters"]["sourceIdentity"] = Value::Null;
    assert_eq!(reconcile(&identity, ""), ["foreign_source_identity"]);

    // The output of `aws cloudtrail lookup-events`.
    let looked: Vec<Value> =
        events.iter().map(|event| json!({ "CloudTrailEvent": event.to_string() })).collect();
    day.write("looked.json", &json!({ "Events": looked }).to_string());
    assert_eq!(day.sentinel("audit reconcile --cloudtrail looked.json log.jsonl").status, 0);
}

#[test]
fn sources_are_folders_and_compressed_files_too() {
    let day = Day::run();
    let folder = day.home.path().join("export/2026/01");
    fs::create_dir_all(&folder).unwrap();
    let log = day.log();
    let exported: String =
        log.lines().map(|line| format!("2026-01-25T12:00:00.000Z {line}\n")).collect();
    gzip(&folder.join("000000.gz"), &exported);
    let output = day.sentinel("audit verify --whole export");
    assert_eq!(output.status, 0, "{}{}", output.stdout, output.stderr);
    // Both: each line counts once.
    let both = day.sentinel("audit verify --format json export log.jsonl").json();
    assert_eq!(both["lines"].as_u64().unwrap(), u64::try_from(log.lines().count()).unwrap());
}

fn gzip(path: &Path, text: &str) {
    use std::io::Write;
    let file = fs::File::create(path).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap();
}
