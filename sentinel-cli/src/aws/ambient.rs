//! The caller's own AWS credentials, from the sources that the AWS SDKs use:
//! environment, shared configuration (including SSO, roles and
//! `credential_process`), web identity, container. The instance metadata service is
//! never used, neither for credentials nor for a region: on a laptop its address
//! does not exist, and the request would only time out.

use std::path::Path;

use aws_config::Region;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_types::os_shim_internal::{Env, Fs};
use sentinel_client::Endpoint;

use super::{http, missing};
use crate::output::Failure;

/// The credentials that sign, and the region to sign for.
pub(crate) struct Ambient {
    pub(crate) credentials: Credentials,
    pub(crate) region: String,
}

impl std::fmt::Debug for Ambient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ambient").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Ambient {
    /// Finds the credentials and the region. `profile` names a profile of the AWS
    /// configuration and overrides the environment.
    pub(crate) async fn load(profile: Option<&str>, endpoint: &Endpoint) -> Result<Self, Failure> {
        refuse_own_profile(profile).await?;
        let region = region(profile, endpoint).await;
        let credentials = credentials(profile, &region).await?;
        Ok(Self { credentials, region })
    }
}

/// The ambient credentials, or the credentials of the named profile.
pub(crate) async fn credentials(
    profile: Option<&str>,
    region: &str,
) -> Result<Credentials, Failure> {
    if profile.is_none() {
        missing::refuse_partial_key()?;
    }
    // SSO and roles request credentials from AWS, in the region of the profile.
    let config = ProviderConfig::without_region()
        .with_http_client(http::client())
        .with_region(Some(Region::new(region.to_owned())));
    let mut from_profile = ProfileFileCredentialsProvider::builder().configure(&config);
    let found = match profile {
        Some(name) => {
            from_profile = from_profile.profile_name(name);
            from_profile.build().provide_credentials().await
        }
        None => {
            CredentialsProviderChain::first_try(
                "Environment",
                EnvironmentVariableCredentialsProvider::new(),
            )
            .or_else("Profile", from_profile.build())
            .or_else(
                "WebIdentityToken",
                WebIdentityTokenCredentialsProvider::builder().configure(&config).build(),
            )
            .or_else("Container", EcsCredentialsProvider::builder().configure(&config).build())
            .provide_credentials()
            .await
        }
    };
    match found {
        Ok(credentials) => Ok(credentials),
        Err(error) => Err(missing::cause(profile, error).await),
    }
}

/// The region to sign for: from the host, else from the environment, else from the
/// profile, else `us-east-1`.
pub(crate) async fn region(profile: Option<&str>, endpoint: &Endpoint) -> String {
    if let Some(region) = endpoint.region() {
        return region.to_owned();
    }
    configured_region(profile).await.unwrap_or_else(|| "us-east-1".to_owned())
}

/// The region of the environment, else of the profile.
pub(crate) async fn configured_region(profile: Option<&str>) -> Option<String> {
    if let Some(region) = EnvironmentVariableRegionProvider::new().region().await {
        return Some(region.as_ref().to_owned());
    }
    let mut from_profile = ProfileFileRegionProvider::builder();
    if let Some(name) = profile {
        from_profile = from_profile.profile_name(name);
    }
    from_profile.build().region().await.map(|region| region.as_ref().to_owned())
}

/// Refuses a profile whose `credential_process` is this command. It would run
/// itself without end, since the process inherits AWS_PROFILE.
pub(crate) async fn refuse_own_profile(profile: Option<&str>) -> Result<(), Failure> {
    let from_environment = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if profile.is_none()
        && from_environment("AWS_ACCESS_KEY_ID")
        && from_environment("AWS_SECRET_ACCESS_KEY")
    {
        return Ok(());
    }
    let selected = profile.map(|name| name.to_owned().into());
    // The provider that reads the files next reports read errors.
    let Ok(profiles) =
        aws_config::profile::load(&Fs::real(), &Env::real(), &Default::default(), selected).await
    else {
        return Ok(());
    };
    match own_profile(&profiles) {
        None => Ok(()),
        Some(name) => Err(Failure::other(format!(
            "the AWS profile `{name}` gets its credentials from `sentinel credentials`, which \
             would call itself forever: add `--aws-profile NAME` there, with the profile of your \
             own credentials"
        ))),
    }
}

/// The name of the selected profile, or of a profile that it takes its credentials
/// from, if its process is `sentinel credentials` without `--aws-profile`.
fn own_profile(profiles: &ProfileSet) -> Option<String> {
    let mut name = profiles.selected_profile().to_owned();
    // Chains are short. The provider reports a cycle.
    for _ in 0..16 {
        let profile = profiles.get_profile(&name)?;
        if profile.get("credential_process").is_some_and(runs_itself) {
            return Some(name);
        }
        name = profile.get("source_profile")?.to_owned();
    }
    None
}

fn runs_itself(command: &str) -> bool {
    let mut words = command.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
    let program = words.next().map(Path::new).and_then(Path::file_stem);
    let words: Vec<&str> = words.collect();
    program.is_some_and(|name| name == "sentinel")
        && words.contains(&"credentials")
        && !words.iter().any(|word| word.starts_with("--aws-profile"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_that_would_run_itself_is_refused() {
        assert!(runs_itself("sentinel credentials --profile production"));
        assert!(runs_itself("\"/opt/bin/sentinel\" credentials --profile production"));
        assert!(!runs_itself("sentinel credentials --profile production --aws-profile me"));
        assert!(!runs_itself("sentinel credentials --profile production --aws-profile=me"));
        assert!(!runs_itself("/opt/bin/other credentials"));
    }
}
