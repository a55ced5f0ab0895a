//! The authorizer as a Lambda function.

use std::process::ExitCode;

fn main() -> ExitCode {
    sentinel_authorizer::lambda::run()
}
