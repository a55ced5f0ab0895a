//! Policy documents in SSM parameters.

mod cursor;
mod policies;
mod writer;

pub use policies::SsmPolicies;

use crate::Location;

/// How messages name this store.
fn location() -> Location {
    Location::new("SSM")
}
