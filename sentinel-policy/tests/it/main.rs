//! The crate through its public interface: one binary, a module for each matter.
#![expect(clippy::disallowed_methods, reason = "the crate does no I/O; its tests do")]

mod agreement;
mod cases;
mod generated;
mod patterns;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod language;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod purity;
