//! The decisions in `tests/cases/`: see the README there.

use std::fs;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use sentinel_policy::{
    Approval, CheckedPolicy, DeviceFacts, Facts, Limits, Mode, Policy, Principal, Request,
};
use serde_json::{Value, json};

use crate::cases::policies;

/// One line of `NAME.decisions.jsonl` for one of `NAME.requests.jsonl`.
fn answer(policy: &Policy, line: &str) -> String {
    let fields: Value = serde_json::from_str(line).unwrap();
    let text = |key: &str| fields.get(key).map(|value| value.as_str().unwrap());
    let device = |key: &str| fields.get("device").and_then(|device| device.get(key));
    let principal = Principal::new(text("user").unwrap())
        .with_account(text("account"))
        .with_arn(text("principal"))
        .with_organization(text("organization"));
    let device = DeviceFacts::default()
        .with_mdm_enrolled(device("mdm_enrolled").and_then(Value::as_bool))
        .with_mdm_compliant(device("mdm_compliant").and_then(Value::as_bool))
        .with_disk_encrypted(device("disk_encrypted").and_then(Value::as_bool))
        .with_firewall_enabled(device("firewall_enabled").and_then(Value::as_bool))
        .with_os_version(device("os_version").and_then(Value::as_str))
        .with_os_type(device("os_type").and_then(Value::as_str));
    let request = Request::new(principal, text("profile").unwrap())
        .with_source_ip(text("source_ip").map(|address| address.parse().unwrap()))
        .with_source_vpc(text("source_vpc"))
        .with_source_vpce(text("source_vpce"))
        .with_mode(text("mode").map_or(Mode::Server, |mode| mode.parse().unwrap()))
        .with_session_table(text("session_table"))
        .with_device(device);
    let approved = fields.get("approved").is_some_and(|it| it.as_bool().unwrap());
    let facts = Facts::default().with_approval(approved.then_some(Approval::new()));
    let now: DateTime<Utc> = text("at").unwrap().parse().unwrap();
    let decision = policy.decide(&request, &facts, now);
    let until = policy.valid_until(&request, &facts, now);
    // The fields are in this order, which a map of `serde_json` would not preserve.
    let fields = [
        ("effect", json!(decision.verdict.as_str())),
        ("rule", json!(decision.rule.map(|rule| rule.name))),
        ("rule_index", decision.rule.map_or(json!(-1), |rule| json!(rule.index))),
        ("reason", json!(decision.rule.and_then(|rule| rule.reason))),
        ("max_duration_s", json!(decision.max_duration.as_ref().map(Duration::as_secs))),
        ("valid_until", json!(until.map(|it| it.to_rfc3339_opts(SecondsFormat::AutoSi, true)))),
        ("requires", json!(decision.requires.iter().collect::<Vec<_>>())),
    ];
    let fields: Vec<_> = fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}\n", fields.join(","))
}

#[test]
fn every_request_has_the_decision_in_its_file() {
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let (mut wrong, mut requested) = (Vec::new(), 0);
    for path in policies() {
        let Ok(requests) = fs::read_to_string(path.with_extension("requests.jsonl")) else {
            continue;
        };
        let policy = CheckedPolicy::parse(&fs::read(&path).unwrap(), &Limits::default());
        let policy = policy.unwrap_or_else(|_| panic!("{} is invalid", path.display())).compile();
        let file = path.with_extension("decisions.jsonl");
        let answers: Vec<_> = requests.lines().map(|line| answer(&policy, line)).collect();
        requested += answers.len();
        if update {
            fs::write(&file, answers.concat()).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&file).unwrap();
        let mut expected = expected.lines();
        for (request, answer) in requests.lines().zip(&answers) {
            let expected = expected.next().unwrap_or_default();
            if expected != answer.trim_end() {
                wrong.push(format!(
                    "{}: {request}\n  expected {expected}\n  but is   {answer}",
                    path.display()
                ));
            }
        }
        assert_eq!(expected.next(), None, "{}", file.display());
    }
    assert!(requested > 0);
    assert!(wrong.is_empty(), "{}\nUPDATE_CASES=1 rewrites them", wrong.join("\n"));
}
