//! The TVM that commands send requests to: over HTTP, or in this process over the session table.

mod direct;
mod list;

use clap::Args;
use sentinel_client::{Client, Endpoint};

use crate::aws::Ambient;
use crate::output::Failure;
pub(crate) use direct::Direct;
pub(crate) use list::read_list;

/// The TVM, and the AWS credentials that sign requests to it.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// URL of the TVM; http is allowed for this machine only
    #[arg(long, env = "SENTINEL_TVM_URL", value_name = "URL", help_heading = "Connection")]
    tvm: Option<Endpoint>,
    /// Profile of the AWS configuration that signs the request (default: the usual
    /// AWS credentials)
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    pub(crate) aws_profile: Option<String>,
}

impl Connection {
    /// Finds the caller's credentials and prepares the connection.
    pub(crate) async fn open(&self) -> Result<Tvm, Failure> {
        let Some(endpoint) = self.tvm.clone() else {
            return Err(Failure::Usage(
                "no TVM is configured: set SENTINEL_TVM_URL or pass `--tvm URL`".to_owned(),
            ));
        };
        let Ambient { credentials, region } =
            Ambient::load(self.aws_profile.as_deref(), &endpoint).await?;
        let access_key_id = credentials.access_key_id().to_owned();
        let client = Client::new(endpoint.with_region(region), credentials);
        Ok(Tvm { client, access_key_id })
    }
}

/// A TVM and its caller.
#[derive(Debug)]
pub(crate) struct Tvm {
    pub(crate) client: Client,
    /// The access key id that signs.
    pub(crate) access_key_id: String,
}
