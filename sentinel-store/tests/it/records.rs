//! The exact form of records, which other programs read.

use sentinel_store::{
    AuditSink, DecisionFields, DecisionRecord, Event, EventKind, JsonLines, Metrics,
    PolicyDecision, PolicyPath, PolicyText, PolicyUsed, Record, RecordedDevice, RecordedEffect,
};
use serde_json::{Value, json};

use crate::fixtures::at;

/// A decision without optional fields.
pub(crate) fn refused() -> DecisionRecord {
    DecisionRecord::new(DecisionFields {
        timestamp: at(0),
        user: "alice".to_owned(),
        profile: "production".to_owned(),
        effect: RecordedEffect::Deny,
        code: "POLICY_DENY".to_owned(),
        request_id: "req-1".to_owned(),
        account: "111122223333".to_owned(),
        principal: "arn:aws:iam::111122223333:user/alice".to_owned(),
        caller: "alice".to_owned(),
        mode: "server",
        latency_ms: 3,
    })
}

pub(crate) fn vended() -> DecisionRecord {
    let document = PolicyText::new("", "7");
    let mut policy = PolicyUsed::new(
        &PolicyPath::new("/sentinel/policies/production"),
        &document.version,
        &document.digest(),
    );
    policy.sha256.truncate(8);
    let mut device = RecordedDevice::default();
    device.mdm_enrolled = Some(true);
    device.os_version = Some("14.2".to_owned());
    let mut record = refused()
        .with_source_identity("sentinel-alice-abcdefgh".to_owned())
        .with_rule("business-hours".to_owned(), 0, Some("Business hours access".to_owned()))
        .with_session("mfzwiy3f".to_owned())
        .with_source_ip("192.0.2.1".to_owned())
        .with_duration_s(3600)
        .with_expiration(at(3600))
        .with_access_key_id("ASIAEXAMPLE".to_owned())
        .with_sts_request_id("sts-1".to_owned())
        .with_approval("req-abc".to_owned())
        .with_break_glass("bg-abc".to_owned())
        .with_policy(policy)
        .with_policy_stale(true)
        .with_withheld(true)
        .with_function_version("42".to_owned())
        .with_organization("o-a1b2c3d4e5".to_owned())
        .with_source_vpc("vpc-0123456789abcdef0".to_owned())
        .with_source_vpce("vpce-0123456789abcdef0".to_owned())
        .with_session_table("sentinel-sessions".to_owned())
        .with_role_arn("arn:aws:iam::111122223333:role/SentinelProtected-production".to_owned())
        .with_access_until(at(7200))
        .with_overrides_deny(true)
        .with_device(device)
        .with_decision(
            PolicyDecision::new(RecordedEffect::Allow)
                .with_max_duration_s(3600)
                .with_requires(["session"])
                .with_valid_until(at(7200)),
        );
    record.timestamp = at(0) + chrono::TimeDelta::milliseconds(50);
    record.effect = RecordedEffect::Allow;
    record.code = "OK".to_owned();
    record
}

/// An event with every field of a revocation.
pub(crate) fn event() -> Event {
    Event::new(EventKind::Revocation, at(0))
        .with_by("carol".to_owned())
        .with_principal("arn:aws:iam::111122223333:user/carol".to_owned())
        .with_user("alice".to_owned())
        .with_profile("production".to_owned())
        .with_session("mfzwiy3f".to_owned())
        .with_reason("stolen laptop".to_owned())
        .with_code("revoked".to_owned())
        .with_epoch(1)
        .with_blocked_until(at(60))
        .with_request_id("req-1".to_owned())
}

pub(crate) fn line(record: &Record) -> String {
    let sink = JsonLines::new(Vec::new());
    sink.write(record).unwrap();
    let line = String::from_utf8(sink.into_inner().unwrap()).unwrap();
    assert_eq!(line.matches('\n').count(), 1, "one record is one line");
    assert!(line.ends_with('\n'));
    without_writer(line.trim_end())
}

/// The id of the writer is random.
fn without_writer(line: &str) -> String {
    let Some((before, id)) = line.split_once("\"writer\":\"") else { return line.to_owned() };
    let (id, after) = id.split_once('"').unwrap();
    assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    format!("{before}\"writer\":\"0011223344556677\"{after}")
}

/// The keys of an object, in their order.
fn keys(line: &str) -> Vec<String> {
    // serde_json sorts the keys of a `Value`, so their order is read from the text.
    let object: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
    let mut keys: Vec<_> = object.keys().cloned().collect();
    keys.sort_by_key(|key| line.find(&format!("\"{key}\":")));
    keys
}

#[test]
fn a_decision_record_has_the_documented_fields_in_order() {
    let expected = "timestamp user profile effect source_identity code rule rule_index reason \
        request_id session account principal caller source_ip mode duration_s expiration \
        access_key_id sts_request_id approval break_glass policy policy_stale withheld \
        function_version latency_ms organization source_vpc source_vpce session_table role_arn \
        access_until overrides_deny device decision writer sequence prev";
    let expected: Vec<_> = expected.split_whitespace().collect();
    for decision in [refused(), vended()] {
        assert_eq!(keys(&line(&Record::Decision(Box::new(decision)))), expected);
    }
}

#[test]
fn records_have_the_documented_form() {
    let effects = [RecordedEffect::Allow, RecordedEffect::Deny, RecordedEffect::RequireApproval];
    let decisions = effects.map(|effect| {
        let mut decision = refused();
        decision.effect = effect;
        line(&Record::Decision(Box::new(decision)))
    });
    insta::assert_snapshot!("decisions", decisions.join("\n"));
    insta::assert_snapshot!("vended", line(&Record::Decision(Box::new(vended()))));

    let bare = Event::new(EventKind::AuthorizerRefusal, at(0));
    let whole = event();
    let events = [bare, whole].map(|event| line(&Record::Event(Box::new(event))));
    insta::assert_snapshot!("events", events.join("\n"));

    let values = vec![("Requests", 1), ("LatencyMs", 12), ("Vends", 0)];
    let metrics = Record::Metrics(Metrics::new(at(0), values));
    insta::assert_snapshot!("metrics", line(&metrics));
}

#[test]
fn times_are_utc_and_end_in_z() {
    let text = line(&Record::Decision(Box::new(vended())));
    let record: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(record["timestamp"], "2026-01-25T12:00:00.050Z");
    assert_eq!(record["expiration"], "2026-01-25T13:00:00Z");
}

#[test]
fn text_from_callers_cannot_start_a_line_or_a_field() {
    let hostile = "alice\"}\n{\"user\":\"root\r\u{2028}\u{0}\u{1b}[31m";
    let mut decision = refused();
    decision.user = hostile.to_owned();
    let text = line(&Record::Decision(Box::new(decision)));
    assert!(!text.contains(|c: char| c.is_ascii_control()), "{text:?}");
    let record: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(record["user"], hostile);
}

// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
#[test]
fn metrics_are_in_the_embedded_metric_format() {
    let names = [
        "Requests",
        "Vends",
        "Denials",
        "Errors",
        "LatencyMs",
        "StalePolicy",
        "Revocations",
        "BreakGlassOpened",
        "AuthorizerRefusals",
    ];
    let values: Vec<_> = names.into_iter().zip(1..).collect();
    let metrics = Record::Metrics(Metrics::new(at(0), values));
    let root: Value = serde_json::from_str(&line(&metrics)).unwrap();

    let metadata = &root["_aws"];
    assert_eq!(metadata["Timestamp"], json!(at(0).timestamp_millis()));
    let directives = metadata["CloudWatchMetrics"].as_array().unwrap();
    assert_eq!(directives.len(), 1);
    assert_eq!(directives[0]["Namespace"], "Sentinel");
    // One dimension set, without dimensions: one series for each metric.
    assert_eq!(directives[0]["Dimensions"], json!([[]]));
    let defined = directives[0]["Metrics"].as_array().unwrap();
    assert_eq!(defined.len(), names.len());
    for (definition, (name, value)) in defined.iter().zip(names.into_iter().zip(1..)) {
        let unit = if name == "LatencyMs" { "Milliseconds" } else { "Count" };
        assert_eq!(definition, &json!({"Name": name, "Unit": unit}));
        // The target member of a metric is a number at the root.
        assert_eq!(root[name], json!(value));
    }
    // Nothing else at the root: no user, no profile.
    assert_eq!(root.as_object().unwrap().len(), names.len() + 1);
}
