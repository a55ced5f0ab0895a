//! `sentinel completions`: prints a completion script, generated from the definition of the command.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::output::{Failure, Outcome, Screen};

/// Print a completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel completions bash > ~/.local/share/bash-completion/completions/sentinel
  sentinel completions zsh  > ~/.zfunc/_sentinel
  sentinel completions fish > ~/.config/fish/completions/sentinel.fish")]
pub(crate) struct Arguments {
    /// Shell of the script
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(
    arguments: &Arguments,
    mut command: Command,
    screen: &Screen,
) -> Result<Outcome, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "sentinel", &mut script);
    screen.print(&String::from_utf8_lossy(&script))?;
    Ok(Outcome::Done)
}
