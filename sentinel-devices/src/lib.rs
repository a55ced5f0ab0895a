#![doc = include_str!("../README.md")]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod http;
mod response;

pub use http::HttpDevices;
pub use sentinel_client::{Endpoint, EndpointError};
