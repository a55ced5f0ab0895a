//! `sentinel audit why`: why a request was decided as it was.

use clap::Args;
use sentinel_audit::{Access, Reason, Reasons, Why, word};
use sentinel_wire::rfc3339;

use super::{comment, ended, wanted};
use crate::output::{Failure, Outcome, Screen, printable, table};
use crate::records::Records;

/// Show why credentials were, or were not, returned.
///
/// The id is that of a request, an access key, a session (its handle), an approval
/// request or a grant. Exits 1 if no record has it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel audit why ASIAEXAMPLE records/
  sentinel audit why 5f1c --format json records/")]
pub(super) struct Arguments {
    /// Id of the request, the access key or the session
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    records: Records,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { id, records } = arguments;
    let mut why = Why::new(id);
    let lines = wanted(records, screen, |line| why.wants(line))?;
    lines.into_iter().for_each(|line| why.add(line));
    let reasons = why.answer();
    let none = reasons.decisions.is_empty() && reasons.events.is_empty();
    if screen.is_json() {
        screen.print_json(&reasons)?;
    } else if none {
        screen.print(&format!("no record has the id `{}`\n", printable(id)))?;
    } else {
        screen.print(&shown(&reasons))?;
    }
    Ok(if none { Outcome::No } else { Outcome::Done })
}

fn shown(reasons: &Reasons) -> String {
    let mut parts: Vec<String> = reasons.decisions.iter().map(decision).collect();
    if !reasons.events.is_empty() && reasons.decisions.is_empty() {
        let steps = reasons.events.iter().map(|event| printable(&comment(event)) + "\n");
        parts.push(steps.collect());
    }
    parts.join("\n")
}

fn decision(reason: &Reason) -> String {
    let Reason { access, ended: end, record, .. } = reason;
    let mut rows: Vec<[String; 2]> = Vec::new();
    let mut row = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            rows.push([name.to_owned(), value]);
        }
    };
    row("time", Some(rfc3339::seconds(record.timestamp)));
    row("user", Some(record.user.clone()));
    row("principal", Some(record.principal.clone()));
    row("profile", Some(record.profile.clone()));
    row("outcome", Some(format!("{} ({})", word(record.effect), record.code)));
    row(
        "policy",
        record.policy.as_ref().map(|policy| {
            format!("{} version {}, SHA-256 {}", policy.name, policy.version, policy.sha256)
        }),
    );
    row(
        "rule",
        record.rule.as_ref().map(|rule| match record.rule_index {
            Some(index) => format!("{rule} (rules[{index}])"),
            None => rule.clone(),
        }),
    );
    row("reason", record.reason.clone());
    row(
        "decided",
        record.decision.as_ref().map(|decision| {
            let mut text = word(decision.effect);
            if !decision.requires.is_empty() {
                text.push_str(&format!(", lacks {}", decision.requires.join(", ")));
            }
            text
        }),
    );
    row("role", record.role_arn.clone());
    row("source IP", record.source_ip.clone());
    row("session", record.session.clone());
    row("access key id", record.access_key_id.clone());
    row("expires", record.expiration.map(rfc3339::seconds));
    match access {
        Access::Approval { id, history } => {
            row("approval", Some(id.clone()));
            history.iter().for_each(|step| row("", Some(comment(step))));
        }
        Access::BreakGlass { id, history } => {
            row("break-glass grant", Some(id.clone()));
            history.iter().for_each(|step| row("", Some(comment(step))));
        }
        Access::Policy => {}
    }
    row("ended", end.as_ref().map(ended));
    row("request id", Some(record.request_id.clone()));
    table(rows)
}
