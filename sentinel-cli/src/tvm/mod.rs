//! The TVM that commands send requests to: over HTTP, or in this process over the session table.

mod direct;
mod list;
mod next_step;
mod open_request;
mod reloading;

use clap::Args;
use sentinel_client::{Client, Endpoint};

use crate::arguments::shell_word;
use crate::aws::{self, Ambient};
use crate::output::Failure;
pub(crate) use direct::Direct;
pub(crate) use list::read_list;
pub(crate) use next_step::{Lookups, explained, explained_conflict, missing};
pub(crate) use open_request::open_request;
use reloading::Reloading;

/// The variable with the URL of the TVM.
const TVM_URL: &str = "SENTINEL_TVM_URL";

/// The TVM, and the AWS credentials that sign requests to it.
#[derive(Debug, Args)]
pub(crate) struct Connection {
    /// URL of the TVM; http is allowed for this machine only
    #[arg(long, env = TVM_URL, value_name = "URL", help_heading = "Connection")]
    tvm: Option<Endpoint>,
    /// Profile of the AWS configuration that signs the request (default: the usual
    /// AWS credentials)
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    pub(crate) aws_profile: Option<String>,
}

impl Connection {
    /// Finds the caller's credentials and prepares the connection.
    pub(crate) async fn open(&self) -> Result<Tvm, Failure> {
        let endpoint = self.endpoint()?;
        let Ambient { credentials, region } =
            Ambient::load(self.aws_profile.as_deref(), &endpoint).await?;
        let access_key_id = credentials.access_key_id().to_owned();
        let client = Client::new(endpoint.with_region(region), credentials);
        Ok(Tvm { client, access_key_id })
    }

    /// Prepares the connection of a command that runs for a long time. Each request is signed with the
    /// caller's credentials at that time, which need not exist yet.
    pub(crate) async fn open_reloading(&self) -> Result<Client, Failure> {
        let endpoint = self.endpoint()?;
        aws::refuse_own_profile(self.aws_profile.as_deref()).await?;
        let region = aws::region(self.aws_profile.as_deref(), &endpoint).await;
        let signer = Reloading::new(self.aws_profile.clone(), region.clone());
        Ok(Client::new(endpoint.with_region(region), signer))
    }

    fn endpoint(&self) -> Result<Endpoint, Failure> {
        self.tvm.clone().ok_or_else(|| {
            Failure::Usage(
                "no TVM is configured: set SENTINEL_TVM_URL to the URL that your administrator or \
                 `sentinel dev` names, or pass `--tvm URL`"
                    .to_owned(),
            )
        })
    }

    /// The options that another command needs to send its request to the same TVM as the same caller,
    /// each after a space. The environment is the same.
    pub(crate) fn repeated(&self) -> String {
        let profile = self.aws_profile.as_deref();
        let profile = profile.map(|name| format!(" --aws-profile {}", shell_word(name)));
        let tvm = self.tvm.as_ref().filter(|_| std::env::var_os(TVM_URL).is_none());
        let tvm = tvm.map(|endpoint| format!(" --tvm {}", shell_word(&endpoint.to_string())));
        [profile, tvm].into_iter().flatten().collect()
    }
}

/// A TVM and its caller.
#[derive(Debug)]
pub(crate) struct Tvm {
    pub(crate) client: Client,
    /// The access key id that signs.
    pub(crate) access_key_id: String,
}
