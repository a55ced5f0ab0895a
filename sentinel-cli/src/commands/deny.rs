//! `sentinel deny`: denies an approval request.

use clap::Args;
use sentinel_client::Client;

use super::requests::Decision;
use crate::output::{Failure, Outcome, Screen};

/// Deny a pending request of another person.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel deny REQUEST_ID
  sentinel deny REQUEST_ID --comment \"use staging first\"")]
pub(crate) struct Arguments {
    #[command(flatten)]
    decision: Decision,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    arguments.decision.send(screen, Client::deny)
}
