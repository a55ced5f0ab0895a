//! Sentinel against AWS emulators, over HTTP.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, and says where"
)]

mod fixed;
mod issuer;
mod programs;
mod proxy;
mod roles;
mod signed;
mod stand_in;
mod vending;
