//! `sentinel whoami`: shows the identity that the TVM derives for the caller.

use clap::Args;
use sentinel_wire::Whoami;

use crate::output::{Failure, Outcome, Screen, table};
use crate::runtime::block_on;
use crate::tvm::Connection;

/// Show the user and caller key that the TVM derives from your credentials.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel whoami
  sentinel whoami --tvm http://127.0.0.1:8787 --aws-profile alice --format json")]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let me = block_on(async { Ok(arguments.connection.open().await?.client.whoami().await?) })?;
    if screen.is_json() {
        screen.print_json(&me)?;
    } else {
        screen.print(&human(&me))?;
    }
    Ok(Outcome::Done)
}

fn human(me: &Whoami) -> String {
    let Whoami { user, caller, account, principal, operator, .. } = me;
    let operator = if *operator { "yes" } else { "no" };
    table(
        [
            ("user", user.as_str()),
            ("caller", caller),
            ("account", account),
            ("principal", principal),
            ("operator", operator),
        ]
        .map(|(name, value)| [name.to_owned(), value.to_owned()]),
    )
}
