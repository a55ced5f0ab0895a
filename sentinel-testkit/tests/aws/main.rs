//! Sentinel against AWS emulators, over HTTP.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, and says where"
)]

mod contention;
mod counting;
mod deployed;
mod functions;
mod issuer;
mod permissions;
mod roles;
mod signed;
mod stand_in;
