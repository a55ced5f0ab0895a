//! The crate through its public interface: one binary, a module for each matter.

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod cases;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod patterns;
