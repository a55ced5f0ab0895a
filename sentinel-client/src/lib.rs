#![doc = include_str!("../README.md")]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

#[cfg(feature = "file-cache")]
pub mod cache;
mod client;
mod endpoint;
mod error;
pub mod http;
mod lists;
mod message;
mod provider;
mod transport;
mod vend;

pub use client::Client;
pub use endpoint::{Endpoint, EndpointError};
pub use error::{ClientError, ErrorResponse};
pub use lists::{
    GrantFilter, GrantPages, RequestFilter, RequestPages, SessionFilter, SessionPages,
};
pub use message::{HttpRequest, HttpResponse};
pub use provider::ProfileCredentials;
pub use transport::{SignedHttp, Transport};
pub use vend::{VendRequest, VendedCredentials};

/// The types of requests and responses.
#[doc(no_inline)]
pub use sentinel_wire as wire;
