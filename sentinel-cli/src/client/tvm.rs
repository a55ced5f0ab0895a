//! Signs a request, sends it, and reads the answer, within bounds: no redirect
//! is followed, and no answer may be endless in size or time.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpClient,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Ambient, Endpoint, Refused};
use crate::Failure;

/// The TVM answers within 25 s.
const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// The characters that SigV4 leaves as they are.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The HTTPS client of the AWS providers: the one TLS stack of this program.
pub(super) fn https_client() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// A TVM, and the one who asks it.
#[derive(Debug)]
pub(crate) struct Tvm {
    endpoint: Endpoint,
    ambient: Ambient,
    connector: Connector,
}

/// A good answer.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) body: T,
    /// `X-Sentinel-Session-ID`: a bearer secret.
    pub(crate) session_id: Option<sentinel_store::Secret>,
}

impl Tvm {
    pub(crate) fn new(endpoint: Endpoint, ambient: Ambient) -> Self {
        // A proxy is for what lies beyond this machine.
        let proxy =
            if endpoint.is_loopback() { ProxyConfig::disabled() } else { ProxyConfig::from_env() };
        let connector = Connector::builder()
            .connector_settings(
                HttpConnectorSettings::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .read_timeout(TIMEOUT)
                    .build(),
            )
            .proxy_config(proxy)
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build();
        Self { endpoint, ambient, connector }
    }

    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The access key id that signs.
    pub(crate) fn access_key_id(&self) -> &str {
        self.ambient.credentials.access_key_id()
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer<T>, Failure> {
        let mut pairs: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        // Sorted as in the signature, for verifiers that do not sort.
        pairs.sort();
        let mut url = self.endpoint.route(path);
        if !pairs.is_empty() {
            url.push('?');
            url.push_str(&pairs.join("&"));
        }
        self.send("GET", &url, Vec::new()).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer<T>, Failure> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::because("cannot write the request", error))?;
        self.send("POST", &self.endpoint.route(path), body).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: &str,
        url: &str,
        body: Vec<u8>,
    ) -> Result<Answer<T>, Failure> {
        let request = self.signed(method, url, body)?;
        let unreachable = || format!("cannot reach the TVM at {}", self.endpoint);
        let exchange = async {
            let response = self
                .connector
                .call(request)
                .await
                .map_err(|error| Failure::because(unreachable(), error))?;
            let status = response.status().as_u16();
            let session_id =
                response.headers().get("x-sentinel-session-id").map(sentinel_store::Secret::new);
            let body = Limited::new(response.into_body(), MAX_ANSWER)
                .collect()
                .await
                .map_err(|error| Failure::because(unreachable(), error))?
                .to_bytes();
            Ok((status, session_id, body))
        };
        let (status, session_id, body) = tokio::time::timeout(TIMEOUT, exchange)
            .await
            .map_err(|_| Failure::undone(format!("{}: no answer in time", unreachable())))??;
        match status {
            200..=299 => {
                let body = serde_json::from_slice(&body).map_err(|error| {
                    Failure::because(
                        format!("{} does not answer like a Sentinel TVM", self.endpoint),
                        error,
                    )
                })?;
                Ok(Answer { body, session_id })
            }
            400..=499 => Err(Failure::Refused(Refused::read(status, &body))),
            _ => Err(Failure::undone(format!(
                "the TVM could not answer: {}",
                Refused::read(status, &body)
            ))),
        }
    }

    fn signed(&self, method: &str, url: &str, body: Vec<u8>) -> Result<HttpRequest, Failure> {
        let unsignable = |error| Failure::because("cannot sign the request", error);
        let mut headers = vec![("host", self.endpoint.authority())];
        if !body.is_empty() {
            headers.push(("content-type", "application/json"));
        }
        let identity = self.ambient.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.ambient.region)
            .name("execute-api")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| Failure::because("cannot sign the request", error))?
            .into();
        let signable =
            SignableRequest::new(method, url, headers.iter().copied(), SignableBody::Bytes(&body))
                .map_err(unsignable)?;
        let (instructions, _) = sign(signable, &params).map_err(unsignable)?.into_parts();
        let unsendable = |error| Failure::because("cannot make the request", error);
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_method(method).map_err(unsendable)?;
        request.set_uri(url).map_err(unsendable)?;
        for (name, value) in headers {
            request.headers_mut().try_insert(name, value.to_owned()).map_err(unsendable)?;
        }
        let (signed, _) = instructions.into_parts();
        for header in signed {
            let value = header.value().to_owned();
            request.headers_mut().try_insert(header.name(), value).map_err(unsendable)?;
        }
        *request.body_mut() = SdkBody::from(body);
        Ok(request)
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}
