#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod authorizer;
mod config;
mod event;
#[cfg(feature = "lambda")]
pub mod lambda;
mod response;

pub use authorizer::{Authorizer, Invocation, Unauthorized};
pub use config::Config;
pub use response::ResponseFormat;
pub use sentinel_function::{ConfigError, ConfigWarning};
