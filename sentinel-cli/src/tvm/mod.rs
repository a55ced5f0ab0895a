//! The TVM that commands send requests to: over HTTP, or in this process over the session table.

mod direct;
mod list;
mod next_step;
mod open_request;

use std::time::Duration;

use clap::Args;
use sentinel_client::{Client, Endpoint};

use crate::aws::{self, Ambient, Reloaded};
use crate::output::{Failure, shell_word};
pub(crate) use direct::Direct;
pub(crate) use list::{OWN_ONLY, read_list};
pub(crate) use next_step::{Lookups, explained, explained_conflict, missing};
pub(crate) use open_request::open_request;

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
        let (endpoint, Ambient { credentials, region }) = self.load().await?;
        let access_key_id = credentials.access_key_id().to_owned();
        let client = Client::new(endpoint.with_region(region), credentials);
        Ok(Tvm { client, access_key_id })
    }

    /// The client of a process that runs for longer than the caller's credentials are valid: it loads
    /// them again for each request.
    pub(crate) async fn open_for_long(&self) -> Result<Client, Failure> {
        let (endpoint, ambient) = self.load().await?;
        let signer = Reloaded::new(self.aws_profile.clone(), ambient.region.clone());
        let endpoint = endpoint.with_region(ambient.region.clone());
        Ok(Client::new(endpoint, signer.with_first(ambient)))
    }

    /// The client of a process that sends a request every few seconds for hours. The caller's
    /// credentials need not exist yet.
    pub(crate) async fn open_for_polling(&self) -> Result<Client, Failure> {
        const KEPT: Duration = Duration::from_secs(60);
        let endpoint = self.endpoint()?.clone();
        aws::refuse_own_profile(self.aws_profile.as_deref()).await?;
        let region = aws::signing_region(self.aws_profile.as_deref(), &endpoint).await;
        let signer = Reloaded::new(self.aws_profile.clone(), region.clone()).kept_for(KEPT);
        Ok(Client::new(endpoint.with_region(region), signer))
    }

    async fn load(&self) -> Result<(Endpoint, Ambient), Failure> {
        let endpoint = self.endpoint()?.clone();
        let ambient = Ambient::load(self.aws_profile.as_deref(), &endpoint).await?;
        Ok((endpoint, ambient))
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

    /// The address of the TVM.
    pub(crate) fn endpoint(&self) -> Result<&Endpoint, Failure> {
        self.tvm.as_ref().ok_or_else(|| {
            Failure::Usage(
                "no TVM is configured: set SENTINEL_TVM_URL to the URL that your administrator or \
                 `sentinel dev` names, or pass `--tvm URL`"
                    .to_owned(),
            )
        })
    }
}

/// A TVM and its caller.
#[derive(Debug)]
pub(crate) struct Tvm {
    pub(crate) client: Client,
    /// The access key id that signs.
    pub(crate) access_key_id: String,
}
