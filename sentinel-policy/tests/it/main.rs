//! Tests of the public interface of the crate: one binary, with a module for each
//! topic.
#![expect(clippy::disallowed_methods, reason = "the crate does no I/O; its tests do")]

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod allocations;
#[cfg(test)]
mod approvals;
#[cfg(test)]
mod approvers;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod compared;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod devices;
#[cfg(test)]
mod explanations;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod governing;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod language;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod members;
#[cfg(test)]
mod miette;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod obtaining;
#[cfg(test)]
mod patterns;
#[cfg(test)]
mod profile_patterns;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod purity;
#[cfg(test)]
mod strategies;
#[cfg(test)]
mod valid_until;
#[cfg(test)]
mod warnings;
#[cfg(test)]
mod windows;
