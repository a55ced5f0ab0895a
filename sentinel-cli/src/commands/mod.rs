//! The commands, one module for each.

#[cfg(feature = "aws")]
pub(crate) mod bootstrap;
pub(crate) mod completions;
#[cfg(feature = "aws")]
pub(crate) mod credentials;
pub(crate) mod demo;
pub(crate) mod dev;
#[cfg(feature = "aws")]
pub(crate) mod iam;
pub(crate) mod man;
pub(crate) mod policy;
#[cfg(feature = "aws")]
pub(crate) mod profiles;
#[cfg(feature = "aws")]
pub(crate) mod sessions;
#[cfg(feature = "aws")]
pub(crate) mod whoami;
