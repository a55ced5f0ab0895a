//! The routes of a TVM, with typed requests and responses.

use std::sync::Arc;

use aws_credential_types::provider::ProvideCredentials;
use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sentinel_wire::{
    CommentBody, Credentials, GateView, GrantBody, GrantId, GrantView, ProfileList, ReinstateBody,
    RequestBody, RequestId, RequestView, RevokeBody, Whoami,
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

    /// Requests an approval: `POST /requests`.
    ///
    /// # Errors
    /// If the TVM refuses or cannot be reached. After an error of the TVM, the request may or may not
    /// have been created.
    pub async fn create_request(&self, body: &RequestBody) -> Result<RequestView, ClientError> {
        self.post("/requests", body).await
    }

    /// Reads an approval request: `GET /requests/{id}`.
    ///
    /// # Errors
    /// If the TVM refuses or cannot be reached.
    pub async fn request(&self, id: &RequestId) -> Result<RequestView, ClientError> {
        self.get(&format!("/requests/{id}"), &[]).await
    }

    /// Approves a request: `POST /requests/{id}/approve`.
    ///
    /// # Errors
    /// If the TVM refuses or cannot be reached. After an error of the TVM, it may or may not have
    /// happened.
    pub async fn approve(
        &self,
        id: &RequestId,
        body: &CommentBody,
    ) -> Result<RequestView, ClientError> {
        self.post(&format!("/requests/{id}/approve"), body).await
    }

    /// Denies a request: `POST /requests/{id}/deny`.
    ///
    /// # Errors
    /// As those of [`approve`](Self::approve).
    pub async fn deny(
        &self,
        id: &RequestId,
        body: &CommentBody,
    ) -> Result<RequestView, ClientError> {
        self.post(&format!("/requests/{id}/deny"), body).await
    }

    /// Cancels a request of the caller: `POST /requests/{id}/cancel`.
    ///
    /// # Errors
    /// As those of [`approve`](Self::approve).
    pub async fn cancel(
        &self,
        id: &RequestId,
        body: &CommentBody,
    ) -> Result<RequestView, ClientError> {
        self.post(&format!("/requests/{id}/cancel"), body).await
    }

    /// Revokes an approval: `POST /requests/{id}/revoke`. Repeating it is safe.
    ///
    /// # Errors
    /// As those of [`approve`](Self::approve).
    pub async fn revoke_approval(
        &self,
        id: &RequestId,
        body: &CommentBody,
    ) -> Result<RequestView, ClientError> {
        self.post(&format!("/requests/{id}/revoke"), body).await
    }

    /// Opens a break-glass grant: `POST /break-glass`.
    ///
    /// # Errors
    /// As those of [`approve`](Self::approve).
    pub async fn open_grant(&self, body: &GrantBody) -> Result<GrantView, ClientError> {
        self.post("/break-glass", body).await
    }

    /// Closes a grant: `POST /break-glass/{id}/close`. Repeating it is safe.
    ///
    /// # Errors
    /// As those of [`approve`](Self::approve).
    pub async fn close_grant(
        &self,
        id: &GrantId,
        body: &CommentBody,
    ) -> Result<GrantView, ClientError> {
        self.post(&format!("/break-glass/{id}/close"), body).await
    }

    /// Reviews a grant that is over: `POST /break-glass/{id}/review`.
    ///
    /// # Errors
    /// As those of [`approve`](Self::approve).
    pub async fn review_grant(
        &self,
        id: &GrantId,
        body: &CommentBody,
    ) -> Result<GrantView, ClientError> {
        self.post(&format!("/break-glass/{id}/review"), body).await
    }

    pub(crate) async fn get<T: DeserializeOwned>(
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
