//! `--issuer sts`: real credentials from AWS, by the ambient AWS credentials.

use std::sync::Arc;

#[cfg(feature = "aws")]
use clap::{Args, ValueEnum};
use sentinel_broker::Issuer;
#[cfg(feature = "aws")]
use sentinel_tvm::StsIssuer;

#[cfg(feature = "aws")]
use crate::Failure;
#[cfg(feature = "aws")]
use crate::account::{self, AwsOptions};
use crate::caller::Caller;

/// An issuer of real credentials, and the principal that it acts as.
#[derive(Debug)]
pub(super) struct Real {
    pub(super) issuer: Arc<dyn Issuer>,
    pub(super) caller: Caller,
}

/// The issuer of credentials.
#[cfg(feature = "aws")]
#[derive(Debug, Args)]
pub(super) struct IssuerOptions {
    /// Issuer of credentials
    #[arg(long, value_enum, default_value_t)]
    issuer: Kind,
    #[command(flatten)]
    aws: AwsOptions,
}

/// An issuer of credentials.
#[cfg(feature = "aws")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// This process: valid only for its own /sts
    #[default]
    Local,
    /// AWS STS: credentials of real roles, requested with your AWS credentials
    Sts,
}

#[cfg(feature = "aws")]
impl IssuerOptions {
    /// The issuer, if it is not this process.
    pub(super) async fn open(&self) -> Result<Option<Real>, Failure> {
        match self.issuer {
            Kind::Local => Ok(None),
            Kind::Sts => {
                let config = self.aws.open().await?;
                let caller = account::caller(&config).await?;
                Ok(Some(Real { issuer: Arc::new(StsIssuer::new(&config)), caller }))
            }
        }
    }
}
