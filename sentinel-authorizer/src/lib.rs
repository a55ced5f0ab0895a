#![doc = include_str!("../README.md")]

mod answer;
mod authorizer;
mod config;
mod event;
#[cfg(feature = "lambda")]
pub mod lambda;

pub use answer::ResponseFormat;
pub use authorizer::{Authorizer, Context, Unauthorized};
pub use config::Config;
pub use sentinel_function::{ConfigError, ConfigWarning};
