//! `--issuer sts`: real credentials from AWS, by the ambient AWS credentials.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use sentinel_broker::{Home, Issuer};
use sentinel_tvm::StsIssuer;

use crate::aws::{self, AwsOptions, Caller};
use crate::output::Failure;

/// The issuer of credentials.
#[derive(Debug, Args)]
pub(super) struct IssuerOptions {
    /// Issuer of credentials
    #[arg(long, value_enum, default_value_t)]
    issuer: Kind,
    #[command(flatten)]
    aws: AwsOptions,
}

/// An issuer of credentials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// This process: valid only for its own /sts
    #[default]
    Local,
    /// AWS STS: credentials of real roles, requested with your AWS credentials
    Sts,
}

/// An issuer of real credentials, and the principal that it acts as.
#[derive(Debug)]
pub(super) struct RealIssuer {
    pub(super) issuer: Arc<dyn Issuer>,
    pub(super) caller: Caller,
}

impl RealIssuer {
    /// Where the TVM of this issuer is.
    pub(super) fn home(&self) -> Home {
        Home::new(self.caller.partition(), self.caller.account.clone())
    }
}

impl IssuerOptions {
    /// The issuer, if it is not this process.
    pub(super) async fn open(&self) -> Result<Option<RealIssuer>, Failure> {
        match self.issuer {
            Kind::Local => Ok(None),
            Kind::Sts => {
                let config = self.aws.open().await?;
                let caller = aws::caller(&config).await?;
                Ok(Some(RealIssuer { issuer: Arc::new(StsIssuer::new(&config)), caller }))
            }
        }
    }
}
