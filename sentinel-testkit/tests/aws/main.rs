//! Sentinel against AWS emulators, over HTTP.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has failed, and says where"
)]

mod canned;
mod emulators;
mod failures;
mod policies;
mod requests;
mod sessions;
mod stores;
