//! The routes of a TVM: JSON in, JSON out, signed by the caller.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sentinel_store::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::http::{Http, Outgoing, Received, Signing};
use super::{Ambient, Endpoint, Refused};
use crate::Failure;

/// The characters that SigV4 leaves as they are.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A TVM, and the one who asks it.
#[derive(Debug)]
pub(crate) struct Tvm {
    http: Http,
    ambient: Ambient,
}

/// A good answer.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    pub(crate) body: T,
    /// `X-Sentinel-Session-ID`: a bearer secret.
    pub(crate) session_id: Option<Secret>,
    /// `X-Sentinel-Duration-Bound`: what bounded the life of credentials.
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
        let Received { status, session_id, bound, body } = self.http.exchange(request).await?;
        let body = answered(status, &body, self.endpoint())?;
        Ok(Answer { body, session_id, bound })
    }
}

/// A query, sorted as in the signature, for verifiers that do not sort.
pub(super) fn encoded(query: &[(&str, &str)]) -> String {
    let encode = |text| utf8_percent_encode(text, UNRESERVED);
    let mut pairs: Vec<String> =
        query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.sort();
    pairs.join("&")
}

/// What a TVM answered, if it is what was asked for.
pub(super) fn answered<T: DeserializeOwned>(
    status: u16,
    body: &[u8],
    by: &dyn fmt::Display,
) -> Result<T, Failure> {
    match status {
        200..=299 => serde_json::from_slice(body).map_err(|error| {
            Failure::because(format!("{by} does not answer like a Sentinel TVM"), error)
        }),
        // What was asked is not a question at all.
        400 => Err(Failure::Usage(Refused::read(status, body).to_string())),
        401..=499 => {
            let refused = Refused::read(status, body);
            match refused.code.as_str() {
                // Not an answer yet: it may be yes a little later.
                "RATE_LIMITED" => Err(could_not_answer(&refused)),
                _ => Err(Failure::Refused(refused)),
            }
        }
        _ => Err(could_not_answer(&Refused::read(status, body))),
    }
}

fn could_not_answer(said: &Refused) -> Failure {
    Failure::undone(format!("the TVM could not answer: {said}"))
}
