#![doc = include_str!("../README.md")]

mod answer;
mod authorizer;
mod event;

pub use answer::ResponseFormat;
pub use authorizer::{Authorizer, Context, Unauthorized};
