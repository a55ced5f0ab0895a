//! The broker through its public API.

mod lifetimes;
mod operators;
mod profiles;
mod vends;
mod world;
