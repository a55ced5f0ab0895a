//! The public interface of the crate, against the local system and against servers that are not a
//! TVM.

#[cfg(test)]
mod errors;
#[cfg(test)]
mod provider;
#[cfg(test)]
mod routes;
