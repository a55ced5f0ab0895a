//! Credentials of a profile for the AWS SDK.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use chrono::Utc;
use sentinel_wire::ProfileName;
use tokio::sync::Mutex;

use crate::{Client, ClientError, VendRequest, Vended};

/// Provides the AWS SDK with credentials of one profile. Clones share the credentials.
///
/// - Credentials are requested when they are needed first, and again when a third of their lifetime
///   is left.
/// - Concurrent callers share one request, and its result.
/// - If the TVM cannot be reached or fails, the present credentials are used until they expire. If it
///   refuses, they are discarded: a refusal is a decision.
#[derive(Clone)]
pub struct ProfileCredentials {
    client: Client,
    request: VendRequest,
    state: Arc<State>,
}

/// A result that concurrent callers share.
type Shared = Result<Vended, Arc<ClientError>>;

#[derive(Default)]
struct State {
    present: RwLock<Option<Vended>>,
    /// Locked during a request. When the last request was finished, and its result.
    last: Mutex<Option<(Instant, Shared)>>,
}

impl State {
    fn present(&self) -> Option<Vended> {
        self.present.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, vended: Option<Vended>) {
        *self.present.write().unwrap_or_else(PoisonError::into_inner) = vended;
    }
}

impl Client {
    /// Credentials of a profile for the AWS SDK, which are requested when they are needed and again
    /// before they expire.
    #[must_use]
    pub fn credentials(&self, profile: ProfileName) -> ProfileCredentials {
        ProfileCredentials::new(self.clone(), VendRequest::new(profile))
    }
}

impl ProfileCredentials {
    /// Credentials as requested.
    #[must_use]
    pub fn new(client: Client, request: VendRequest) -> Self {
        Self { client, request, state: Arc::default() }
    }

    /// The present credentials, with their session id. They are requested if there are none or they
    /// are not fresh.
    ///
    /// # Errors
    /// If the TVM refuses, or cannot be reached and there are no credentials that are still valid.
    /// The error is shared with the callers that waited for the same request.
    pub async fn vended(&self) -> Result<Vended, Arc<ClientError>> {
        let fresh = || self.state.present().filter(|vended| vended.is_fresh(Utc::now()));
        if let Some(vended) = fresh() {
            return Ok(vended);
        }
        let arrived = Instant::now();
        let mut last = self.state.last.lock().await;
        // The result of a request that this caller waited for is its result.
        if let Some((_, result)) = last.as_ref().filter(|(at, _)| *at >= arrived) {
            return result.clone();
        }
        if let Some(vended) = fresh() {
            return Ok(vended);
        }
        let result = self.request().await.map_err(Arc::new);
        *last = Some((Instant::now(), result.clone()));
        result
    }

    async fn request(&self) -> Result<Vended, ClientError> {
        match self.client.vend(&self.request).await {
            Ok(vended) => {
                self.state.replace(Some(vended.clone()));
                Ok(vended)
            }
            Err(error) if error.is_transient() => {
                let present = self.state.present().and_then(|it| it.not_expired(Utc::now()).ok());
                let Some(vended) = present else { return Err(error) };
                tracing::warn!(
                    profile = %self.request.profile,
                    error = &error as &dyn std::error::Error,
                    "failed to refresh credentials; the present ones are used until they expire"
                );
                Ok(vended)
            }
            Err(error) => {
                self.state.replace(None);
                Err(error)
            }
        }
    }
}

impl fmt::Debug for ProfileCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfileCredentials").field("request", &self.request).finish_non_exhaustive()
    }
}

impl ProvideCredentials for ProfileCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            match self.vended().await {
                Ok(vended) => Ok(Credentials::from(&vended)),
                Err(error) => Err(CredentialsError::provider_error(error)),
            }
        })
    }

    /// The credentials that are already there, if the AWS SDK stops waiting for a request.
    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.state.present().as_ref().map(Credentials::from)
    }
}
