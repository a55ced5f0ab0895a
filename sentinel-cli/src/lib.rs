#![doc = include_str!("../README.md")]

mod client;
mod command;
mod duration;
mod manual;
mod outcome;
mod screen;
pub mod sigv4;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

pub use client::Refused;
pub use command::{Cli, command};
pub use outcome::{Failure, Outcome};

/// Runs the command with those arguments, the program's name first, and gives
/// the status to exit with.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers (0), anything else is usage (2).
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
