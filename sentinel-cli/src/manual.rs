//! Completions and manual pages, generated from the command definition.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use crate::screen::Screen;
use crate::{Failure, Outcome, command};

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel completions bash > ~/.local/share/bash-completion/completions/sentinel
  sentinel completions zsh  > ~/.zfunc/_sentinel
  sentinel completions fish > ~/.config/fish/completions/sentinel.fish")]
pub(crate) struct Completions {
    /// Shell of the script
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the manual page, or write all manual pages to a folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel man | man -l -
  sentinel man --dir /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// Folder to write one page per command to
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(crate) fn completions(arguments: &Completions, screen: &Screen) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(), "sentinel", &mut script);
    screen.print(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}

pub(crate) fn man(arguments: &Man, screen: &Screen) -> Result<Outcome, Failure> {
    if let Some(dir) = &arguments.dir {
        let failed = |error| {
            Failure::because(format!("cannot write manual pages to `{}`", dir.display()), error)
        };
        std::fs::create_dir_all(dir).map_err(failed)?;
        clap_mangen::generate_to(command(), dir).map_err(failed)?;
        return Ok(Outcome::Done);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command()).render(&mut page).map_err(Failure::output)?;
    screen.print(&String::from_utf8_lossy(&page))?;
    Ok(Outcome::Done)
}
