//! One HTTP exchange, signed or unsigned, with limits: redirects are not followed,
//! and the response is limited in size and time. It uses the HTTP client of the AWS
//! crates, so that the program has a single TLS stack.

mod endpoint;

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
#[cfg(feature = "aws")]
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};
use hyper::body::Bytes;
use sentinel_store::Secret;

use crate::Failure;
pub(crate) use endpoint::Endpoint;

/// The TVM responds within 25 s.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// The HTTPS client of the AWS clients and credentials providers.
#[cfg(feature = "aws")]
pub(crate) fn for_providers() -> aws_smithy_runtime_api::client::http::SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// What signs a request, and the region and service to sign for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signing<'a> {
    pub(crate) credentials: &'a Credentials,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

/// A request before it is signed.
#[derive(Clone)]
pub(crate) struct Outgoing<'a> {
    pub(crate) method: &'a str,
    /// Path and query, relative to the endpoint's prefix.
    pub(crate) target: String,
    /// Headers in addition to Host.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl fmt::Debug for Outgoing<'_> {
    /// Omits the query, the headers and the body, which may contain a session id.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or_default();
        f.debug_struct("Outgoing")
            .field("method", &self.method)
            .field("path", &path)
            .finish_non_exhaustive()
    }
}

/// A response with any status.
pub(crate) struct Received {
    pub(crate) status: u16,
    /// `X-Sentinel-Session-ID`: a bearer secret.
    pub(crate) session_id: Option<Secret>,
    /// `X-Sentinel-Duration-Bound`: what limited the lifetime of the credentials.
    pub(crate) bound: Option<String>,
    /// `Content-Type`.
    pub(crate) content_type: Option<String>,
    pub(crate) body: Bytes,
}

impl fmt::Debug for Received {
    /// Omits the body, which may contain credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("status", &self.status)
            .field("session_id", &self.session_id)
            .field("bound", &self.bound)
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}

/// A server to exchange requests with.
#[derive(Debug)]
pub(crate) struct Http {
    endpoint: Endpoint,
    connector: Connector,
}

impl Http {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        // A proxy is used only for other machines.
        let proxy =
            if endpoint.is_loopback() { ProxyConfig::disabled() } else { ProxyConfig::from_env() };
        let connector = Connector::builder()
            .connector_settings(
                HttpConnectorSettings::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .read_timeout(TIMEOUT)
                    .build(),
            )
            .proxy_config(proxy);
        #[cfg(feature = "aws")]
        let connector = connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).build();
        // The demo connects to this machine only.
        #[cfg(not(feature = "aws"))]
        let connector = connector.build_http();
        Self { endpoint, connector }
    }

    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Builds a request, signed if there are credentials to sign with.
    pub(crate) fn request(
        &self,
        outgoing: Outgoing<'_>,
        signing: Option<Signing<'_>>,
    ) -> Result<HttpRequest, Failure> {
        let Outgoing { method, target, mut headers, body } = outgoing;
        let url = self.endpoint.route(&target);
        headers.push(("host", self.endpoint.authority().to_owned()));
        let signature = match signing {
            Some(signing) => signature(method, &url, &headers, &body, signing)?,
            None => Vec::new(),
        };
        let unsendable = |error| Failure::because("cannot make the request", error);
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(method).map_err(unsendable)?;
        request.set_uri(url).map_err(unsendable)?;
        for (name, value) in headers.into_iter().chain(signature) {
            request.headers_mut().try_insert(name, value).map_err(unsendable)?;
        }
        Ok(request)
    }

    /// Sends a request and reads the complete response.
    pub(crate) async fn exchange(&self, request: HttpRequest) -> Result<Received, Failure> {
        let unreachable = || format!("cannot reach {}", self.endpoint);
        let exchange = async {
            let response = self
                .connector
                .call(request)
                .await
                .map_err(|error| Failure::because(unreachable(), error))?;
            let status = response.status().as_u16();
            let header = |name| response.headers().get(name);
            let session_id = header("x-sentinel-session-id").map(Secret::new);
            let bound = header("x-sentinel-duration-bound").map(str::to_owned);
            let content_type = header("content-type").map(str::to_owned);
            let body = Limited::new(response.into_body(), MAX_ANSWER)
                .collect()
                .await
                .map_err(|error| Failure::because(unreachable(), error))?
                .to_bytes();
            Ok(Received { status, session_id, bound, content_type, body })
        };
        tokio::time::timeout(TIMEOUT, exchange)
            .await
            .map_err(|_| Failure::other(format!("{}: timed out", unreachable())))?
    }
}

/// The headers that sign a request.
fn signature(
    method: &str,
    url: &str,
    headers: &[(&'static str, String)],
    body: &[u8],
    signing: Signing<'_>,
) -> Result<Vec<(&'static str, String)>, Failure> {
    let unsignable = "cannot sign the request";
    let identity = signing.credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(signing.region)
        .name(signing.service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| Failure::because(unsignable, error))?
        .into();
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let signable = SignableRequest::new(method, url, headers, SignableBody::Bytes(body))
        .map_err(|error| Failure::because(unsignable, error))?;
    let (instructions, _) =
        sign(signable, &params).map_err(|error| Failure::because(unsignable, error))?.into_parts();
    let (signed, _) = instructions.into_parts();
    Ok(signed.into_iter().map(|header| (header.name(), header.value().to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_and_received_shows_no_secret() {
        let secret = "wJalrXUtnFEMI";
        let credentials = Credentials::new("AKIA", secret, Some(secret.to_owned()), None, "test");
        let outgoing = Outgoing {
            method: "POST",
            target: format!("/downstream?sentinel_session_id={secret}"),
            headers: vec![("x-sentinel-session-id", secret.to_owned())],
            body: secret.as_bytes().to_vec(),
        };
        let received = Received {
            status: 200,
            session_id: Some(Secret::new(secret)),
            bound: None,
            content_type: None,
            body: Bytes::from_static(secret.as_bytes()),
        };
        let signing = Signing { credentials: &credentials, region: "us-east-1", service: "sts" };
        let shown = format!("{outgoing:?} {received:?} {signing:?}");
        assert!(shown.contains("/downstream") && shown.contains("200"), "{shown}");
        assert!(!shown.contains(secret), "{shown}");
        assert!(!shown.contains(&format!("{:?}", secret.as_bytes())), "{shown}");
    }
}
