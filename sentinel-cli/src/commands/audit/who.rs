//! `sentinel audit who`: who held live credentials of a profile.

use chrono::{DateTime, Utc};
use clap::Args;
use sentinel_audit::{Access, Holder, Who};
use sentinel_store::EventKind;
use sentinel_wire::rfc3339;
use serde::Serialize;

use super::{ended, wanted};
use crate::arguments;
use crate::output::{Failure, Fit, Outcome, Screen, records};
use crate::records::Records;

/// Show who held live credentials of a profile, and by whose decision.
///
/// Exits 1 if no caller did.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel audit who --profile production --at 2026-11-02T03:00:00Z records/
  sentinel audit who --profile production --format json records.jsonl.gz")]
pub(super) struct Arguments {
    /// Profile of the credentials
    #[arg(long)]
    profile: String,
    /// Time, such as 2026-11-02T03:00:00Z; now if omitted
    #[arg(long, value_name = "TIME", value_parser = arguments::time)]
    at: Option<DateTime<Utc>>,
    #[command(flatten)]
    records: Records,
}

#[derive(Serialize)]
struct Answer<'a> {
    holders: &'a [Holder],
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { profile, at, records } = arguments;
    let mut who = Who::new(profile, at.unwrap_or_else(Utc::now));
    let lines = wanted(records, screen, |line| who.wants(line))?;
    lines.into_iter().for_each(|line| who.add(line));
    let holders = who.answer();
    if screen.is_json() {
        screen.print_json(&Answer { holders: &holders })?;
    } else if holders.is_empty() {
        screen.print("no caller\n")?;
    } else {
        screen.print(&shown(&holders, screen))?;
    }
    Ok(if holders.is_empty() { Outcome::No } else { Outcome::Done })
}

fn shown(holders: &[Holder], screen: &Screen) -> String {
    let columns = [
        ("USER", Fit::Whole),
        ("SINCE", Fit::Whole),
        ("UNTIL", Fit::Whole),
        ("DECIDED BY", Fit::Short(0)),
        ("ENDED", Fit::Short(1)),
        ("ACCESS KEY ID", Fit::Whole),
    ];
    let rows = holders.iter().map(|holder| {
        [
            holder.user.clone(),
            rfc3339::seconds(holder.since),
            holder.until.map(rfc3339::seconds).unwrap_or_default(),
            decided_by(holder),
            holder.ended.as_ref().map(ended).unwrap_or_default(),
            holder.access_key_id.clone().unwrap_or_default(),
        ]
    });
    records(columns, rows, screen.width)
}

fn decided_by(holder: &Holder) -> String {
    let rule = holder.rule.as_ref().map(|rule| format!("rule {rule}"));
    let policy =
        holder.policy.as_ref().map(|policy| format!("{} version {}", policy.name, policy.version));
    let mut parts: Vec<String> = rule.into_iter().chain(policy).collect();
    match &holder.access {
        Access::Approval { id, history } => {
            let approvers: Vec<&str> = history
                .iter()
                .filter(|comment| {
                    comment.event == EventKind::RequestApproved && comment.code.is_none()
                })
                .filter_map(|comment| comment.by.as_deref())
                .collect();
            parts.push(format!("approval {id} by {}", approvers.join(", ")));
        }
        Access::BreakGlass { id, history } => {
            let opening =
                history.iter().find(|comment| comment.event == EventKind::BreakGlassOpened);
            let words = opening.and_then(|comment| comment.text.as_deref());
            parts.push(format!("grant {id}: {}", words.unwrap_or("no justification found")));
        }
        Access::Policy => {}
    }
    parts.join(", ")
}
