#![doc = include_str!("../README.md")]

mod config;
mod event;
mod parameters;
mod response;
mod route;
#[cfg(feature = "sts")]
mod sts;
mod tvm;

pub use config::{Config, ConfigError};
pub use response::Response;
#[cfg(feature = "sts")]
pub use sts::StsIssuer;
pub use tvm::{Context, Tvm};
