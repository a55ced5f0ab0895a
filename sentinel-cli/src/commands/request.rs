//! `sentinel request`: requests an approval.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use sentinel_wire::RequestBody;

use super::requests::{shown, time};
use crate::arguments::duration;
use crate::output::{Failure, Outcome, Screen};
use crate::runtime::block_on;
use crate::tvm::Connection;

/// Request an approval for a profile whose policy requires one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel request --profile production --reason \"deploy 2.4\"
  sentinel request --profile production --reason \"deploy 2.4\" --duration 30m --ticket OPS-42
  sentinel request --profile production --reason migration --not-before 2026-03-02T22:00:00Z")]
pub(crate) struct Arguments {
    /// Profile that the approval is for
    #[arg(long)]
    profile: String,
    /// Reason, shown to the approvers
    #[arg(long)]
    reason: String,
    /// Ticket, which an approvals rule may require
    #[arg(long)]
    ticket: Option<String>,
    /// Duration of the approval, such as 30m (default: the maximum of `auto_approve`
    /// if it applies, otherwise that of the approvals rule)
    #[arg(long, value_parser = duration)]
    duration: Option<Duration>,
    /// Earliest time at which the approval is used, such as 2026-03-02T22:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    not_before: Option<DateTime<Utc>>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { profile, reason, ticket, duration, not_before, connection } = arguments;
    let body = RequestBody::new(profile, reason)
        .with_ticket(ticket.clone())
        .with_seconds(duration.map(|duration| duration.as_secs()))
        .with_not_before(*not_before);
    let request =
        block_on(async { Ok(connection.open().await?.client.create_request(&body).await?) })?;
    if screen.is_json() {
        screen.print_json(&request)?;
    } else {
        screen.print(&shown(&request))?;
        if request.missing.is_some() {
            screen.note(&format!("an approver approves it with `sentinel approve {}`", request.id));
        }
    }
    Ok(Outcome::Done)
}
