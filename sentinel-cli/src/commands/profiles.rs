//! `sentinel profiles`: lists the profiles that the caller can get under some
//! circumstances.

use clap::Args;
use sentinel_wire::{ProfileList, ProfileView};

use crate::output::{Failure, Fit, Outcome, Screen, records};
use crate::runtime::block_on;
use crate::tvm::Connection;

/// List the profiles that the policy can allow you.
///
/// A request can still be denied because of its time, its source or a missing
/// approval.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel profiles
  sentinel profiles --format json")]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let found: ProfileList =
        block_on(async { Ok(arguments.connection.open().await?.client.profiles().await?) })?;
    if screen.is_json() {
        screen.print_json(&found)?;
    } else if found.profiles.is_empty() {
        screen.note("no policy allows you any profile");
    } else {
        let rows = found.profiles.iter().map(|profile| {
            let ProfileView { name, policy_path, .. } = profile;
            [name.clone(), policy_path.clone()]
        });
        let columns = [("", Fit::Whole), ("", Fit::Short(0))];
        screen.print(&records(columns, rows, screen.width))?;
    }
    Ok(Outcome::Done)
}
