//! Sentinel against AWS emulators, over HTTP.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has failed, and reports where"
)]

mod canned;
mod clients;
mod contention;
mod costs;
mod counting;
mod deployed;
mod direct;
mod emulators;
mod failures;
mod faults;
mod fixed;
mod functions;
mod golden;
#[path = "../../../sentinel-store/tests/golden/mod.rs"]
mod golden_records;
mod issuer;
mod organization;
mod people;
mod permissions;
mod policies;
mod programs;
mod proxy;
mod requests;
mod roles;
mod session_tags;
mod sessions;
mod stand_in;
mod stores;
mod system;
mod vending;
