//! The token vending machine as a Lambda function.

fn main() {}
