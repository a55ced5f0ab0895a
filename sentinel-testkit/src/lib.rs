#![doc = include_str!("../README.md")]

pub mod emulator;
pub mod proxy;
pub mod runtime_api;
pub mod sts;
