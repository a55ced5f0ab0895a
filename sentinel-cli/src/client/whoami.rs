//! `sentinel whoami`: shows the identity that the TVM derives for the caller.

use std::fmt::Write;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::Connection;
use crate::runtime::block_on;
use crate::screen::{Screen, printable};
use crate::{Failure, Outcome};

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

/// The TVM's response.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Me {
    pub(super) user: String,
    pub(super) caller: String,
    pub(super) account: String,
    pub(super) principal: String,
    pub(super) operator: bool,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let me: Me =
        block_on(async { arguments.connection.open().await?.get("/whoami", &[]).await })?.body;
    if screen.is_json() {
        screen.print_json(&me)?;
    } else {
        screen.print(&human(&me))?;
    }
    Ok(Outcome::Done)
}

fn human(me: &Me) -> String {
    let mut text = String::new();
    let operator = if me.operator { "yes" } else { "no" };
    for (name, value) in [
        ("user", me.user.as_str()),
        ("caller", &me.caller),
        ("account", &me.account),
        ("principal", &me.principal),
        ("operator", operator),
    ] {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<10} {}", printable(value));
    }
    text
}
