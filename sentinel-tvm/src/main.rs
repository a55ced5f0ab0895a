//! The token vending machine as a Lambda function.

use std::process::ExitCode;

fn main() -> ExitCode {
    sentinel_tvm::lambda::run()
}
