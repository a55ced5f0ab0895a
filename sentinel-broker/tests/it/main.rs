//! The broker through its public API.

#[cfg(test)]
mod lifetimes;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod vends;
#[cfg(test)]
mod world;
