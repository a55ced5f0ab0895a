//! The public interface of the crate.

#[cfg(test)]
mod handler;
#[cfg(test)]
mod serve;
