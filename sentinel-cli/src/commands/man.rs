//! `sentinel man`: prints manual pages, generated from the definition of the command.

use std::path::PathBuf;

use clap::{Args, Command};

use crate::output::{Failure, Outcome, Screen};

/// Print the manual page, or write all manual pages to a folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel man | man -l -
  sentinel man --dir /usr/local/share/man/man1")]
pub(crate) struct Arguments {
    /// Folder to write one page per command to
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn run(
    arguments: &Arguments,
    command: Command,
    screen: &Screen,
) -> Result<Outcome, Failure> {
    if let Some(dir) = &arguments.dir {
        let failed = |error| {
            Failure::because(format!("cannot write manual pages to `{}`", dir.display()), error)
        };
        std::fs::create_dir_all(dir).map_err(failed)?;
        clap_mangen::generate_to(command, dir).map_err(failed)?;
        return Ok(Outcome::Done);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).map_err(Failure::output)?;
    screen.print(&String::from_utf8_lossy(&page))?;
    Ok(Outcome::Done)
}
