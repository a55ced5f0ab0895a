//! The `sentinel` command. The library in this package implements it.

use std::process::ExitCode;

fn main() -> ExitCode {
    sentinel_cli::main(std::env::args_os())
}
