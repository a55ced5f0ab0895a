//! `sentinel request`: requests an approval, and waits for its decision.

mod wait;

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use sentinel_client::{Client, ClientError};
use sentinel_wire::{ErrorCode, RequestBody, RequestState, RequestView};

use super::requests::shown;
use crate::arguments::{duration, time};
use crate::output::{Failure, Outcome, Screen, both, shell_word};
use crate::runtime::{block_on, block_on_quietly};
use crate::tvm::{Connection, Tvm, explained_conflict, open_request};

/// Request an approval for a profile whose policy requires one.
///
/// With `--wait`, the command ends when the request is decided: with exit status 0 if it
/// is approved, and 1 if it is denied, cancelled or expired. If you have a pending
/// request for the profile, the command waits for that one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel request --profile production --reason \"deploy 2.4\"
  sentinel request --profile production --reason \"deploy 2.4\" --wait
  sentinel request --profile production --reason \"deploy 2.4\" --duration 30m --ticket OPS-42
  sentinel request --profile production --reason migration --not-before 2026-03-02T22:00:00Z
  sentinel request --profile production --wait --wait-timeout 30m    (for the pending one)")]
pub(crate) struct Arguments {
    /// Profile that the approval is for
    #[arg(long)]
    profile: String,
    /// Reason, shown to the approvers
    #[arg(long, required_unless_present = "wait")]
    reason: Option<String>,
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
    /// Wait until the request is decided
    #[arg(long)]
    wait: bool,
    /// Maximum time to wait, such as 30m; the request remains pending (default: until
    /// its deadline)
    #[arg(long, value_name = "DURATION", value_parser = duration, requires = "wait")]
    wait_timeout: Option<Duration>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let request = block_on(create_or_find(arguments, screen))?;
    let request = if arguments.wait && request.state == RequestState::Pending {
        let waiting = wait::Waiting::new(arguments, screen);
        block_on_quietly(waiting.until_decided(request))?
    } else {
        request
    };
    if screen.is_json() {
        screen.print_json(&request)?;
    } else {
        screen.print(&shown(&request, screen.times()))?;
    }
    next_step(&request, arguments, screen);
    match request.state {
        RequestState::Pending | RequestState::Approved => Ok(Outcome::Done),
        RequestState::Denied
        | RequestState::Cancelled
        | RequestState::Expired
        | RequestState::Revoked => Ok(Outcome::No),
    }
}

/// The new request, or the pending one to wait for.
async fn create_or_find(arguments: &Arguments, screen: &Screen) -> Result<RequestView, Failure> {
    let Arguments { profile, reason, ticket, duration, not_before, wait, connection, .. } =
        arguments;
    let Tvm { client, .. } = connection.open().await?;
    let Some(reason) = reason else {
        return match pending(&client, profile).await? {
            Some(request) => Ok(request),
            None => Err(Failure::Usage(format!(
                "you have no pending request for `{profile}`: pass `--reason` to create one"
            ))),
        };
    };
    let body = RequestBody::new(profile, reason)
        .with_ticket(ticket.clone())
        .with_seconds(duration.map(|duration| duration.as_secs()))
        .with_not_before(*not_before);
    match client.create_request(&body).await {
        Ok(request) => Ok(request),
        Err(ClientError::Refused(response)) => {
            if *wait
                && response.is(ErrorCode::Conflict)
                && let Some(request) = pending(&client, profile).await?
            {
                screen.note(&format!(
                    "you have a pending request for `{profile}` already, with its own reason and \
                     duration: this command waits for it"
                ));
                return Ok(request);
            }
            let refused = explained_conflict(&client, connection, profile, &response).await;
            Err(Failure::Refused(refused))
        }
        Err(error) => Err(error.into()),
    }
}

async fn pending(client: &Client, profile: &str) -> Result<Option<RequestView>, ClientError> {
    let open = open_request(client, profile, Utc::now()).await?;
    Ok(open.filter(|request| request.state == RequestState::Pending))
}

/// Notes what to do after the result.
fn next_step(request: &RequestView, arguments: &Arguments, screen: &Screen) {
    let options = arguments.connection.repeated();
    match request.state {
        RequestState::Pending if !screen.is_json() => {
            screen.note(&format!("an approver approves it with `sentinel approve {}`", request.id));
        }
        RequestState::Approved if arguments.wait => {
            let now = Utc::now();
            if let Some(from) = request.not_before.filter(|from| now < *from) {
                screen.note(&format!("the approval is valid from {} on", both(from, now)));
            }
            let profile = shell_word(request.profile.as_str());
            screen.note(&format!(
                "get credentials with `sentinel credentials --profile {profile}{options}`"
            ));
        }
        RequestState::Pending
        | RequestState::Approved
        | RequestState::Denied
        | RequestState::Cancelled
        | RequestState::Expired
        | RequestState::Revoked => {}
    }
}
