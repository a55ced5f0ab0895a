//! The crate through its public interface: one binary, a module for each matter.

#[cfg(test)]
mod cases;
