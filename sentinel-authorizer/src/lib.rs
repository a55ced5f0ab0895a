#![doc = include_str!("../README.md")]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod answer;
mod authorizer;
mod config;
mod event;
#[cfg(feature = "lambda")]
pub mod lambda;

pub use answer::ResponseFormat;
pub use authorizer::{Authorizer, Invocation, Unauthorized};
pub use config::Config;
pub use sentinel_function::{ConfigError, ConfigWarning};
