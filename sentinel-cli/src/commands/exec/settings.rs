//! The AWS settings of the child.
//!
//! The AWS SDKs use a profile of the shared files before the credentials of a container. A child that
//! reads the files of its user would therefore use the keys of the default profile, or those of another
//! profile, without notice. It gets its own two files: an empty file of credentials, and a configuration
//! whose only profile is `default`, with the settings of the AWS profile that signs and without
//! credentials. The files of the user are only read.

use std::collections::HashSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::aws::configured_region;
use crate::output::Failure;

/// The settings of a profile that remain. Every other one can select credentials, now or in a later
/// release of an SDK.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html>
const KEPT: &[&str] = &[
    "account_id_endpoint_mode",
    "api_versions",
    "auth_scheme_preference",
    "ca_bundle",
    "cli_auto_prompt",
    "cli_binary_format",
    "cli_follow_urlparam",
    "cli_help_output",
    "cli_history",
    "cli_pager",
    "cli_timestamp_format",
    "cloudfront",
    "cloudsearch",
    "defaults_mode",
    "disable_request_compression",
    "dynamodb",
    "ec2_metadata_service_endpoint",
    "ec2_metadata_service_endpoint_mode",
    "ec2_metadata_v1_disabled",
    "emr",
    "endpoint_discovery_enabled",
    "endpoint_url",
    "ignore_configured_endpoint_urls",
    "max_attempts",
    "metadata_service_num_attempts",
    "metadata_service_timeout",
    "output",
    "parameter_validation",
    "region",
    "request_checksum_calculation",
    "request_min_compression_size_bytes",
    "response_checksum_validation",
    "retry_mode",
    "s3",
    "s3_disable_express_session_auth",
    "s3_disable_multiregion_access_points",
    "s3_use_arn_region",
    "sdk_ua_app_id",
    "services",
    "sigv4a_signing_region_set",
    "sts_regional_endpoints",
    "tcp_keepalive",
    "use_dualstack_endpoint",
    "use_fips_endpoint",
];

/// The files of a child. They are removed when this value is dropped.
#[derive(Debug)]
pub(super) struct Settings {
    folder: TempDir,
    /// The region of the caller.
    region: Option<String>,
}

impl Settings {
    /// Writes the files. `profile` is the AWS profile that signs, if it is not the usual one.
    pub(super) async fn write(profile: Option<&str>) -> Result<Self, Failure> {
        let cannot =
            |error| Failure::because("cannot write the AWS settings of the program", error);
        let home = env::home_dir().unwrap_or_default();
        let selected = profile
            .map(str::to_owned)
            .or_else(|| variable("AWS_PROFILE").map(|name| name.to_string_lossy().into_owned()))
            .unwrap_or_else(|| "default".to_owned());
        let config =
            variable("AWS_CONFIG_FILE").map_or_else(|| home.join(".aws/config"), PathBuf::from);
        // A file that cannot be read was reported when the credentials were loaded from it, or is not
        // needed.
        let text = fs::read(config).unwrap_or_default();
        let text = without_credentials(&String::from_utf8_lossy(&text), &selected);
        let folder =
            sentinel_files::temporary(&env::temp_dir(), "sentinel-exec-").map_err(cannot)?;
        let settings = Self { folder, region: configured_region(profile).await };
        fs::write(settings.config(), text).map_err(cannot)?;
        fs::write(settings.credentials(), "").map_err(cannot)?;
        Ok(settings)
    }

    /// The variables that name the files and the region.
    pub(super) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let mut variables = vec![
            ("AWS_CONFIG_FILE", self.config().into()),
            ("AWS_SHARED_CREDENTIALS_FILE", self.credentials().into()),
            // botocore would use a key in the files of its predecessor, `~/.boto` for example.
            ("BOTO_CONFIG", self.credentials().into()),
        ];
        if let Some(region) = &self.region {
            // botocore reads the second one, most other SDKs the first.
            let names = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter();
            let unset = names.filter(|name| variable(name).is_none());
            variables.extend(unset.map(|name| (name, region.into())));
        }
        variables
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("config")
    }

    fn credentials(&self) -> PathBuf {
        self.folder.path().join("credentials")
    }
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The section of a configuration file that a line is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    /// The selected profile, as `[profile NAME]`.
    Selected,
    /// The selected profile, as `[default]`. `[profile default]` replaces it as a whole.
    Default,
    /// Settings of services, which a profile refers to.
    Services,
    /// Another profile, or what only credentials need.
    Omitted,
}

/// A configuration whose only profile is `default`, with the settings of the profile `selected`.
///
/// The SDKs differ in what begins a line and a section. Every character that one of them takes for the end
/// of a line is one here, and so is every bracket at the beginning of a line, also of an indented one. A
/// section that is written twice counts once.
fn without_credentials(config: &str, selected: &str) -> String {
    let (mut profile, mut default) = (None, None);
    let mut services = String::new();
    let mut seen = HashSet::new();
    let mut section = Section::Omitted;
    let mut is_kept = false;
    for line in config.split(['\n', '\r']).filter(|line| !line.trim().is_empty()) {
        if let Some(header) = line.trim_start().strip_prefix('[') {
            let name = header.split(']').next().unwrap_or_default().trim();
            let is_new = seen.insert(name);
            section = if is_new { classify(name, selected) } else { Section::Omitted };
            is_kept = section == Section::Services;
            match section {
                Section::Selected => profile = Some(String::new()),
                Section::Default => default = Some(String::new()),
                Section::Services => services.push_str(&format!("[{name}]\n")),
                Section::Omitted => {}
            }
            continue;
        }
        let text = match section {
            Section::Selected => profile.as_mut(),
            Section::Default => default.as_mut(),
            Section::Services => Some(&mut services),
            Section::Omitted => None,
        };
        // An indented line continues the property above it.
        let is_continued = line.starts_with([' ', '\t']);
        if section != Section::Services && !is_continued {
            let key = line.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
            is_kept = KEPT.contains(&key.as_str());
        }
        if let Some(text) = text.filter(|_| is_kept) {
            text.push_str(line);
            text.push('\n');
        }
    }
    match profile.or(default) {
        Some(settings) => format!("[default]\n{settings}{services}"),
        None => services,
    }
}

fn classify(name: &str, selected: &str) -> Section {
    let (kind, rest) = name.split_once([' ', '\t']).unwrap_or((name, ""));
    let rest = rest.trim().trim_matches(['"', '\'']);
    match (kind, rest) {
        ("default", "") if selected == "default" => Section::Default,
        ("profile", profile) if profile == selected => Section::Selected,
        ("services", _) => Section::Services,
        _ => Section::Omitted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
# a comment
[default]
region = eu-west-1
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = hunter2
output = json

[profile \"me too\"]
Region=eu-central-1
services = local
s3 =
  max_concurrent_requests = 20
sso_session = corp
credential_process =
  /bin/keys
some_later_kind_of_login = x
[sso-session corp]
sso_region = eu-west-1
[services local]
s3 =
  endpoint_url = http://127.0.0.1:4566
";

    #[test]
    fn only_the_settings_of_the_selected_profile_remain_and_no_credentials() {
        assert_eq!(
            without_credentials(CONFIG, "default"),
            "[default]\nregion = eu-west-1\noutput = json\n[services local]\ns3 =\n  \
             endpoint_url = http://127.0.0.1:4566\n"
        );
        assert_eq!(
            without_credentials(CONFIG, "me too"),
            "[default]\nRegion=eu-central-1\nservices = local\ns3 =\n  \
             max_concurrent_requests = 20\n[services local]\ns3 =\n  \
             endpoint_url = http://127.0.0.1:4566\n"
        );
        let none = without_credentials(CONFIG, "unknown");
        assert!(!none.contains("[default]"), "{none}");
    }

    /// botocore reads each of these in another way than a parser of lines and unindented headers.
    #[test]
    fn unusual_line_ends_and_headers_keep_no_credentials() {
        for config in [
            "[default]\nregion = us-east-1\raws_access_key_id = AKIA\raws_secret_access_key = x\n",
            "[services x]\n [default]\naws_access_key_id = AKIA\naws_secret_access_key = x\n",
            "[services x]\n\t[ default ]\naws_access_key_id = AKIA\n",
        ] {
            let text = without_credentials(config, "default");
            assert!(!text.contains("AKIA") && !text.contains('\r'), "{text:?}");
        }
        let both =
            "[default]\noutput = json\n[profile default]\nregion = a\n[ default ]\nregion = b\n";
        assert_eq!(without_credentials(both, "default"), "[default]\nregion = a\n");
    }

    #[test]
    fn a_section_twice_and_an_indented_key_do_not_keep_credentials() {
        let config = "[default]\noutput = json\n  aws_access_key_id = AKIA\nrole_arn = x\n  y\n\
                      [default]\nsource_profile = z\n";
        let text = without_credentials(config, "default");
        assert!(!text.contains("role_arn") && !text.contains("source_profile"), "{text}");
    }
}
