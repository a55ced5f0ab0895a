//! The syntax of the command line. Other modules implement the commands.

use std::sync::LazyLock;

use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand};

#[cfg(feature = "aws")]
use crate::client::{self, credentials, sessions};
use crate::screen::{Color, Format, Screen};
use crate::{Failure, Outcome};
#[cfg(feature = "aws")]
use crate::{bootstrap, iam};
use crate::{demo, dev, manual, policy};

static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!("{} (zone data {})", env!("CARGO_PKG_VERSION"), chrono_tz::IANA_TZDB_VERSION)
});

const EXAMPLES: &str = "\
Examples:
  sentinel demo                                   show a complete run on this machine
  sentinel dev                                    run the system on this machine
  sentinel policy check policies/*.yaml           check policies
  sentinel credentials --profile production       get credentials from a TVM

Exit status: 0 success, 1 negative result, 2 usage error, 3 failure.";

/// Decide who gets which AWS credentials, when and from where, and vend them.
#[derive(Debug, Parser)]
#[command(name = "sentinel", version = VERSION.as_str(), after_help = EXAMPLES)]
#[command(propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Format of results
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Global options")]
    pub(crate) format: Format,
    /// Use of color
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Global options")]
    pub(crate) color: Color,
    /// Write more details to stderr
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dev(dev::Arguments),
    Demo(demo::Arguments),
    #[cfg(feature = "aws")]
    Credentials(credentials::Arguments),
    #[cfg(feature = "aws")]
    Whoami(client::whoami::Arguments),
    #[cfg(feature = "aws")]
    Profiles(client::profiles::Arguments),
    #[cfg(feature = "aws")]
    Sessions(sessions::Arguments),
    Policy(policy::Arguments),
    #[cfg(feature = "aws")]
    Iam(iam::Arguments),
    #[cfg(feature = "aws")]
    Bootstrap(bootstrap::Arguments),
    Completions(manual::Completions),
    Man(manual::Man),
}

/// The command, for completions and manual pages.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

impl Cli {
    pub(crate) fn run(self, screen: &Screen) -> Result<Outcome, Failure> {
        let takes_sarif =
            matches!(&self.command, Command::Policy(arguments) if arguments.takes(Format::Sarif));
        if screen.format == Format::Sarif && !takes_sarif {
            return Err(Failure::Usage(
                "`--format sarif` is for `sentinel policy check` only".to_owned(),
            ));
        }
        match self.command {
            Command::Dev(arguments) => dev::run(&arguments, screen),
            Command::Demo(arguments) => demo::run(&arguments, screen),
            Command::Policy(arguments) => policy::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Bootstrap(arguments) => bootstrap::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Iam(arguments) => iam::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Credentials(arguments) => credentials::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Whoami(arguments) => client::whoami::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Profiles(arguments) => client::profiles::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Sessions(arguments) => sessions::run(&arguments, screen),
            Command::Completions(arguments) => manual::completions(&arguments, screen),
            Command::Man(arguments) => manual::man(&arguments, screen),
        }
    }
}
