#![doc = include_str!("../README.md")]

mod config;
mod event;
mod parameters;
mod response;
mod route;
mod tvm;

pub use config::{Config, ConfigError};
pub use response::Response;
pub use tvm::{Context, Tvm};
