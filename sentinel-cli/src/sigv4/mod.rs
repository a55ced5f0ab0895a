//! Verifies AWS Signature Version 4 on a request, as API Gateway with IAM
//! authorization does before it hands an event to a function.
//!
//! The signature is made once more with `aws-sigv4`, AWS's own signer, over the
//! request as it was received and exactly the headers that it says are signed,
//! and compared in constant time. What that signer would forgive (two texts
//! with one canonical form) is refused before it is asked; see
//! `docs/decisions/sigv4-verification.md`. It is *not* a general verifier:
//! presigned queries, streamed bodies and the `Date` header are refused.

mod authorization;
mod refusal;
mod target;

use std::fmt;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HOST, HeaderName};
use sentinel_store::Secret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use authorization::Authorization;
pub use refusal::Refusal;

/// How far the time of a signature may be from ours, as in AWS.
pub const SKEW: TimeDelta = TimeDelta::minutes(5);

const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// A request as it came over the wire. `Debug` leaves out the query, the headers
/// and the body, which may bear signatures, tokens and session ids.
#[derive(Clone, Copy)]
pub struct Received<'a> {
    /// The method.
    pub method: &'a str,
    /// The path as it was sent, escapes and all.
    pub path: &'a str,
    /// The query as it was sent, without the `?`; empty when there is none.
    pub query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

impl fmt::Debug for Received<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// What a signature must be for.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The region, such as `us-east-1`.
    pub region: &'a str,
    /// The service, such as `execute-api`.
    pub service: &'a str,
}

/// A session token that came with the request; not yet known to be good. `Debug`
/// does not show it.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// The access key id.
    pub access_key_id: &'a str,
    /// The session token.
    pub token: Option<&'a str>,
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Verifies the signature of a request at `now`. `lookup` gives the secret
/// access key of an access key id *and* token, together with whatever the
/// caller wants to know of its owner, which is given back; it must refuse a
/// token that does not belong to the access key id, and a missing one where
/// there must be one.
///
/// # Errors
/// Whatever is not exactly a good signature.
pub fn verify<T>(
    request: &Received<'_>,
    scope: Scope<'_>,
    now: DateTime<Utc>,
    lookup: impl FnOnce(Presented<'_>) -> Result<(Secret, T), Refusal>,
) -> Result<T, Refusal> {
    target::refuse_ambiguous(request.path, request.query)?;
    target::refuse_presigned(request.query)?;
    let Some(authorization) = single(request.headers, &AUTHORIZATION)? else {
        return Err(Refusal::Unsigned);
    };
    let authorization = Authorization::parse(authorization)?;
    authorization.refuse_other_scope(scope)?;
    let at = signed_at(request.headers, &authorization, now)?;
    refuse_unsigned_headers(request.headers, &authorization)?;
    refuse_other_body(request)?;
    let token = single(request.headers, &X_AMZ_SECURITY_TOKEN)?;
    let presented = Presented { access_key_id: authorization.access_key_id, token };
    let (secret, owner) = lookup(presented)?;
    let expected = signature(request, scope, &authorization, at, &secret, token)?;
    if expected.as_bytes().ct_eq(authorization.signature.as_bytes()).into() {
        Ok(owner)
    } else {
        Err(Refusal::Mismatch)
    }
}

/// The one value of a header; none when it is absent.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::Malformed("a header of the signature is given more than once"));
    }
    match value.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(Refusal::Malformed("a header of the signature is not plain text")),
    }
}

/// When the request was signed: within [`SKEW`] of `now`, on the day of the
/// credential scope.
fn signed_at(
    headers: &HeaderMap,
    authorization: &Authorization<'_>,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, Refusal> {
    const FORM: &str = "%Y%m%dT%H%M%SZ";
    let malformed = || Refusal::Malformed("x-amz-date is not of the form 20260131T235959Z");
    let Some(text) = single(headers, &X_AMZ_DATE)? else {
        return Err(Refusal::Malformed("there is no x-amz-date header"));
    };
    let at = NaiveDateTime::parse_from_str(text, FORM).map_err(|_| malformed())?.and_utc();
    // Whole seconds, written back: the parser takes more spellings, and leap
    // seconds, which would be signed as another instant than was sent.
    let at = DateTime::from_timestamp(at.timestamp(), 0).ok_or_else(malformed)?;
    if at.format(FORM).to_string() != text {
        return Err(malformed());
    }
    if at.format("%Y%m%d").to_string() != authorization.date {
        return Err(Refusal::Malformed("the credential scope is of another day than x-amz-date"));
    }
    if (now - at).abs() > SKEW {
        return Err(Refusal::Skewed { signed: at, now });
    }
    Ok(at)
}

/// Host and everything of AWS's own must be signed, and what is said to be
/// signed must be there.
fn refuse_unsigned_headers(
    headers: &HeaderMap,
    authorization: &Authorization<'_>,
) -> Result<(), Refusal> {
    if single(headers, &HOST)?.is_none() {
        return Err(Refusal::Malformed("there is no Host header"));
    }
    single(headers, &X_AMZ_CONTENT_SHA256)?;
    for name in headers.keys() {
        let must = *name == HOST || name.as_str().starts_with("x-amz-");
        if must && !authorization.signs(name.as_str()) {
            return Err(Refusal::UnsignedHeader(name.as_str().to_owned()));
        }
    }
    if authorization.signed_headers().all(|name| headers.contains_key(name)) {
        Ok(())
    } else {
        Err(Refusal::Malformed("a header in SignedHeaders was not sent"))
    }
}

/// `x-amz-content-sha256` need not be sent, but must be true.
fn refuse_other_body(request: &Received<'_>) -> Result<(), Refusal> {
    let Some(claimed) = single(request.headers, &X_AMZ_CONTENT_SHA256)? else { return Ok(()) };
    let actual = data_encoding::HEXLOWER.encode(&Sha256::digest(request.body));
    if claimed == actual { Ok(()) } else { Err(Refusal::Body) }
}

/// The signature that the request should bear.
fn signature(
    request: &Received<'_>,
    scope: Scope<'_>,
    authorization: &Authorization<'_>,
    at: DateTime<Utc>,
    secret: &Secret,
    token: Option<&str>,
) -> Result<String, Refusal> {
    let mut signed = Vec::new();
    for (name, value) in request.headers {
        if !authorization.signs(name.as_str()) {
            continue;
        }
        let Ok(value) = value.to_str() else {
            return Err(Refusal::Malformed("a signed header is not plain text"));
        };
        signed.push((name.as_str(), value));
    }
    // The authority is never used, since Host is among the headers; a hostile
    // Host therefore never meets a URI parser.
    let uri = if request.query.is_empty() {
        format!("http://signed.invalid{}", request.path)
    } else {
        format!("http://signed.invalid{}?{}", request.path, request.query)
    };
    let unusable = || Refusal::Malformed("the request cannot be signed as it was sent");
    let body = SignableBody::Bytes(request.body);
    let signable = SignableRequest::new(request.method, uri, signed.into_iter(), body)
        .map_err(|_| unusable())?;
    let identity = Credentials::new(
        authorization.access_key_id,
        secret.reveal(),
        token.map(str::to_owned),
        None,
        "sentinel dev",
    )
    .into();
    let mut settings = SigningSettings::default();
    // What the client says it signed is what is signed, `user-agent` too.
    settings.excluded_headers = None;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(SystemTime::from(at))
        .settings(settings)
        .build()
        .map_err(|_| unusable())?
        .into();
    let (_, signature) = sign(signable, &params).map_err(|_| unusable())?.into_parts();
    Ok(signature)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn a_request_and_its_token_show_no_secret() {
        let secret = "wJalrXUtnFEMI";
        let mut headers = HeaderMap::new();
        headers.insert(X_AMZ_SECURITY_TOKEN, HeaderValue::from_static(secret));
        let received = Received {
            method: "GET",
            path: "/profiles",
            query: secret,
            headers: &headers,
            body: secret.as_bytes(),
        };
        let presented = Presented { access_key_id: "ASIA", token: Some(secret) };
        let shown = format!("{received:?} {presented:?}");
        assert!(shown.contains("/profiles") && shown.contains("ASIA"), "{shown}");
        assert!(!shown.contains(secret), "{shown}");
        assert!(!shown.contains(&format!("{:?}", secret.as_bytes())), "{shown}");
    }
}
