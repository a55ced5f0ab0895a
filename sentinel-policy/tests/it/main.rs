//! The crate through its public interface: one binary, a module for each matter.

mod agreement;
mod cases;
mod generated;
mod patterns;
