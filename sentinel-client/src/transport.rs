//! What carries requests to a TVM and responses back.

use std::fmt::Debug;

use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

use crate::http::{Http, Signing};
use crate::message::{HttpRequest, HttpResponse};
use crate::{ClientError, Endpoint};

/// The service that requests to API Gateway are signed for.
const SERVICE: &str = "execute-api";

/// Carries requests to a TVM and responses back.
///
/// [`SignedHttp`] is the usual one. A program that contains a TVM can pass requests to it directly.
#[async_trait]
pub trait Transport: Debug + Send + Sync {
    /// Sends a request and returns the response, whatever its status.
    ///
    /// # Errors
    /// If there is no response.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ClientError>;

    /// The address of the TVM, for messages and as part of cache keys: different TVMs have different
    /// addresses.
    fn address(&self) -> String;
}

/// Requests over HTTP, signed with the caller's AWS credentials.
#[derive(Debug)]
pub struct SignedHttp {
    http: Http,
    signer: SharedCredentialsProvider,
    region: String,
}

impl SignedHttp {
    /// Requests to that endpoint, signed with the credentials that `signer` provides for each
    /// request. The region is the [endpoint's](Endpoint::region), else `us-east-1`.
    pub fn new(endpoint: Endpoint, signer: impl ProvideCredentials + 'static) -> Self {
        let region = endpoint.region().unwrap_or("us-east-1").to_owned();
        let signer = SharedCredentialsProvider::new(signer);
        Self { http: Http::new(endpoint), signer, region }
    }
}

#[async_trait]
impl Transport for SignedHttp {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ClientError> {
        let credentials = self.signer.provide_credentials().await?;
        let signing = Signing::new(&credentials, &self.region, SERVICE);
        self.http.send(self.http.sign(request, signing)?).await
    }

    fn address(&self) -> String {
        self.http.endpoint().to_string()
    }
}
