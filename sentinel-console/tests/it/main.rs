//! The public interface of the crate.

#[cfg(test)]
mod handler;
