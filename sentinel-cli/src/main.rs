//! The `sentinel` command; everything it does is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    sentinel_cli::main(std::env::args_os())
}
