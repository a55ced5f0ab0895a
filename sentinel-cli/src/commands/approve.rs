//! `sentinel approve`: approves an approval request.

use clap::Args;
use sentinel_wire::{CommentBody, RequestId};

use super::requests::print;
use crate::output::{Failure, Outcome, Screen};
use crate::runtime::block_on;
use crate::tvm::Connection;

/// Approve a pending request of another person.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel approve REQUEST_ID
  sentinel approve REQUEST_ID --comment \"reviewed the change\"")]
pub(crate) struct Arguments {
    /// Id of the request
    #[arg(value_name = "REQUEST_ID")]
    id: RequestId,
    /// Comment, stored with the request
    #[arg(long)]
    comment: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { id, comment, connection } = arguments;
    let body = CommentBody::new(comment.clone());
    let request =
        block_on(async { Ok(connection.open().await?.client.approve(id, &body).await?) })?;
    print(&request, screen)
}
