#![doc = include_str!("../README.md")]

#[cfg(feature = "diagnostics")]
pub mod diagnostics;
#[cfg(feature = "lambda")]
pub mod lambda;
mod unread;
mod variables;

pub use unread::{Function, unread};
pub use variables::{ConfigError, ConfigWarning, Reader};
