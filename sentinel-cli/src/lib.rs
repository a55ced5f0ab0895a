#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(feature = "aws"),
    expect(dead_code, reason = "parts of shared modules are for the commands that need AWS")
)]

mod arguments;
mod aws;
mod blocks;
mod cli;
mod commands;
#[cfg(feature = "aws")]
mod container;
mod in_order;
mod listen;
mod open_files;
mod output;
#[cfg(feature = "aws")]
mod random;
mod records;
mod runtime;
mod signals;
#[cfg(feature = "aws")]
mod tvm;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

pub use cli::{Cli, command};

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
    let screen = output::Screen::new(&cli.global);
    match cli.run(&screen) {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            screen.failure(&failure);
            failure.into()
        }
    }
}
