//! AWS, as the command uses it: the caller's own credentials, clients, the deployed resources, and
//! what to do if AWS refuses.

#[cfg(feature = "aws")]
mod ambient;
mod caller;
#[cfg(feature = "aws")]
mod calls;
#[cfg(feature = "aws")]
mod deployment;
#[cfg(feature = "aws")]
mod http;
#[cfg(feature = "aws")]
mod missing;
#[cfg(feature = "aws")]
mod options;
#[cfg(feature = "aws")]
mod refused;
#[cfg(feature = "aws")]
mod reloaded;
#[cfg(feature = "aws")]
mod xml;

#[cfg(feature = "aws")]
pub(crate) use ambient::{
    Ambient, configured_region, refuse_own_profile, signing_profiles, signing_region,
};
pub(crate) use caller::Caller;
#[cfg(feature = "aws")]
pub(crate) use calls::{CallError, Calls, Service, dns_suffix, encoded};
#[cfg(feature = "aws")]
pub(crate) use deployment::{Parts, Policies, parse_region, partition_of};
#[cfg(feature = "aws")]
pub(crate) use options::{AwsOptions, caller, shown_caller};
#[cfg(feature = "aws")]
pub(crate) use refused::{because_aws, because_store};
#[cfg(feature = "aws")]
pub(crate) use reloaded::Reloaded;
#[cfg(feature = "aws")]
pub(crate) use xml::Element;
