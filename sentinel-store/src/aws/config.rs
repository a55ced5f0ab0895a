//! The configuration that the AWS clients share, read from the environment that Lambda
//! sets: region, credentials and endpoints. It does not use `aws-config`: a function does
//! not have the other sources of credentials (profiles, SSO, STS), and must not contain
//! them.
//!
//! Not here: timeouts and retries, which each backend sets itself, and the credentials of
//! the command, which come from `aws-config`.

use std::{collections::BTreeMap, fmt};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    behavior_version::BehaviorVersion, http::SharedHttpClient,
    stalled_stream_protection::StalledStreamProtectionConfig,
};
use aws_types::{
    SdkConfig,
    region::Region,
    service_config::{LoadServiceConfig, ServiceConfigKey},
};

use super::bounded::Bounded;

/// A variable that AWS clients require is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: must be set, by Lambda or in the environment as for any AWS SDK")]
#[non_exhaustive]
pub struct MissingVariable(pub &'static str);

/// The HTTP client of a process, which all AWS clients share: rustls with ring, and the
/// root certificates of the system, which are read for the first connection. A response of
/// more than 8 MiB is an error.
#[must_use]
pub fn http_client() -> SharedHttpClient {
    let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    SharedHttpClient::new(Bounded(client))
}

/// Reads the configuration from the environment: `AWS_REGION` (or
/// `AWS_DEFAULT_REGION`), `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
/// `AWS_SESSION_TOKEN`, `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`,
/// `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT`, with the same meaning as
/// in the SDKs.
///
/// # Errors
/// Every variable that is missing.
pub fn config(
    variable: impl Fn(&str) -> Option<String>,
    http_client: SharedHttpClient,
) -> Result<SdkConfig, Vec<MissingVariable>> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut missing = Vec::new();
    let region = set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"));
    let mut needed = |name: &'static str, value: Option<String>| {
        if value.is_none() {
            missing.push(MissingVariable(name));
        }
        value.unwrap_or_default()
    };
    let region = needed("AWS_REGION", region);
    let key = needed("AWS_ACCESS_KEY_ID", set("AWS_ACCESS_KEY_ID"));
    let secret = needed("AWS_SECRET_ACCESS_KEY", set("AWS_SECRET_ACCESS_KEY"));
    if !missing.is_empty() {
        return Err(missing);
    }
    let credentials = Credentials::new(key, secret, set("AWS_SESSION_TOKEN"), None, "environment");
    let on = |name: &str| set(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client)
        .sleep_impl(TokioSleep::new())
        // Responses are small. The timeouts end a slow one.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .use_fips(on("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(on("AWS_USE_DUALSTACK_ENDPOINT"))
        .service_config(Endpoints::read(&set));
    builder.set_endpoint_url(set("AWS_ENDPOINT_URL"));
    Ok(builder.build())
}

/// `AWS_ENDPOINT_URL_<SERVICE>` of the services that Sentinel calls.
struct Endpoints(BTreeMap<String, String>);

impl Endpoints {
    fn read(set: &dyn Fn(&str) -> Option<String>) -> Self {
        let named = ["DYNAMODB", "SSM", "STS"].into_iter().filter_map(|service| {
            let value = set(&format!("AWS_ENDPOINT_URL_{service}"))?;
            Some((service.to_owned(), value))
        });
        Self(named.collect())
    }
}

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        if key.env() != "AWS_ENDPOINT_URL" {
            return None;
        }
        self.0.get(&key.service_id().to_uppercase().replace(' ', "_")).cloned()
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<SdkConfig, Vec<MissingVariable>> {
        let found = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        config(found, http_client())
    }

    #[test]
    fn every_missing_variable_is_reported() {
        let missing = read(&[("AWS_SECRET_ACCESS_KEY", "")]).unwrap_err();
        let names: Vec<_> = missing.into_iter().map(|missing| missing.0).collect();
        assert_eq!(names, ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    }

    #[test]
    fn the_endpoint_of_a_service_overrides_the_general_one() {
        let config = read(&[
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:2"),
        ])
        .unwrap();
        let of = |service| {
            let key = ServiceConfigKey::builder()
                .service_id(service)
                .env("AWS_ENDPOINT_URL")
                .profile("endpoint_url")
                .build()
                .unwrap();
            config.service_config().unwrap().load_config(key)
        };
        assert_eq!(config.endpoint_url(), Some("http://127.0.0.1:1"));
        assert_eq!(of("STS").as_deref(), Some("http://127.0.0.1:2"));
        assert_eq!(of("DynamoDB"), None);
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
