//! The public interface of the crate: the JSON of each type.

#[cfg(test)]
mod json;
