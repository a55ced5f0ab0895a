//! The Runtime API of AWS Lambda, for a function under test.
