#![doc = include_str!("../README.md")]
// Each public type either can grow (`#[non_exhaustive]`) or states why it cannot (`#[expect]` with a
// reason).
#![deny(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod authorization;
mod error;
mod secret;
mod target;

use std::fmt;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use http::HeaderMap;
use http::header::{AUTHORIZATION, HOST, HeaderName};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use authorization::Authorization;
pub use error::SignatureError;
pub use secret::SecretKey;

/// Maximum difference between the time of a signature and the verifier's time. AWS documents that a
/// request must reach it within five minutes of the time of its signature, in most cases.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/signing-elements.html>
pub const SKEW: TimeDelta = TimeDelta::minutes(5);

const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// A request as it was received. `Debug` omits the query, the headers and the body,
/// which can contain signatures, tokens and session ids.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a signature covers these parts of a request")]
pub struct Received<'a> {
    /// The method, such as `GET`.
    pub method: &'a str,
    /// The path as it was sent, still percent-encoded.
    pub path: &'a str,
    /// The query as it was sent, without the `?`. Empty if there is none.
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

/// The region and service that a signature must be for.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the parts of a credential scope are fixed")]
pub struct CredentialScope<'a> {
    /// The region, such as `us-east-1`.
    pub region: &'a str,
    /// The service, such as `execute-api`.
    pub service: &'a str,
}

/// The identification of credentials in a request, before it is verified. `Debug`
/// omits the token.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Presented<'a> {
    /// The access key id.
    pub access_key_id: &'a str,
    /// The session token, if the request has one.
    pub token: Option<&'a str>,
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Verifies the signature of a request at `now`, and returns the owner of the
/// credentials.
///
/// `lookup` returns the secret access key and the owner for an access key id *and*
/// token. It must refuse a token that does not belong to the access key id, and a
/// missing token if the credentials are temporary.
///
/// # Errors
/// [`SignatureError`] if the signature is missing, malformed or ambiguous, for another
/// scope or time, or does not match the request; or the refusal of `lookup`.
pub fn verify<T>(
    request: &Received<'_>,
    scope: CredentialScope<'_>,
    now: DateTime<Utc>,
    lookup: impl FnOnce(Presented<'_>) -> Result<(SecretKey, T), SignatureError>,
) -> Result<T, SignatureError> {
    target::refuse_ambiguous(request.path, request.query)?;
    target::refuse_presigned(request.query)?;
    let Some(authorization) = single(request.headers, &AUTHORIZATION)? else {
        return Err(SignatureError::Unsigned);
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
        Err(SignatureError::Mismatch)
    }
}

/// The only value of a header. `None` if it is absent.
fn single<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'a str>, SignatureError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(SignatureError::Malformed("a header of the signature is given more than once"));
    }
    match value.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(SignatureError::Malformed("a header of the signature is not plain text")),
    }
}

/// The time at which the request was signed: within [`SKEW`] of `now`, on the day of
/// the credential scope.
fn signed_at(
    headers: &HeaderMap,
    authorization: &Authorization<'_>,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, SignatureError> {
    const FORM: &str = "%Y%m%dT%H%M%SZ";
    let malformed = || SignatureError::Malformed("x-amz-date is not of the form 20260131T235959Z");
    let Some(text) = single(headers, &X_AMZ_DATE)? else {
        return Err(SignatureError::Malformed("there is no x-amz-date header"));
    };
    let at = NaiveDateTime::parse_from_str(text, FORM).map_err(|_| malformed())?.and_utc();
    // Whole seconds, written back: the parser takes more spellings, and leap
    // seconds, which would be signed as another instant than was sent.
    let at = DateTime::from_timestamp(at.timestamp(), 0).ok_or_else(malformed)?;
    if at.format(FORM).to_string() != text {
        return Err(malformed());
    }
    if at.format("%Y%m%d").to_string() != authorization.date {
        return Err(SignatureError::Malformed(
            "the credential scope is of another day than x-amz-date",
        ));
    }
    if (now - at).abs() > SKEW {
        return Err(SignatureError::Skewed { signed: at, now });
    }
    Ok(at)
}

/// Refuses a request without a signature over `host` and all `x-amz-` headers, or
/// without a header that is listed as signed.
fn refuse_unsigned_headers(
    headers: &HeaderMap,
    authorization: &Authorization<'_>,
) -> Result<(), SignatureError> {
    if single(headers, &HOST)?.is_none() {
        return Err(SignatureError::Malformed("there is no Host header"));
    }
    single(headers, &X_AMZ_CONTENT_SHA256)?;
    for name in headers.keys() {
        let must = *name == HOST || name.as_str().starts_with("x-amz-");
        if must && !authorization.signs(name.as_str()) {
            return Err(SignatureError::UnsignedHeader(name.as_str().to_owned()));
        }
    }
    if authorization.signed_headers().all(|name| headers.contains_key(name)) {
        Ok(())
    } else {
        Err(SignatureError::Malformed("a header in SignedHeaders was not sent"))
    }
}

/// Refuses a wrong `x-amz-content-sha256`. The header is optional.
fn refuse_other_body(request: &Received<'_>) -> Result<(), SignatureError> {
    let Some(claimed) = single(request.headers, &X_AMZ_CONTENT_SHA256)? else { return Ok(()) };
    let actual = data_encoding::HEXLOWER.encode(&Sha256::digest(request.body));
    if claimed == actual { Ok(()) } else { Err(SignatureError::Body) }
}

/// The signature that the request must have.
fn signature(
    request: &Received<'_>,
    scope: CredentialScope<'_>,
    authorization: &Authorization<'_>,
    at: DateTime<Utc>,
    secret: &SecretKey,
    token: Option<&str>,
) -> Result<String, SignatureError> {
    let mut signed = Vec::new();
    for (name, value) in request.headers {
        if !authorization.signs(name.as_str()) {
            continue;
        }
        let Ok(value) = value.to_str() else {
            return Err(SignatureError::Malformed("a signed header is not plain text"));
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
    let unusable = || SignatureError::Malformed("the request cannot be signed as it was sent");
    let body = SignableBody::Bytes(request.body);
    let signable = SignableRequest::new(request.method, uri, signed.into_iter(), body)
        .map_err(|_| unusable())?;
    let identity = Credentials::new(
        authorization.access_key_id,
        secret.reveal(),
        token.map(str::to_owned),
        None,
        "sentinel-sigv4",
    )
    .into();
    let mut settings = SigningSettings::default();
    // Sign exactly the headers that the client lists, `user-agent` included.
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
    use http::header::HeaderValue;

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
