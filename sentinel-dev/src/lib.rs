#![doc = include_str!("../README.md")]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod builder;
mod callers;
mod data;
mod downstream;
mod error;
mod event;
mod gateway;
mod identities;
mod log_limit;
mod mount;
mod notify;
mod policies;
mod policy_files;
mod response;
mod running;
mod seats;
mod server;
mod sts;
mod system;
mod timeout;

pub use builder::Builder;
pub use error::StartError;
pub use identities::Identity;
pub use mount::Mount;
pub use policy_files::{PolicyFile, PolicyFolder};
pub use running::{LocalSentinel, Server};
pub use seats::{Seat, Seats, Working};
