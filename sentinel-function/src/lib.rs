#![doc = include_str!("../README.md")]

#[cfg(feature = "diagnostics")]
pub mod diagnostics;
#[cfg(feature = "lambda")]
pub mod lambda;
mod variables;

pub use variables::{ConfigError, Reader};
