//! `sentinel policy`: evaluates policies on this machine, without network requests;
//! and stores them in AWS ([`stored`]).

mod check;
mod decision;
mod eval;
mod explain;
mod fault;
mod replay;
mod request_options;
mod requests;
mod sarif;
mod source;
#[cfg(feature = "aws")]
mod stored;
#[cfg(feature = "aws")]
pub(crate) mod usable;
mod value;

#[cfg(feature = "aws")]
pub(crate) use source::Source;
#[cfg(feature = "aws")]
pub(crate) use stored::{Found, Place, Stores};

use clap::{Args, Subcommand};

use crate::output::{Failure, Format, Outcome, Screen};

/// Check, evaluate and store policies.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel policy check policies/*.yaml
  sentinel policy eval policies/production.yaml --user alice --profile production
  sentinel policy push policies/production.yaml --dry-run")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Arguments),
    Eval(eval::Arguments),
    Explain(explain::Arguments),
    Replay(replay::Arguments),
    #[cfg(feature = "aws")]
    #[command(flatten)]
    Stored(stored::Command),
}

impl Arguments {
    /// Whether the command supports that format.
    pub(crate) fn supports(&self, format: Format) -> bool {
        match (&self.command, format) {
            (Command::Check(_), Format::Sarif) => true,
            (Command::Eval(_) | Command::Explain(_) | Command::Replay(_), Format::Sarif) => false,
            #[cfg(feature = "aws")]
            (Command::Stored(_), Format::Sarif) => false,
            (_, Format::Human | Format::Json) => true,
        }
    }
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    match &arguments.command {
        Command::Check(arguments) => check::run(arguments, screen),
        Command::Eval(arguments) => eval::run(arguments, screen),
        Command::Explain(arguments) => explain::run(arguments, screen),
        Command::Replay(arguments) => replay::run(arguments, screen),
        #[cfg(feature = "aws")]
        Command::Stored(command) => stored::run(command, screen),
    }
}
