//! The broker through its public API.

#[cfg(test)]
mod documents;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod lifetimes;
#[cfg(test)]
mod operators;
#[cfg(test)]
mod profiles;
#[cfg(test)]
mod races;
#[cfg(test)]
mod roles;
#[cfg(test)]
mod vends;
#[cfg(test)]
mod withheld;
#[cfg(test)]
mod world;
