#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

#[cfg(feature = "diagnostics")]
pub mod diagnostics;
#[cfg(feature = "lambda")]
pub mod lambda;
mod unread;
mod variables;

pub use unread::{Function, unread};
pub use variables::{ConfigError, ConfigWarning, Reader};
