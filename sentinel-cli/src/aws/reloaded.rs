//! The caller's own AWS credentials for a process that runs for hours: they are loaded again for each
//! request that they sign. SSO sessions, assumed roles and the files of other tools change meanwhile,
//! and a person who logs in again in another terminal does not restart the process.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};

use super::ambient::{self, Ambient};

/// Credentials that are loaded again for each request.
pub(crate) struct Reloaded {
    profile: Option<String>,
    region: String,
    /// The credentials that were loaded at the start, for the first request.
    first: Mutex<Option<Credentials>>,
}

impl Reloaded {
    /// The credentials of that profile of the AWS configuration, or the usual ones, of which `loaded`
    /// were loaded just now.
    pub(crate) fn new(profile: Option<String>, loaded: Ambient) -> Self {
        let Ambient { credentials, region } = loaded;
        Self { profile, region, first: Mutex::new(Some(credentials)) }
    }

    async fn load(&self) -> provider::Result {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(first) = first {
            return Ok(first);
        }
        let loaded = ambient::credentials(self.profile.as_deref(), &self.region).await;
        loaded.map_err(|failure| CredentialsError::provider_error(failure.to_string()))
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
