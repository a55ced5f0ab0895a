//! The container credentials protocol on loopback: AWS SDKs request the credentials of a profile from
//! this process, which vends them when they are needed.
//!
//! `sentinel exec` and `sentinel serve` use it. The vending, the single flight and the refresh are those
//! of `sentinel_client::ProfileCredentials`.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>

mod endpoint;
mod request;
mod response;
mod token;
mod variables;

pub(crate) use endpoint::{Endpoint, Source};
pub(crate) use variables::{OVERRIDING, TOKEN, TOKEN_FILE, URI};
