//! The caller's own AWS credentials for a process that runs for hours: they are loaded again for requests
//! that they sign. SSO sessions, assumed roles and the files of other tools change meanwhile, and a person
//! who signs in again in another terminal does not restart the process.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::ambient::{self, Ambient};

/// Credentials are loaded again when less of their lifetime is left.
const MARGIN: Duration = Duration::from_secs(60);

/// The text of a `CredentialsError`, which names no cause. Each provider in a chain repeats it.
const LOADING: &str = "an error occurred while loading credentials: ";

/// Credentials that are loaded again.
pub(crate) struct Reloaded {
    profile: Option<String>,
    region: String,
    /// Maximum age of credentials without an expiration. `None` if each request loads them again.
    kept: Option<Duration>,
    /// Held while loading: concurrent requests share one load.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The credentials that were loaded at the start, for the first request.
    first: Option<Credentials>,
    last: Option<(Credentials, Instant)>,
}

impl Reloaded {
    /// The credentials of that profile of the AWS configuration, or the usual ones, which need not exist
    /// yet. Each request loads them again.
    pub(crate) fn new(profile: Option<String>, region: String) -> Self {
        Self { profile, region, kept: None, state: Mutex::default() }
    }

    /// The same credentials, of which `loaded` were loaded just now.
    pub(crate) fn with_first(self, loaded: Ambient) -> Self {
        let state = State { first: Some(loaded.credentials), ..State::default() };
        Self { state: Mutex::new(state), ..self }
    }

    /// The same credentials, which requests share until they are about to expire. Those without an
    /// expiration are shared for that time.
    pub(crate) fn kept_for(self, kept: Duration) -> Self {
        Self { kept: Some(kept), ..self }
    }

    async fn load(&self) -> provider::Result {
        let mut state = self.state.lock().await;
        if let Some(first) = state.first.take() {
            return Ok(first);
        }
        if let (Some(kept), Some((last, since))) = (self.kept, &state.last) {
            let is_usable = match last.expiry() {
                Some(expiry) => SystemTime::now() + MARGIN < expiry,
                None => since.elapsed() < kept,
            };
            if is_usable {
                return Ok(last.clone());
            }
        }
        state.last = None;
        let loaded = ambient::credentials(self.profile.as_deref(), &self.region).await;
        let loaded = loaded.map_err(|failure| {
            CredentialsError::provider_error(failure.to_string().replace(LOADING, ""))
        })?;
        state.last = Some((loaded.clone(), Instant::now()));
        Ok(loaded)
    }
}

impl ProvideCredentials for Reloaded {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}

impl fmt::Debug for Reloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloaded").field("profile", &self.profile).finish_non_exhaustive()
    }
}
