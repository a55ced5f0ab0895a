//! `sentinel approve`: approves an approval request.

use clap::Args;
use sentinel_client::Client;

use super::requests::Decision;
use crate::output::{Failure, Outcome, Screen};

/// Approve a pending request of another person.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel approve REQUEST_ID
  sentinel approve REQUEST_ID --comment \"reviewed the change\"")]
pub(crate) struct Arguments {
    #[command(flatten)]
    decision: Decision,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    arguments.decision.send(screen, Client::approve)
}
