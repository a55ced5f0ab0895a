//! Why there are no AWS credentials to sign with: a profile that no file contains,
//! a file that does not exist, a key without its secret, or no configuration.

use std::path::{Path, PathBuf};

use aws_config::profile::{Profile, ProfileSet};
use aws_credential_types::provider::error::CredentialsError;
use aws_types::os_shim_internal::{Env, Fs};
use sentinel_store::Causes;

use crate::arguments::is_similar;
use crate::output::{Failure, printable, shell_word};

const NONE: &str = "no AWS credentials to sign with";
const KEY: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";
/// The properties of a profile that lead to credentials.
const SOURCES: [&str; 8] = [
    KEY,
    "credential_process",
    "credential_source",
    "login_session",
    "source_profile",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];
/// The number of profiles that a message lists.
const LISTED: usize = 8;

/// Refuses an environment that has only one part of an access key. The AWS SDKs
/// skip it and use the next credentials that they find, which may be another
/// identity's.
pub(super) fn refuse_partial_key() -> Result<(), Failure> {
    let key = variable("AWS_ACCESS_KEY_ID");
    // The SDK reads this older name too.
    let secret = variable("AWS_SECRET_ACCESS_KEY").or_else(|| variable("SECRET_ACCESS_KEY"));
    let (set, missing) = match (key, secret) {
        (Some(_), None) => ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        (None, Some(_)) => ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
        (Some(_), Some(_)) | (None, None) => return Ok(()),
    };
    Err(Failure::other(format!(
        "{NONE}: `{set}` is set but `{missing}` is not: set both, or unset `{set}`"
    )))
}

/// The failure to report if the providers found no credentials.
pub(super) async fn cause(profile: Option<&str>, error: CredentialsError) -> Failure {
    let configured = profile.map(str::to_owned).or_else(|| variable("AWS_PROFILE"));
    let selected = configured.clone().map(Into::into);
    let files = Files::find();
    let profiles =
        match aws_config::profile::load(&Fs::real(), &Env::real(), &Default::default(), selected)
            .await
        {
            Ok(profiles) => profiles,
            Err(error) => {
                return Failure::because(format!("cannot read the AWS profiles of {files}"), error);
            }
        };
    let name = configured.as_deref().unwrap_or("default");
    let found = profiles.get_profile(name);
    if let Some(missing) = found.and_then(|found| partial_key(name, found)) {
        return Failure::other(format!("{NONE}: {missing}"));
    }
    if found.is_none() && configured.is_some() {
        return unknown_profile(name, &profiles);
    }
    if let Some(profile) = found
        && let Some(signed_in) = sso_profile(profile, &profiles)
        && is_sign_in(&error)
    {
        return Failure::other(format!(
            "{NONE}: the sign-in of the AWS profile `{}` has expired or is missing: run `aws sso login \
             --profile {}`",
            printable(name),
            printable(&shell_word(signed_in))
        ));
    }
    match (error, found) {
        (CredentialsError::CredentialsNotLoaded(_), Some(_)) => Failure::other(format!(
            "{NONE}: the AWS profile `{0}` of {files} has no credentials: run `aws configure \
             --profile {0}`, or select another profile with `--aws-profile NAME`",
            printable(name)
        )),
        (CredentialsError::CredentialsNotLoaded(_), None) => Failure::other(format!(
            "{NONE}: the environment has no access key, and {files} has no profile `default`{}: \
             log in (`aws sso login`), set AWS_PROFILE or AWS_ACCESS_KEY_ID, or pass \
             `--aws-profile NAME`",
            files.absent()
        )),
        (error, _) => Failure::because("cannot get AWS credentials to sign with", error),
    }
}

/// Names the part of an access key that a profile lacks.
fn partial_key(name: &str, profile: &Profile) -> Option<String> {
    let has = |key| profile.get(key).is_some_and(|value| !value.is_empty());
    let (set, missing) = match (has(KEY), has(SECRET)) {
        (true, false) => (KEY, SECRET),
        (false, true) => (SECRET, KEY),
        (true, true) | (false, false) => return None,
    };
    let name = printable(name);
    Some(format!(
        "the AWS profile `{name}` has `{set}` but not `{missing}`: set it with `aws configure set \
         {missing} VALUE --profile {name}`"
    ))
}

/// The profile with the sign-in of IAM Identity Center that a profile takes its credentials from: itself,
/// or one that it names as its source.
fn sso_profile<'p>(profile: &'p Profile, profiles: &'p ProfileSet) -> Option<&'p str> {
    let mut profile = profile;
    // Chains are short. The provider reports a cycle.
    for _ in 0..16 {
        if profile.get("sso_session").or_else(|| profile.get("sso_start_url")).is_some() {
            return Some(profile.name());
        }
        profile = profiles.get_profile(profile.get("source_profile")?)?;
    }
    None
}

/// Whether the error means that the person has to sign in: the stored token of IAM Identity Center is
/// missing, has expired, or is refused. The SDK has no type for this.
fn is_sign_in(error: &CredentialsError) -> bool {
    let text = Causes(error).to_string();
    ["SSO token", "sso/cache", "UnauthorizedException", "Session token not found or invalid"]
        .iter()
        .any(|words| text.contains(words))
}

/// The failure to report for a profile that no file contains.
pub(super) fn unknown_profile(name: &str, profiles: &ProfileSet) -> Failure {
    let name = printable(name);
    let files = Files::find();
    let mut known: Vec<&str> = profiles.profiles().collect();
    known.sort_unstable();
    let similar: Vec<&str> =
        known.iter().copied().filter(|known| is_similar(&name, known)).collect();
    let quoted = |names: &[&str]| {
        let names: Vec<String> =
            names.iter().take(LISTED).map(|name| format!("`{}`", printable(name))).collect();
        names.join(", ")
    };
    let next = if !similar.is_empty() {
        format!("did you mean {}?", quoted(&similar))
    } else if known.is_empty() {
        format!("create it with `aws configure --profile {name}`")
    } else {
        let more = if known.len() > LISTED { ", …" } else { "" };
        format!("the files have {}{more}", quoted(&known))
    };
    Failure::other(format!(
        "{NONE}: there is no AWS profile `{name}` in {files}{}: {next}",
        files.absent()
    ))
}

/// Whether a profile has credentials, or names their source.
pub(super) fn has_credentials(profile: &Profile) -> bool {
    SOURCES.iter().any(|key| profile.get(key).is_some_and(|value| !value.is_empty()))
}

/// The files that the AWS SDKs read.
struct Files([PathBuf; 2]);

impl Files {
    fn find() -> Self {
        let at = |name, default: &str| {
            variable(name).map_or_else(
                || PathBuf::from(variable("HOME").unwrap_or_else(|| "~".to_owned())).join(default),
                PathBuf::from,
            )
        };
        Self([
            at("AWS_CONFIG_FILE", ".aws/config"),
            at("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
        ])
    }

    /// Names the files that do not exist, to follow [`Display`](std::fmt::Display).
    fn absent(&self) -> String {
        let absent: Vec<String> =
            self.0.iter().filter(|path| !path.exists()).map(|path| quoted(path)).collect();
        match absent.as_slice() {
            [] => String::new(),
            [one] => format!(" ({one} does not exist)"),
            several => format!(" ({} do not exist)", several.join(" and ")),
        }
    }
}

impl std::fmt::Display for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [config, credentials] = &self.0;
        write!(f, "{} and {}", quoted(config), quoted(credentials))
    }
}

fn quoted(path: &Path) -> String {
    format!("`{}`", printable(&path.display().to_string()))
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?.to_string_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}
