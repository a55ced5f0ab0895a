//! The AWS account that administrators work on: credentials, region and clients.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use clap::Args;
use sentinel_store::AccountId;

use super::{Caller, ambient, because_aws, deployment, http};
use crate::output::{Failure, Screen};

/// A person waits for these responses, and no request depends on them, so the
/// timeouts are longer than in the functions.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(40);
const ATTEMPTS: u32 = 5;

/// The AWS credentials to use, and the region.
#[derive(Debug, Args)]
pub(crate) struct AwsOptions {
    /// Profile of the AWS configuration to use (default: the usual AWS credentials)
    #[arg(long, value_name = "NAME", help_heading = "AWS")]
    aws_profile: Option<String>,
    /// AWS region (default: AWS_REGION, AWS_DEFAULT_REGION or the profile's region)
    #[arg(long, help_heading = "AWS", value_parser = deployment::parse_region)]
    pub(crate) region: Option<String>,
}

impl AwsOptions {
    /// The given profile and region, or the ambient ones if they are `None`.
    pub(crate) const fn new(aws_profile: Option<String>, region: Option<String>) -> Self {
        Self { aws_profile, region }
    }

    /// The configuration of AWS clients. Credentials, endpoints and all other
    /// settings are found as the AWS SDKs find them, except that the metadata
    /// service is never used.
    pub(crate) async fn open(&self) -> Result<SdkConfig, Failure> {
        let profile = self.aws_profile.as_deref();
        ambient::refuse_own_profile(profile).await?;
        let region = match &self.region {
            Some(region) => region.clone(),
            None => self.configured_region().await?,
        };
        let credentials = ambient::credentials(profile, &region).await?;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(region))
            .credentials_provider(credentials)
            .http_client(http::client())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                    .operation_timeout(OPERATION_TIMEOUT)
                    .build(),
            )
            // Responses are small: timeouts handle a slow one.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(name) = profile {
            loader = loader.profile_name(name);
        }
        Ok(loader.load().await)
    }

    /// The region that is given or configured.
    pub(crate) async fn configured_region(&self) -> Result<String, Failure> {
        if let Some(region) = &self.region {
            return Ok(region.clone());
        }
        ambient::configured_region(self.aws_profile.as_deref()).await.ok_or_else(|| {
            Failure::Usage("no region is configured: set AWS_REGION or pass `--region`".to_owned())
        })
    }
}

/// The caller and the region, which are shown: a person notices if they are not those of the account that
/// is meant.
pub(crate) async fn shown_caller(
    config: &SdkConfig,
    screen: &Screen,
) -> Result<(Caller, String), Failure> {
    let caller = caller(config).await?;
    let region = config.region().map(ToString::to_string).unwrap_or_default();
    screen.note(&format!("account {}, region {region}, as {}", caller.account, caller.arn));
    Ok((caller, region))
}

/// Requests the caller's identity from AWS. The request needs no permission.
pub(crate) async fn caller(config: &SdkConfig) -> Result<Caller, Failure> {
    let response = aws_sdk_sts::Client::new(config).get_caller_identity().send().await;
    let identity = response.map_err(|error| {
        because_aws("cannot read the caller identity from AWS", "sts:GetCallerIdentity", error)
    })?;
    let account = identity.account().and_then(|text| AccountId::parse(text).ok());
    match (account, identity.arn()) {
        (Some(account), Some(arn)) => Ok(Caller { account, arn: arn.to_owned() }),
        _ => Err(Failure::other("the response has no caller identity: check the endpoint")),
    }
}
