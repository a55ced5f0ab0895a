//! `sentinel policy replay`: decides recorded requests again.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;
use sentinel_audit::{Line, Link};
use sentinel_policy::{
    ActiveGrant, Approval, Decision, DeviceFacts, Facts, Mode, Policy, Principal, Request, Verdict,
};
use sentinel_store::{DecisionRecord, RecordedEffect};
use sentinel_wire::rfc3339;
use serde::Serialize;

use super::source;
use crate::output::{Failure, Fit, Outcome, Screen, records};
use crate::records::{Found, Records, Step};

/// Decide recorded requests again with a policy, and show what would change.
///
/// Each request is decided at its time, with the approval or the grant that was used.
/// A request that the recorded policy allowed without an approval has none in its
/// record: if the new policy requires one, that is shown as a change.
///
/// Records without a decision of a policy are skipped: requests that were refused
/// before, and records of versions that did not write it. Exits 0 if nothing changes
/// and 1 if something does.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel policy replay policies/production.yaml --document /sentinel/policies/production records/
  sentinel policy replay policies/production.yaml --all --format json records/")]
pub(super) struct Arguments {
    /// Policy document
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    records: Records,
    /// Decide only what this document decided; required if the records have several
    #[arg(long, value_name = "NAME")]
    document: Option<String>,
    /// Show every change, not only the number by rule and person
    #[arg(long)]
    all: bool,
}

/// A decision, as far as a caller notices it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Decided {
    effect: RecordedEffect,
    rule: Option<String>,
    max_duration_s: Option<u64>,
    requires: Vec<String>,
}

/// A request that would be decided differently.
#[derive(Clone, Debug, Serialize)]
struct Change {
    #[serde(serialize_with = "rfc3339::serialize")]
    timestamp: DateTime<Utc>,
    user: String,
    caller: String,
    profile: String,
    request_id: String,
    from: Decided,
    to: Decided,
}

/// What a record contains for a replay.
enum Replayed {
    Same,
    Changed(Box<Change>),
    /// The policy was not evaluated, or its decision was not recorded.
    Undecided,
    /// Another document decided.
    OtherDocument,
}

/// Changes of one rule and one person.
#[derive(Serialize)]
struct Group {
    user: String,
    profile: String,
    from: Decided,
    to: Decided,
    requests: u64,
}

#[derive(Serialize)]
struct Answer {
    replayed: u64,
    changed: u64,
    /// Records without a decision of a policy.
    undecided: u64,
    /// Records of other documents.
    other_documents: u64,
    groups: Vec<Group>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<Change>>,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { file, records, document, all } = arguments;
    let policy = source::compile(file, screen)?;
    if let Some(group) = policy.checked().groups_from().next() {
        return Err(Failure::other(format!(
            "`groups_from` names `{group}`: the members of such groups are not in the records, so the \
             requests cannot be decided again"
        )));
    }
    let mut replay = Replay::new(*all);
    let mut known = HashSet::new();
    let seen = records.scan(
        screen,
        |line| match Line::parse(line) {
            Line::Other => None,
            Line::Unreadable(_) => Some(Found::Unreadable),
            Line::Event(_) => Some(Found::Record),
            Line::Decision(record) => {
                let digest = Link::parse(line).map(|link| link.digest());
                let result = replayed(&policy, &record, document.as_deref());
                // If none is named, all must be of one.
                let used = record.policy.filter(|_| document.is_none()).map(|used| used.name);
                Some(Found::Wanted((digest, used, result)))
            }
        },
        |step| match step {
            Step::Begin => Ok(()),
            // The same line in two exports.
            Step::Wanted((Some(digest), ..)) if !known.insert(digest) => Ok(()),
            Step::Wanted((_, used, result)) => replay.add(used, result),
        },
    )?;
    let answer = replay.answer();
    if screen.is_json() {
        screen.print_json(&answer)?;
    } else {
        screen.print(&shown(&answer, screen))?;
    }
    if seen.unreadable > 0 {
        return Err(Failure::other("not every request was decided again"));
    }
    if answer.replayed == 0 {
        return Err(Failure::other("no record has a decision of the policy"));
    }
    Ok(if answer.changed == 0 { Outcome::Done } else { Outcome::No })
}

fn replayed(policy: &Policy, record: &DecisionRecord, document: Option<&str>) -> Replayed {
    let Some(used) = &record.policy else { return Replayed::Undecided };
    if document.is_some_and(|document| document != used.name) {
        return Replayed::OtherDocument;
    }
    decide(policy, record)
}

/// Decides the request of a record again.
fn decide(policy: &Policy, record: &DecisionRecord) -> Replayed {
    let Some(decision) = &record.decision else { return Replayed::Undecided };
    let from = Decided {
        effect: decision.effect,
        rule: record.rule.clone(),
        max_duration_s: decision.max_duration_s,
        requires: decision.requires.iter().map(|word| word.clone().into_owned()).collect(),
    };
    let (request, facts) = request_of(record);
    let to = Decided::of(&policy.decide(&request, &facts, record.timestamp));
    // Another rule with the same result changes nothing for the caller, and a denial has no length.
    let length = |decided: &Decided| {
        decided.max_duration_s.filter(|_| decided.effect != RecordedEffect::Deny)
    };
    if (from.effect, length(&from), &from.requires) == (to.effect, length(&to), &to.requires) {
        return Replayed::Same;
    }
    Replayed::Changed(Box::new(Change {
        timestamp: record.timestamp,
        user: record.user.clone(),
        caller: record.caller.clone(),
        profile: record.profile.clone(),
        request_id: record.request_id.clone(),
        from,
        to,
    }))
}

/// The request of a record, and its facts.
fn request_of(record: &DecisionRecord) -> (Request<'_>, Facts) {
    let caller = Principal::new(&record.user)
        .with_account(record.account.as_str())
        .with_arn(record.principal.as_str())
        .with_organization(record.organization.as_deref());
    let device = record.device.as_ref().map_or_else(DeviceFacts::default, |device| {
        DeviceFacts::default()
            .with_mdm_enrolled(device.mdm_enrolled)
            .with_mdm_compliant(device.mdm_compliant)
            .with_disk_encrypted(device.disk_encrypted)
            .with_firewall_enabled(device.firewall_enabled)
            .with_os_version(device.os_version.as_deref())
            .with_os_type(device.os_type.as_deref())
    });
    let request = Request::new(caller, &record.profile)
        .with_source_ip(record.source_ip.as_deref().and_then(|ip| ip.parse::<IpAddr>().ok()))
        .with_source_vpc(record.source_vpc.as_deref())
        .with_source_vpce(record.source_vpce.as_deref())
        .with_mode(record.mode.parse::<Mode>().ok())
        .with_session_table(record.session_table.as_deref())
        .with_device(device);
    let mut facts = Facts::default();
    if record.approval.is_some() {
        facts = facts.with_approval(Approval::new().with_until(record.access_until));
    }
    if record.break_glass.is_some() {
        let grant = ActiveGrant::new()
            .with_until(record.access_until)
            .with_overrides_deny(record.overrides_deny);
        facts = facts.with_grant(grant);
    }
    (request, facts)
}

impl Decided {
    fn of(decision: &Decision<'_>) -> Self {
        Self {
            effect: match decision.verdict {
                Verdict::Allow => RecordedEffect::Allow,
                Verdict::Deny => RecordedEffect::Deny,
                Verdict::RequireApproval => RecordedEffect::RequireApproval,
            },
            rule: decision.rule.map(|rule| rule.name.to_owned()),
            max_duration_s: decision.max_duration.map(|length| length.as_secs()),
            requires: decision.requires.iter().map(str::to_owned).collect(),
        }
    }

    fn text(&self) -> String {
        let mut text = match self.effect {
            RecordedEffect::Allow => "allow",
            RecordedEffect::Deny => "deny",
            RecordedEffect::RequireApproval => "require_approval",
        }
        .to_owned();
        match &self.rule {
            Some(rule) => text.push_str(&format!(" by {rule}")),
            None => text.push_str(" by no rule"),
        }
        if let Some(seconds) = self.max_duration_s {
            text.push_str(&format!(", at most {seconds} s"));
        }
        if !self.requires.is_empty() {
            text.push_str(&format!(", lacks {}", self.requires.join(", ")));
        }
        text
    }
}

/// What was replayed so far.
struct Replay {
    document: Option<String>,
    counts: Answer,
    groups: BTreeMap<(String, String, Decided, Decided), u64>,
}

impl Replay {
    fn new(all: bool) -> Self {
        let counts = Answer {
            replayed: 0,
            changed: 0,
            undecided: 0,
            other_documents: 0,
            groups: Vec::new(),
            changes: all.then(Vec::new),
        };
        Self { document: None, counts, groups: BTreeMap::new() }
    }

    /// Adds a result, with the document that decided if none was named.
    fn add(&mut self, used: Option<String>, result: Replayed) -> Result<(), Failure> {
        if let Some(used) = used {
            let first = self.document.get_or_insert_with(|| used.clone());
            if *first != used {
                return Err(Failure::Usage(format!(
                    "the records are decisions of several documents, such as `{first}` and `{used}`: \
                     name one with `--document`"
                )));
            }
        }
        match result {
            Replayed::Same => self.counts.replayed += 1,
            Replayed::Changed(change) => {
                self.counts.replayed += 1;
                self.counts.changed += 1;
                let key = (
                    change.user.clone(),
                    change.profile.clone(),
                    change.from.clone(),
                    change.to.clone(),
                );
                *self.groups.entry(key).or_default() += 1;
                if let Some(changes) = &mut self.counts.changes {
                    changes.push(*change);
                }
            }
            Replayed::Undecided => self.counts.undecided += 1,
            Replayed::OtherDocument => self.counts.other_documents += 1,
        }
        Ok(())
    }

    /// The answer, with the most frequent changes first.
    fn answer(self) -> Answer {
        let groups = self.groups.into_iter().map(|((user, profile, from, to), requests)| Group {
            user,
            profile,
            from,
            to,
            requests,
        });
        let mut groups: Vec<Group> = groups.collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.requests));
        Answer { groups, ..self.counts }
    }
}

fn shown(answer: &Answer, screen: &Screen) -> String {
    let mut text = String::new();
    if let Some(changes) = answer.changes.as_ref().filter(|changes| !changes.is_empty()) {
        let columns = [
            ("TIME", Fit::Whole),
            ("USER", Fit::Whole),
            ("PROFILE", Fit::Whole),
            ("WAS", Fit::Short(0)),
            ("WOULD BE", Fit::Short(0)),
            ("REQUEST ID", Fit::Whole),
        ];
        let rows = changes.iter().map(|change| {
            [
                rfc3339::seconds(change.timestamp),
                change.user.clone(),
                change.profile.clone(),
                change.from.text(),
                change.to.text(),
                change.request_id.clone(),
            ]
        });
        text.push_str(&records(columns, rows, screen.width));
        text.push('\n');
    }
    if !answer.groups.is_empty() {
        let columns = [
            ("REQUESTS", Fit::Whole),
            ("USER", Fit::Whole),
            ("PROFILE", Fit::Whole),
            ("WAS", Fit::Short(0)),
            ("WOULD BE", Fit::Short(0)),
        ];
        let rows = answer.groups.iter().map(|group| {
            [
                group.requests.to_string(),
                group.user.clone(),
                group.profile.clone(),
                group.from.text(),
                group.to.text(),
            ]
        });
        text.push_str(&records(columns, rows, screen.width));
        text.push('\n');
    }
    let Answer { replayed, changed, undecided, other_documents, .. } = answer;
    text.push_str(&format!("{replayed} requests decided again, {changed} differently"));
    if *undecided > 0 {
        text.push_str(&format!("; {undecided} records without a decision of the policy"));
    }
    if *other_documents > 0 {
        text.push_str(&format!("; {other_documents} of other documents"));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    // The exact replay of what a running system wrote is tested in `tests/it/audit.rs`.

    fn record() -> DecisionRecord {
        let line = r#"{"timestamp":"2026-01-25T12:00:00Z","user":"alice","profile":"production",
            "effect":"allow","code":"OK","rule":"r","request_id":"1","account":"111122223333",
            "principal":"arn:aws:iam::111122223333:user/alice","caller":"alice","mode":"server",
            "policy_stale":false,"withheld":false,"latency_ms":1,"session_table":"t",
            "approval":"a-1","access_until":"2026-01-25T12:00:00.001Z",
            "policy":{"name":"/p","version":"1","sha256":"00"},
            "decision":{"effect":"allow","max_duration_s":60,"requires":[],"valid_until":null}}"#;
        serde_json::from_str(line).unwrap()
    }

    fn policy(effect: &str, cap: &str) -> Arc<Policy> {
        let text = format!(
            "version: \"1\"\nrules:\n- {{name: r, effect: {effect}, max_duration: {cap}, conditions: \
             {{profiles: [production], users: [alice]}}}}\n"
        );
        let document = sentinel_policy::CheckedPolicy::parse(text.as_bytes(), &Default::default());
        Arc::new(document.unwrap().compile())
    }

    #[test]
    fn an_approval_that_was_used_is_used_again_and_a_cap_is_a_change() {
        for (effect, cap, same) in [
            ("allow", "60s", true),
            ("require_approval", "60s", true),
            ("allow", "61s", false),
            ("deny", "60s", false),
        ] {
            let result = decide(&policy(effect, cap), &record());
            assert_eq!(matches!(result, Replayed::Same), same, "{effect} {cap}");
        }
        let without = record().with_approval(None).with_access_until(None);
        let result = decide(&policy("require_approval", "60s"), &without);
        let Replayed::Changed(change) = result else { panic!("unchanged") };
        assert_eq!(change.to.effect, RecordedEffect::RequireApproval);
        assert_eq!(change.to.requires, ["approval"]);
    }

    #[test]
    fn the_facts_about_a_device_are_used_again() {
        let text = "version: \"1\"\nrules:\n- {name: r, effect: allow, max_duration: 60s, conditions: \
                    {profiles: [production], device: {require_mdm: true, min_os_version: '14.1'}}}\n";
        let document = sentinel_policy::CheckedPolicy::parse(text.as_bytes(), &Default::default());
        let policy = document.unwrap().compile();
        let mut record = record();
        assert!(matches!(decide(&policy, &record), Replayed::Changed(_)));
        let device = r#"{"mdm_enrolled":true,"os_version":"14.2"}"#;
        record.device = Some(serde_json::from_str(device).unwrap());
        assert!(matches!(decide(&policy, &record), Replayed::Same));
    }

    #[test]
    fn several_documents_are_an_error_unless_one_is_named() {
        let policy = policy("allow", "60s");
        let mut replay = Replay::new(false);
        let mut other = record();
        other.policy.as_mut().unwrap().name = "/other".to_owned();
        let mut add = |record: &DecisionRecord| {
            let used = record.policy.as_ref().map(|used| used.name.clone());
            replay.add(used, replayed(&policy, record, None))
        };
        add(&record()).unwrap();
        assert!(matches!(add(&other), Err(Failure::Usage(_))));
        assert!(matches!(replayed(&policy, &other, Some("/p")), Replayed::OtherDocument));
    }
}
