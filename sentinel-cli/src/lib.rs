#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(feature = "aws"),
    expect(dead_code, reason = "parts of shared modules are for the commands that need AWS")
)]

#[cfg(feature = "aws")]
mod account;
#[cfg(feature = "aws")]
mod bootstrap;
mod bounded_writer;
mod caller;
#[cfg(feature = "aws")]
mod client;
mod command;
mod demo;
mod dev;
mod diagnostics;
mod http;
#[cfg(feature = "aws")]
mod iam;
mod manual;
mod outcome;
mod policy;
mod private;
mod refused;
mod runtime;
mod screen;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use sentinel_policy::parse_duration;

pub use command::{Cli, command};
pub use outcome::{Failure, Outcome};
pub use refused::Refused;

/// Reads a duration above 0, written as in policies.
fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("a duration must be above 0".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}

/// Runs the command with those arguments, of which the first is the program's name,
/// and returns the exit status.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results (exit 0). Everything else is a usage
            // error (exit 2).
            let printed = error.print();
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return ExitCode::from(if printed.is_ok() { code } else { 3 });
        }
    };
    let screen = screen::Screen::new(&cli.global);
    match cli.run(&screen) {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            screen.failure(&failure);
            failure.into()
        }
    }
}
