//! `--issuer sts`: real credentials from AWS, by the ambient AWS credentials.

use std::sync::Arc;

use clap::{Args, ValueEnum};
use sentinel_tvm::StsIssuer;

use super::system::RealIssuer;
use crate::Failure;
use crate::account::{self, AwsOptions};

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

impl IssuerOptions {
    /// The issuer, if it is not this process.
    pub(super) async fn open(&self) -> Result<Option<RealIssuer>, Failure> {
        match self.issuer {
            Kind::Local => Ok(None),
            Kind::Sts => {
                let config = self.aws.open().await?;
                let caller = account::caller(&config).await?;
                Ok(Some(RealIssuer { issuer: Arc::new(StsIssuer::new(&config)), caller }))
            }
        }
    }
}
