//! The syntax of the command line. Other modules implement the commands.

use std::sync::LazyLock;

use clap::{CommandFactory, Parser, Subcommand};

#[cfg(feature = "aws")]
use crate::commands::{
    approve, bootstrap, break_glass, cancel, configure, console, credentials, deny, doctor, exec,
    iam, open, profiles, request, requests, serve, sessions, whoami,
};
use crate::commands::{audit, completions, demo, dev, man, policy};
use crate::output::{Failure, Format, Global, Outcome, Screen};

static VERSION: LazyLock<String> = LazyLock::new(|| {
    format!("{} (zone data {})", env!("CARGO_PKG_VERSION"), chrono_tz::IANA_TZDB_VERSION)
});

const EXAMPLES: &str = "\
Examples:
  sentinel demo                                   show a complete run on this machine
  sentinel dev                                    run the system on this machine
  sentinel policy check policies/*.yaml           check policies
  sentinel configure --aws-profile me             write AWS profiles that use a TVM
  sentinel credentials --profile production       get credentials from a TVM
  sentinel exec --profile production -- ./job     run a program with them

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

#[derive(Debug, Subcommand)]
enum Command {
    Dev(dev::Arguments),
    Demo(demo::Arguments),
    #[cfg(feature = "aws")]
    Configure(configure::Arguments),
    #[cfg(feature = "aws")]
    Credentials(credentials::Arguments),
    #[cfg(feature = "aws")]
    Exec(exec::Arguments),
    #[cfg(feature = "aws")]
    Serve(serve::Arguments),
    #[cfg(feature = "aws")]
    Open(open::Arguments),
    #[cfg(feature = "aws")]
    Whoami(whoami::Arguments),
    #[cfg(feature = "aws")]
    Profiles(profiles::Arguments),
    #[cfg(feature = "aws")]
    Request(request::Arguments),
    #[cfg(feature = "aws")]
    Requests(requests::Arguments),
    #[cfg(feature = "aws")]
    Approve(approve::Arguments),
    #[cfg(feature = "aws")]
    Deny(deny::Arguments),
    #[cfg(feature = "aws")]
    Cancel(cancel::Arguments),
    #[cfg(feature = "aws")]
    BreakGlass(break_glass::Arguments),
    #[cfg(feature = "aws")]
    Sessions(sessions::Arguments),
    #[cfg(feature = "aws")]
    Console(console::Arguments),
    Policy(policy::Arguments),
    Audit(audit::Arguments),
    #[cfg(feature = "aws")]
    Iam(iam::Arguments),
    #[cfg(feature = "aws")]
    Bootstrap(bootstrap::Arguments),
    #[cfg(feature = "aws")]
    Doctor(doctor::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

/// The command, for completions and manual pages.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

impl Cli {
    pub(crate) fn run(self, screen: &Screen) -> Result<Outcome, Failure> {
        let supports_sarif = matches!(&self.command, Command::Policy(arguments) if arguments.supports(Format::Sarif));
        if screen.format == Format::Sarif && !supports_sarif {
            return Err(Failure::Usage(
                "`--format sarif` is for `sentinel policy check` only".to_owned(),
            ));
        }
        match self.command {
            Command::Dev(arguments) => dev::run(&arguments, screen),
            Command::Demo(arguments) => demo::run(&arguments, screen),
            Command::Policy(arguments) => policy::run(&arguments, screen),
            Command::Audit(arguments) => audit::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Bootstrap(arguments) => bootstrap::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Doctor(arguments) => doctor::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Iam(arguments) => iam::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Configure(arguments) => configure::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Credentials(arguments) => credentials::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Exec(arguments) => exec::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Serve(arguments) => serve::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Open(arguments) => open::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Whoami(arguments) => whoami::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Profiles(arguments) => profiles::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Request(arguments) => request::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Requests(arguments) => requests::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Approve(arguments) => approve::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Deny(arguments) => deny::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Cancel(arguments) => cancel::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::BreakGlass(arguments) => break_glass::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Sessions(arguments) => sessions::run(&arguments, screen),
            #[cfg(feature = "aws")]
            Command::Console(arguments) => console::run(&arguments, screen),
            Command::Completions(arguments) => completions::run(&arguments, command(), screen),
            Command::Man(arguments) => man::run(&arguments, command(), screen),
        }
    }
}
