//! The authorizer as a Lambda function.

fn main() {}
