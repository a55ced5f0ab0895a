//! The crate through its public interface: one binary, a module for each matter.
#![expect(clippy::disallowed_methods, reason = "the crate does no I/O; its tests do")]

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod language;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod patterns;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod purity;
