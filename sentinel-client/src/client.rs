//! The routes of a TVM, with typed requests and responses.

use std::fmt;
use std::sync::Arc;

use aws_credential_types::provider::ProvideCredentials;
use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sentinel_wire::{
    Credentials, GateView, ProfileList, ReinstateBody, RevokeBody, SeenCursors, SessionList,
    SessionState, Whoami,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::visible;
use crate::message::{HttpRequest, HttpResponse};
use crate::transport::{SignedHttp, Transport};
use crate::{ClientError, Endpoint, ErrorResponse, VendRequest, VendedCredentials};

/// The characters that SigV4 does not encode.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A client of one TVM. Clones share its connection.
#[derive(Clone, Debug)]
pub struct Client {
    transport: Arc<dyn Transport>,
}

/// The sessions to list. By default, all that the caller may list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionFilter {
    /// The caller: a name or `account/RoleName`.
    pub user: Option<String>,
    /// The profile of the sessions.
    pub profile: Option<String>,
    /// The state of the sessions.
    pub state: Option<SessionState>,
}

impl SessionFilter {
    /// The same filter, for the sessions of one caller.
    #[must_use]
    pub fn with_user(self, user: impl Into<Option<String>>) -> Self {
        Self { user: user.into(), ..self }
    }

    /// The same filter, for the sessions on one profile.
    #[must_use]
    pub fn with_profile(self, profile: impl Into<Option<String>>) -> Self {
        Self { profile: profile.into(), ..self }
    }

    /// The same filter, for the sessions in one state.
    #[must_use]
    pub fn with_state(self, state: impl Into<Option<SessionState>>) -> Self {
        Self { state: state.into(), ..self }
    }
}

impl Client {
    /// A client of the TVM at `endpoint`. `signer` has the AWS credentials that identify the caller;
    /// [`SignedHttp`] describes how requests are signed.
    pub fn new(endpoint: Endpoint, signer: impl ProvideCredentials + 'static) -> Self {
        Self::with_transport(SignedHttp::new(endpoint, signer))
    }

    /// A client with another way to reach the TVM.
    pub fn with_transport(transport: impl Transport + 'static) -> Self {
        Self { transport: Arc::new(transport) }
    }

    /// The address of the TVM, for messages and as part of cache keys.
    #[must_use]
    pub fn address(&self) -> String {
        self.transport.address()
    }

    /// Requests credentials: `GET /`.
    ///
    /// # Errors
    /// If the TVM refuses or cannot be reached, or the credentials have expired already.
    pub async fn vend(&self, request: &VendRequest) -> Result<VendedCredentials, ClientError> {
        self.vend_at(request, Utc::now()).await?.not_expired(Utc::now())
    }

    /// Requests credentials at `requested`, and accepts those that have expired.
    pub(crate) async fn vend_at(
        &self,
        request: &VendRequest,
        requested: DateTime<Utc>,
    ) -> Result<VendedCredentials, ClientError> {
        let seconds = request.duration.map(|duration| duration.as_secs().to_string());
        let mut query = vec![("profile", request.profile.as_str())];
        query.extend(seconds.as_deref().map(|seconds| ("duration", seconds)));
        let response = self.transport.send(get("/", &query)).await?;
        let credentials: Credentials = self.read(&response)?;
        Ok(VendedCredentials::new(credentials, requested)
            .with_session_id(response.session_id)
            .with_bound(response.bound))
    }

    /// The profiles that the caller can get under some circumstance: `GET /profiles`.
    ///
    /// # Errors
    /// If the TVM refuses or cannot be reached.
    pub async fn profiles(&self) -> Result<ProfileList, ClientError> {
        self.get("/profiles", &[]).await
    }

    /// How the TVM identifies the caller: `GET /whoami`.
    ///
    /// # Errors
    /// If the TVM refuses or cannot be reached.
    pub async fn whoami(&self) -> Result<Whoami, ClientError> {
        self.get("/whoami", &[]).await
    }

    /// The sessions that match, page by page: `GET /sessions`.
    #[must_use]
    pub fn sessions(&self, filter: SessionFilter) -> SessionPages<'_> {
        SessionPages { client: self, filter, cursor: Some(None), seen: SeenCursors::default() }
    }

    /// Revokes: `POST /sessions/revoke`. Repeating it is safe.
    ///
    /// # Errors
    /// If the TVM refuses or cannot be reached. After an error of the TVM, the revocation may or may
    /// not have happened.
    pub async fn revoke(&self, body: &RevokeBody) -> Result<GateView, ClientError> {
        self.post("/sessions/revoke", body).await
    }

    /// Reinstates: `POST /sessions/reinstate`.
    ///
    /// # Errors
    /// As those of [`revoke`](Self::revoke).
    pub async fn reinstate(&self, body: &ReinstateBody) -> Result<GateView, ClientError> {
        self.post("/sessions/reinstate", body).await
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, ClientError> {
        self.read(&self.transport.send(get(path, query)).await?)
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Unsendable {
            what: "cannot write the request",
            source: error.into(),
        })?;
        self.read(&self.transport.send(HttpRequest::post(path, "application/json", body)).await?)
    }

    /// Reads a response. A response that is not Sentinel's, such as a proxy's, is not a decision,
    /// whatever its status.
    fn read<T: DeserializeOwned>(&self, response: &HttpResponse) -> Result<T, ClientError> {
        let HttpResponse { status, content_type, retry_after, body, .. } = response;
        let foreign = || ClientError::NotSentinel {
            address: self.address(),
            status: *status,
            content_type: content_type.as_deref().map_or_else(|| "none".to_owned(), visible),
        };
        if (200..=299).contains(status) {
            return serde_json::from_slice(body).map_err(|_| foreign());
        }
        let response = ErrorResponse::read(*status, body).ok_or_else(foreign)?;
        Err(response.with_retry_after(*retry_after).into_error(self.address()))
    }
}

/// The pages of a list of sessions, from the first to the last.
pub struct SessionPages<'a> {
    client: &'a Client,
    filter: SessionFilter,
    /// Where the next page begins: `Some(None)` is the start, `None` the end.
    cursor: Option<Option<String>>,
    seen: SeenCursors,
}

impl SessionPages<'_> {
    /// The next page. `None` after the last one. After an error, or if the future is dropped, the
    /// next call requests the same page again.
    ///
    /// # Errors
    /// If the TVM refuses or cannot be reached, or the list does not end.
    pub async fn next(&mut self) -> Result<Option<SessionList>, ClientError> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let SessionFilter { user, profile, state } = &self.filter;
        let query: Vec<(&str, &str)> = [
            ("user", user.as_deref()),
            ("profile", profile.as_deref()),
            ("state", state.map(SessionState::as_str)),
            ("cursor", cursor.as_deref()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        let page: SessionList = self.client.get("/sessions", &query).await?;
        if let Some(cursor) = cursor {
            self.seen.visit(cursor)?;
        }
        self.cursor = page.next.clone().map(Some);
        Ok(Some(page))
    }
}

impl fmt::Debug for SessionPages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionPages").field("filter", &self.filter).finish_non_exhaustive()
    }
}

fn get(path: &str, query: &[(&str, &str)]) -> HttpRequest {
    let mut target = path.to_owned();
    if !query.is_empty() {
        target.push('?');
        target.push_str(&encoded(query));
    }
    HttpRequest::get(target)
}

/// A query, sorted as in the signature, for verifiers that do not sort it.
fn encoded(query: &[(&str, &str)]) -> String {
    let encode = |text| utf8_percent_encode(text, UNRESERVED);
    let mut pairs: Vec<String> =
        query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.sort();
    pairs.join("&")
}
