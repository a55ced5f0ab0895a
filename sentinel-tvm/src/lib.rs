#![doc = include_str!("../README.md")]

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
pub use tvm::{Context, Tvm};
