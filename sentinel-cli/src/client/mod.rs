//! The client of a TVM: signs requests with the caller's own AWS credentials, sends
//! them, and shows the responses. The TVM makes all decisions.

#[cfg(feature = "aws")]
pub(crate) mod ambient;
#[cfg(feature = "aws")]
mod cache;
#[cfg(feature = "aws")]
pub(crate) mod credentials;
#[cfg(feature = "aws")]
mod deny_policy;
#[cfg(feature = "aws")]
mod direct;
mod endpoint;
pub(crate) mod http;
#[cfg(feature = "aws")]
mod missing;
#[cfg(feature = "aws")]
pub(crate) mod profiles;
mod refused;
#[cfg(feature = "aws")]
pub(crate) mod sessions;
#[cfg(feature = "aws")]
mod tvm;
#[cfg(feature = "aws")]
pub(crate) mod whoami;

#[cfg(feature = "aws")]
use clap::Args;

use crate::Failure;
#[cfg(feature = "aws")]
pub(crate) use ambient::Ambient;
pub(crate) use endpoint::Endpoint;
pub use refused::Refused;
#[cfg(feature = "aws")]
pub(crate) use tvm::Tvm;

/// The TVM, and the AWS credentials that sign requests to it.
#[cfg(feature = "aws")]
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// URL of the TVM; http is allowed for this machine only
    #[arg(long, env = "SENTINEL_TVM_URL", value_name = "URL", help_heading = "Connection")]
    tvm: Option<Endpoint>,
    /// Profile of the AWS configuration that signs the request (default: the usual
    /// AWS credentials)
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    aws_profile: Option<String>,
}

#[cfg(feature = "aws")]
impl Connection {
    /// Finds the caller's credentials and prepares the connection.
    pub(crate) async fn open(&self) -> Result<Tvm, Failure> {
        let Some(endpoint) = self.tvm.clone() else {
            return Err(Failure::Usage(
                "no TVM is configured: set SENTINEL_TVM_URL or pass `--tvm URL`".to_owned(),
            ));
        };
        let ambient = Ambient::load(self.aws_profile.as_deref(), &endpoint).await?;
        Ok(Tvm::new(endpoint, ambient))
    }
}

/// Runs the future of a client command to completion.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("cannot start", error))?
        .block_on(work)
}
