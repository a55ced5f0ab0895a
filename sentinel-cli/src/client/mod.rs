//! The client of a TVM: signs requests with the caller's own AWS credentials, sends
//! them, and shows the responses. The TVM makes all decisions.

pub(crate) mod ambient;
mod cache;
pub(crate) mod credentials;
mod deny_policy;
mod direct;
mod missing;
pub(crate) mod profiles;
pub(crate) mod sessions;
mod tvm;
pub(crate) mod whoami;

use clap::Args;

use crate::Failure;
use crate::http::Endpoint;
pub(crate) use ambient::Ambient;
pub(crate) use tvm::Tvm;

/// The TVM, and the AWS credentials that sign requests to it.
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
