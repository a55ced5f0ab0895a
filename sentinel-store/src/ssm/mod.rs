//! Policy documents in SSM parameters.

mod cursor;
mod policies;
mod writer;

pub use policies::SsmPolicies;
