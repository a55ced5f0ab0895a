//! One HTTP exchange, signed or unsigned, with limits: redirects are not followed,
//! and the response is limited in size and time. It uses the HTTP client of the AWS
//! crates, so that the program has a single TLS stack.
//!
//! [`Client`](crate::Client) is what programs usually need. This module is for requests to other
//! services that verify AWS signatures, such as `/sts` of `sentinel dev`.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
#[cfg(feature = "tls")]
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest as SmithyRequest;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};
use sentinel_wire::{Secret, header};

use crate::message::{HttpRequest, HttpResponse};
use crate::{ClientError, Endpoint};

/// The TVM responds within 25 s.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_RESPONSE: usize = 8 * 1024 * 1024;

/// What signs a request, and the region and service to sign for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Signing<'a> {
    /// The credentials of the caller.
    pub credentials: &'a Credentials,
    /// The region, such as `eu-central-1`.
    pub region: &'a str,
    /// The service, such as `execute-api`.
    pub service: &'a str,
}

impl<'a> Signing<'a> {
    /// Signs with those credentials for that region and service.
    #[must_use]
    pub const fn new(credentials: &'a Credentials, region: &'a str, service: &'a str) -> Self {
        Self { credentials, region, service }
    }
}

/// How a service expects its requests to be signed.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>
fn settings(service: &str) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    settings
}

/// A server to exchange requests with.
#[derive(Debug)]
pub struct Http {
    endpoint: Endpoint,
    connector: Connector,
    timeout: Duration,
    max_response: usize,
}

impl Http {
    /// A server. A proxy of the environment (`HTTPS_PROXY`) is used only for other machines.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        // Without TLS, a proxy would receive the signed request in clear.
        let proxy = if endpoint.is_loopback() || !cfg!(feature = "tls") {
            ProxyConfig::disabled()
        } else {
            ProxyConfig::from_env()
        };
        let connector = Connector::builder()
            .connector_settings(
                HttpConnectorSettings::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .read_timeout(TIMEOUT)
                    .build(),
            )
            .proxy_config(proxy);
        #[cfg(feature = "tls")]
        let connector = connector.tls_provider(Provider::Rustls(CryptoMode::Ring)).build();
        #[cfg(not(feature = "tls"))]
        let connector = connector.build_http();
        Self { endpoint, connector, timeout: TIMEOUT, max_response: MAX_RESPONSE }
    }

    /// The same server, with a maximum time for an exchange and a maximum number of bytes in a
    /// response body. By default 30 seconds and 8 MiB.
    #[must_use]
    pub fn with_limits(self, timeout: Duration, max_response: usize) -> Self {
        Self { timeout, max_response, ..self }
    }

    /// The address of the server.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The same request with the headers of its signature. It covers the method, the target, the
    /// headers and the body.
    ///
    /// # Errors
    /// [`ClientError::Unsendable`].
    pub fn sign(
        &self,
        request: HttpRequest,
        signing: Signing<'_>,
    ) -> Result<HttpRequest, ClientError> {
        let unsignable =
            |source| ClientError::Unsendable { what: "cannot sign the request", source };
        let identity = signing.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(signing.region)
            .name(signing.service)
            .time(SystemTime::now())
            .settings(settings(signing.service))
            .build()
            .map_err(|error| unsignable(error.into()))?
            .into();
        let url = self.endpoint.route(&request.target);
        let host = ("host", self.endpoint.authority());
        let headers = request.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let body = SignableBody::Bytes(&request.body);
        let signable = SignableRequest::new(request.method, url, headers.chain([host]), body)
            .map_err(|error| unsignable(error.into()))?;
        let (instructions, _) =
            sign(signable, &params).map_err(|error| unsignable(error.into()))?.into_parts();
        let (signature, _) = instructions.into_parts();
        Ok(signature
            .into_iter()
            .fold(request, |request, header| request.with_header(header.name(), header.value())))
    }

    /// Sends a request and reads the complete response.
    ///
    /// # Errors
    /// - [`ClientError::Unreachable`]
    /// - [`ClientError::Unsendable`]
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ClientError> {
        let request = self.prepare(request)?;
        let unreachable =
            |source| ClientError::Unreachable { address: self.endpoint.to_string(), source };
        let exchange = async {
            let response =
                self.connector.call(request).await.map_err(|error| unreachable(error.into()))?;
            let status = response.status().as_u16();
            let header = |name| response.headers().get(name).map(str::to_owned);
            let session_id = header(header::SESSION_ID).map(Secret::new);
            let bound = header(header::DURATION_BOUND);
            let content_type = header("content-type");
            let retry_after = header("retry-after").and_then(|seconds| seconds.parse().ok());
            let body = Limited::new(response.into_body(), self.max_response)
                .collect()
                .await
                .map_err(unreachable)?
                .to_bytes()
                .into();
            Ok(HttpResponse { status, session_id, bound, content_type, retry_after, body })
        };
        tokio::time::timeout(self.timeout, exchange)
            .await
            .map_err(|_| unreachable("timed out".into()))?
    }

    fn prepare(&self, request: HttpRequest) -> Result<SmithyRequest, ClientError> {
        let unsendable =
            |source| ClientError::Unsendable { what: "cannot create the request", source };
        if !cfg!(feature = "tls") && !self.endpoint.is_plain() {
            return Err(unsendable("https needs the feature `tls`".into()));
        }
        // Otherwise the target could continue the host, and the signature would go elsewhere.
        if !request.target.starts_with('/') {
            return Err(unsendable("a target begins with `/`".into()));
        }
        let HttpRequest { method, target, mut headers, body } = request;
        headers.push(("host", self.endpoint.authority().to_owned()));
        let mut request = SmithyRequest::new(SdkBody::from(body));
        request
            .set_method(method)
            .and_then(|()| request.set_uri(self.endpoint.route(&target)))
            .and_then(|()| {
                headers.into_iter().try_for_each(|(name, value)| {
                    request.headers_mut().try_insert(name, value).map(drop)
                })
            })
            .map_err(|error| unsendable(error.into()))?;
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_target_cannot_continue_the_host() {
        let http = Http::new("http://127.0.0.1:9".parse().unwrap());
        for target in ["@evil.example/", ".evil.example/", "", "profiles"] {
            let error = http.send(HttpRequest::get(target)).await.unwrap_err();
            assert!(matches!(error, ClientError::Unsendable { .. }), "{target}: {error:?}");
        }
    }

    #[test]
    fn debug_output_of_requests_and_responses_shows_no_secret() {
        let secret = "wJalrXUtnFEMI";
        let credentials = Credentials::new("AKIA", secret, Some(secret.to_owned()), None, "test");
        let request = HttpRequest::post(
            format!("/downstream?sentinel_session_id={secret}"),
            "text/plain",
            secret.as_bytes(),
        )
        .with_header(header::SESSION_ID, secret);
        let response = HttpResponse::json(200, secret).with_session_id(Secret::new(secret));
        let signing = Signing::new(&credentials, "us-east-1", "sts");
        let shown = format!("{request:?} {response:?} {signing:?}");
        assert!(shown.contains("/downstream") && shown.contains("200"), "{shown}");
        assert!(!shown.contains(secret), "{shown}");
        assert!(!shown.contains(&format!("{:?}", secret.as_bytes())), "{shown}");
    }
}
