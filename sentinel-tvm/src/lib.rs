#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod config;
mod event;
#[cfg(feature = "lambda")]
pub mod lambda;
mod parameters;
mod response;
mod route;
#[cfg(feature = "sts")]
mod sts;
mod tvm;

pub use config::Config;
pub use response::Response;
pub use sentinel_function::{ConfigError, ConfigWarning};
#[cfg(feature = "sts")]
pub use sts::StsIssuer;
pub use tvm::{Invocation, Tvm};
