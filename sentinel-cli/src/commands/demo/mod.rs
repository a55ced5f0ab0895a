//! `sentinel demo`: shows the main functions of Sentinel, as several callers use
//! them, against a real `sentinel dev` of the same binary, with real HTTP requests
//! and signatures. It checks the result of each step, and exits 0 only if every
//! step had the expected result.

mod callers;
mod chapters;
mod people;
mod server;
mod step;

use clap::Args;

use crate::output::{Failure, Outcome, Screen};
use crate::runtime::block_on;
use step::Narrator;

/// Show a complete run: allowed and refused callers, an approval, and a revocation.
///
/// The demo runs on this machine, in a temporary folder, in a few seconds.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel demo
  sentinel demo --format json")]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let folder = sentinel_files::temporary(&std::env::temp_dir(), "sentinel-demo-")
        .map_err(|error| Failure::because("cannot create a temporary folder", error))?;
    let mut narrator = Narrator::new(screen);
    block_on(chapters::run(folder.path(), &mut narrator))?;
    let good = narrator.end()?;
    folder
        .close()
        .map_err(|error| Failure::because("cannot remove the temporary folder", error))?;
    Ok(if good { Outcome::Done } else { Outcome::No })
}
