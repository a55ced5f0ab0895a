//! The crate through its public API.
#![expect(
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test that panics has failed, and reports where"
)]

mod conformance;
mod counts;
mod crash;
mod errors;
mod fixtures;
mod folder;
mod gates;
mod golden;
#[path = "../golden/mod.rs"]
mod golden_records;
mod ids;
mod interleavings;
mod pages;
mod people;
mod records;
mod redb;
mod suite;
mod verify;
mod wrappers;
