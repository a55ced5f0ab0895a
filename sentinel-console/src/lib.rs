#![doc = include_str!("../README.md")]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod access;
mod actions;
mod console;
mod failure;
mod feed;
mod files;
mod guard;
mod lists;
mod person;
mod policies;
mod response;
mod serve;
mod shown;

pub use access::{LinkUse, NoRandomness};
pub use console::Console;
pub use feed::Feed;
pub use person::Person;
pub use policies::{PolicyFile, PolicyFiles, PolicyProblem};
pub use response::{Body, Response};
pub use serve::serve;
