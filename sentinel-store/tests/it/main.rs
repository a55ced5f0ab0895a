//! The crate through its public API.

mod conformance;
mod fixtures;
