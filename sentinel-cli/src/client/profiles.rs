//! `sentinel profiles`: lists the profiles that the caller can get under some
//! circumstances.

use std::fmt::Write;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::Connection;
use crate::runtime::block_on;
use crate::screen::{Screen, printable};
use crate::{Failure, Outcome};

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

/// The TVM's response.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Profiles {
    pub(super) profiles: Vec<Profile>,
    root: String,
}

/// One profile of the response.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Profile {
    pub(super) name: String,
    policy_path: String,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let found: Profiles =
        block_on(async { arguments.connection.open().await?.get("/profiles", &[]).await })?.body;
    if screen.is_json() {
        screen.print_json(&found)?;
    } else if found.profiles.is_empty() {
        screen.note("no policy allows you any profile");
    } else {
        let width =
            found.profiles.iter().map(|profile| profile.name.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for Profile { name, policy_path } in &found.profiles {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{:<width$}  {}", printable(name), printable(policy_path));
        }
        screen.print(&text)?;
    }
    Ok(Outcome::Done)
}
