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
use aws_config::profile::{
    Profile, ProfileFileCredentialsProvider, ProfileFileLoadError, ProfileFileRegionProvider,
    ProfileSet,
};
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
        let region = signing_region(profile, endpoint).await;
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
pub(crate) async fn signing_region(profile: Option<&str>, endpoint: &Endpoint) -> String {
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
    if profile.is_none() && has_key_in_environment() {
        return Ok(());
    }
    // The provider that reads the files next reports read errors.
    let Ok(profiles) = load_profiles(profile).await else { return Ok(()) };
    let selected = profiles.selected_profile();
    match sources(&profiles, selected).find(|profile| process(profile).is_some_and(runs_itself)) {
        None => Ok(()),
        Some(own) => Err(Failure::other(format!(
            "the AWS profile `{}` gets its credentials from `sentinel credentials`, which \
             would call itself forever: add `--aws-profile NAME` there, with the profile of your \
             own credentials",
            own.name()
        ))),
    }
}

/// The AWS profile whose credentials sign requests, and those that it takes its credentials from,
/// beginning with itself. Empty if the credentials are not from a profile. `profile` names a profile
/// of the AWS configuration and overrides the environment.
pub(crate) async fn signing_profiles(profile: Option<&str>) -> Result<Vec<String>, Failure> {
    if profile.is_none() && has_key_in_environment() {
        return Ok(Vec::new());
    }
    let profiles = load_profiles(profile)
        .await
        .map_err(|error| Failure::because("cannot read the AWS profiles", error))?;
    let selected = profiles.selected_profile();
    match profiles.get_profile(selected) {
        None if selected == "default" => return Ok(Vec::new()),
        None => return Err(missing::unknown_profile(selected, &profiles)),
        Some(found) if selected == "default" && !missing::has_credentials(found) => {
            return Ok(Vec::new());
        }
        Some(_) => {}
    }
    let sources: Vec<_> = sources(&profiles, selected).collect();
    if let Some(own) = sources.iter().find(|profile| process(profile).is_some_and(vends)) {
        return Err(Failure::other(format!(
            "the AWS profile `{}` gets its credentials from `sentinel credentials`, and vended \
             credentials cannot request others: name the profile of your own credentials with \
             `--aws-profile NAME`",
            own.name()
        )));
    }
    Ok(sources.iter().map(|profile| profile.name().to_owned()).collect())
}

fn has_key_in_environment() -> bool {
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
        .iter()
        .all(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

async fn load_profiles(selected: Option<&str>) -> Result<ProfileSet, ProfileFileLoadError> {
    let selected = selected.map(|name| name.to_owned().into());
    aws_config::profile::load(&Fs::real(), &Env::real(), &Default::default(), selected).await
}

/// A profile, and the profiles that it takes its credentials from.
fn sources<'p>(profiles: &'p ProfileSet, name: &str) -> impl Iterator<Item = &'p Profile> {
    let source = |profile: &&'p Profile| profiles.get_profile(profile.get("source_profile")?);
    // Chains are short. The provider reports a cycle.
    std::iter::successors(profiles.get_profile(name), source).take(16)
}

fn process(profile: &Profile) -> Option<&str> {
    profile.get("credential_process")
}

/// Whether a process is `sentinel credentials` with the profile of the program that runs it.
fn runs_itself(command: &str) -> bool {
    vends(command) && !words(command).any(|word| word.starts_with("--aws-profile"))
}

/// Whether a process is `sentinel credentials`.
fn vends(command: &str) -> bool {
    // The path of the program can contain spaces, in quotation marks.
    let (program, arguments) = match command.strip_prefix('"').and_then(|rest| rest.split_once('"'))
    {
        Some(parts) => parts,
        None => command.split_once(char::is_whitespace).unwrap_or((command, "")),
    };
    let stem = Path::new(program.trim_matches('\'')).file_stem();
    stem.is_some_and(|name| name == "sentinel")
        && words(arguments).any(|word| word == "credentials")
}

fn words(command: &str) -> impl Iterator<Item = &str> {
    command.split_whitespace().map(|word| word.trim_matches(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_that_would_run_itself_is_refused() {
        assert!(runs_itself("sentinel credentials --profile production"));
        assert!(runs_itself("\"/opt/bin/sentinel\" credentials --profile production"));
        assert!(runs_itself("\"/opt/my tools/sentinel\" credentials --profile production"));
        assert!(!runs_itself("sentinel credentials --profile production --aws-profile me"));
        assert!(!runs_itself("sentinel credentials --profile production --aws-profile=me"));
        assert!(!runs_itself("/opt/bin/other credentials"));
    }
}
