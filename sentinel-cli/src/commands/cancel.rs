//! `sentinel cancel`: cancels one of the caller's approval requests.

use clap::Args;
use sentinel_client::Client;

use super::requests::Decision;
use crate::output::{Failure, Outcome, Screen};

/// Cancel one of your pending requests.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel cancel REQUEST_ID
  sentinel cancel REQUEST_ID --comment \"no longer needed\"")]
pub(crate) struct Arguments {
    #[command(flatten)]
    decision: Decision,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    arguments.decision.send(screen, Client::cancel)
}
