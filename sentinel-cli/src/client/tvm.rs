//! The routes of a TVM: JSON requests and responses, signed by the caller.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sentinel_store::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Ambient;
use crate::Failure;
use crate::http::{Endpoint, Http, Outgoing, Received, Signing};
use crate::refused::Refused;
use crate::screen::printable;

/// The characters that SigV4 does not encode.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A TVM and its caller.
#[derive(Debug)]
pub(crate) struct Tvm {
    http: Http,
    ambient: Ambient,
}

/// A successful response.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) body: T,
    /// `X-Sentinel-Session-ID`: a bearer secret.
    pub(crate) session_id: Option<Secret>,
    /// `X-Sentinel-Duration-Bound`: what limited the lifetime of the credentials.
    pub(crate) bound: Option<String>,
}

impl Tvm {
    pub(crate) fn new(endpoint: Endpoint, ambient: Ambient) -> Self {
        Self { http: Http::new(endpoint), ambient }
    }

    pub(crate) const fn endpoint(&self) -> &Endpoint {
        self.http.endpoint()
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
        let mut target = path.to_owned();
        if !query.is_empty() {
            target.push('?');
            target.push_str(&encoded(query));
        }
        self.ask(Outgoing { method: "GET", target, headers: Vec::new(), body: Vec::new() }).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer<T>, Failure> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::because("cannot write the request", error))?;
        let headers = vec![("content-type", "application/json".to_owned())];
        self.ask(Outgoing { method: "POST", target: path.to_owned(), headers, body }).await
    }

    async fn ask<T: DeserializeOwned>(&self, outgoing: Outgoing<'_>) -> Result<Answer<T>, Failure> {
        let Ambient { credentials, region } = &self.ambient;
        let signing = Signing { credentials, region, service: "execute-api" };
        let request = self.http.request(outgoing, Some(signing))?;
        let Received { status, session_id, bound, content_type, body } =
            self.http.exchange(request).await?;
        let body = read(status, content_type.as_deref(), &body, self.endpoint())?;
        Ok(Answer { body, session_id, bound })
    }
}

/// A query, sorted as in the signature, for verifiers that do not sort it.
pub(super) fn encoded(query: &[(&str, &str)]) -> String {
    let encode = |text| utf8_percent_encode(text, UNRESERVED);
    let mut pairs: Vec<String> =
        query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.sort();
    pairs.join("&")
}

/// Reads a TVM's response that was not received over HTTP.
pub(super) fn answered<T: DeserializeOwned>(
    status: u16,
    body: &[u8],
    by: &dyn fmt::Display,
) -> Result<T, Failure> {
    read(status, Some("application/json"), body, by)
}

/// Reads a response of a TVM. A response that is not Sentinel's, such as a proxy's,
/// is not a decision, whatever its status.
fn read<T: DeserializeOwned>(
    status: u16,
    content_type: Option<&str>,
    body: &[u8],
    by: &dyn fmt::Display,
) -> Result<T, Failure> {
    let foreign = || {
        let content_type = content_type.map_or_else(|| "none".to_owned(), printable);
        Failure::other(format!(
            "{by} does not answer like a Sentinel TVM (status {status}, content type \
             {content_type}): check the address, and whether a proxy, a firewall or a login page \
             answers in its place"
        ))
    };
    if (200..=299).contains(&status) {
        return serde_json::from_slice(body).map_err(|_| foreign());
    }
    let refused = Refused::read(status, body).ok_or_else(foreign)?;
    if refused.is_wrong_path() {
        return Err(Failure::other(format!(
            "there is no TVM at {by}: {refused}; the address is the TVM's base URL, with the stage \
             if the API has one, and without a route"
        )));
    }
    match status {
        400 => Err(Failure::Usage(refused.to_string())),
        // This is not a decision: the same request may be allowed later.
        // Break-glass quotas and cooldowns are also 429, but they are refusals.
        429 if matches!(refused.code.as_str(), "RATE_LIMITED" | "HTTP 429") => {
            Err(could_not_answer(&refused))
        }
        401..=499 => Err(Failure::Refused(refused)),
        _ => Err(could_not_answer(&refused)),
    }
}

fn could_not_answer(said: &Refused) -> Failure {
    Failure::other(format!("the TVM failed: {said}"))
}
