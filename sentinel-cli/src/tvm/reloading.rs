//! The caller's AWS credentials for a command that runs for a long time: they are loaded when a request
//! is signed, and again before they expire, so that a sign-in in another terminal takes effect.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::aws;

/// Credentials are loaded again when less of their lifetime is left.
const MARGIN: Duration = Duration::from_secs(60);
/// Maximum time for which credentials without an expiration are used: their source may have changed.
const REFRESH: Duration = Duration::from_secs(60);

/// The text of a `CredentialsError`, which names no cause.
const LOADING: &str = "an error occurred while loading credentials";

/// Loads the ambient AWS credentials, or those of a profile, whenever they are needed.
#[derive(Debug)]
pub(crate) struct Reloading {
    aws_profile: Option<String>,
    region: String,
    loaded: Mutex<Option<(Credentials, Instant)>>,
}

impl Reloading {
    pub(super) fn new(aws_profile: Option<String>, region: String) -> Self {
        Self { aws_profile, region, loaded: Mutex::new(None) }
    }

    async fn load(&self) -> provider::Result {
        // Held while loading: concurrent requests share one load.
        let mut loaded = self.loaded.lock().await;
        if let Some((credentials, since)) = &*loaded {
            let is_usable = match credentials.expiry() {
                Some(expiry) => SystemTime::now() + MARGIN < expiry,
                None => since.elapsed() < REFRESH,
            };
            if is_usable {
                return Ok(credentials.clone());
            }
        }
        *loaded = None;
        let credentials = aws::credentials(self.aws_profile.as_deref(), &self.region)
            .await
            .map_err(|failure| {
                // Each provider in a chain repeats it.
                let text = failure.to_string().replace(&format!("{LOADING}: "), "");
                CredentialsError::provider_error(text)
            })?;
        *loaded = Some((credentials.clone(), Instant::now()));
        Ok(credentials)
    }
}

impl ProvideCredentials for Reloading {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}
