//! A service that calls AWS with credentials from Sentinel, which refresh themselves.
//!
//! The TVM is `SENTINEL_TVM_URL`. The requests to it are signed with the service's own AWS
//! credentials: from its role on ECS, EC2 or Lambda, or from the environment.
//!
//! ```sh
//! export SENTINEL_TVM_URL=https://tvm.example.com/prod
//! cargo run -p sentinel-client --example refreshing-credentials -- production
//! ```

use std::error::Error;

use aws_config::identity::IdentityCache;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use sentinel_client::{Client, Endpoint};

/// The configuration of the AWS clients, with the credentials of a profile.
fn with_profile(own: SdkConfig, url: &str, profile: &str) -> Result<SdkConfig, Box<dyn Error>> {
    let signer = own.credentials_provider().ok_or("no AWS credentials to sign with")?;
    let region = own.region().ok_or("no region")?.to_string();
    let tvm = Client::new(url.parse::<Endpoint>()?.with_region(region), signer);
    let credentials = SharedCredentialsProvider::new(tvm.credentials(profile.parse()?));
    // They cache and refresh themselves. The cache of the SDK would delay a refresh.
    let no_cache = IdentityCache::no_cache();
    Ok(own.into_builder().credentials_provider(credentials).identity_cache(no_cache).build())
}

/// A call to AWS: the owner of the credentials.
async fn owner(config: &SdkConfig) -> Result<String, Box<dyn Error>> {
    let identity = aws_sdk_sts::Client::new(config).get_caller_identity().send().await?;
    Ok(identity.arn().unwrap_or_default().to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let profile = std::env::args().nth(1).ok_or("usage: refreshing-credentials PROFILE")?;
    let url = std::env::var("SENTINEL_TVM_URL")?;
    // With the default features of aws-config, `aws_config::load_defaults` is enough.
    let tls = Provider::Rustls(CryptoMode::Ring);
    let http = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
    let own = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    let config = with_profile(own, &url, &profile)?;
    #[expect(clippy::print_stdout, reason = "the result of the program")]
    {
        println!("{}", owner(&config).await?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws_config::Region;
    use sentinel_dev::LocalSentinel;

    use super::*;

    #[tokio::test]
    async fn an_aws_client_has_the_credentials_of_the_profile() {
        let sentinel = LocalSentinel::builder().start().unwrap();
        let alice = sentinel.credentials("alice").unwrap();
        let own = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(alice))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(format!("{}/sts", sentinel.url()))
            .build();
        let config = with_profile(own, &sentinel.url(), "production").unwrap();
        let arn = owner(&config).await.unwrap();
        assert!(
            arn.contains(":assumed-role/SentinelProtected-production/sentinel-alice-"),
            "{arn}"
        );
    }
}
