//! Signatures of requests, against an implementation of AWS's description of Signature Version 4.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use arbitrary::{Arbitrary, Result, Unstructured};
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use sentinel_sigv4::{CredentialScope, Received, SecretKey, verify};
use sha2::{Digest, Sha256};

use crate::made;

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SCOPE: CredentialScope<'_> = CredentialScope { region: "us-east-1", service: "execute-api" };

/// The time of the verifier, whole seconds before midnight.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_380_799, 0).unwrap()
}

/// A request before it is signed. Paths and queries are in parts, which are percent-encoded.
#[derive(Arbitrary, Clone, Debug)]
struct Parts {
    method: Method,
    segments: Vec<String>,
    query: Vec<(String, String)>,
    headers: Vec<(Name, String)>,
    body: Vec<u8>,
    has_digest: bool,
    token: Option<String>,
    /// Seconds from the time of the verifier.
    skew: i16,
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
enum Method {
    Get,
    Post,
    Put,
    Delete,
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    ContentType,
    Accept,
    UserAgent,
    Target,
}

impl Name {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ContentType => "content-type",
            Self::Accept => "accept",
            Self::UserAgent => "user-agent",
            Self::Target => "x-amz-target",
        }
    }
}

/// What is different in the request that is received.
#[derive(Arbitrary, Clone, Debug)]
enum Change {
    Method(Method),
    Segments(Vec<String>),
    Query(Vec<(String, String)>),
    Body(Vec<u8>),
    Header(Name, String),
    RemovedHeader(Name),
    RepeatedHeader(Name),
    Token(Option<String>),
    Signature(u8, u8),
    Secret,
    Region,
    Late(u16),
}

/// A request that is signed as AWS describes is accepted. One that differs in what the signature covers
/// is refused, and so is every request without the secret.
pub fn signature(bytes: &[u8]) {
    made(bytes, |u| {
        let parts = Parts::arbitrary(u)?;
        let Some(sent) = Sent::signed(&parts) else { return Ok(()) };
        let is_timely = parts.skew.unsigned_abs() <= 300;
        assert_eq!(sent.is_accepted(SECRET, SCOPE, now()), is_timely, "{parts:?} {sent:?}");
        let change = Change::arbitrary(u)?;
        assert!(!sent.is_accepted_after(&parts, &change), "{change:?} of {parts:?} {sent:?}");
        Ok(())
    });
}

/// A request as it is sent.
#[derive(Clone, Debug)]
struct Sent {
    method: &'static str,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Sent {
    /// `None` if the parts are not those of a request that clients send.
    fn signed(parts: &Parts) -> Option<Self> {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("127.0.0.1:8787"));
        for (name, value) in &parts.headers {
            headers.insert(HeaderName::from_static(name.as_str()), plain(value)?);
        }
        if parts.has_digest {
            let digest = HEXLOWER.encode(&Sha256::digest(&parts.body));
            headers.insert("x-amz-content-sha256", plain(&digest)?);
        }
        if let Some(token) = &parts.token {
            // No token of AWS has a space, and a server removes those at the ends.
            if token.contains(' ') {
                return None;
            }
            headers.insert("x-amz-security-token", plain(token)?);
        }
        let at = now() + TimeDelta::seconds(parts.skew.into());
        headers.insert("x-amz-date", plain(&at.format("%Y%m%dT%H%M%SZ").to_string())?);
        let mut sent = Self {
            method: parts.method.as_str(),
            path: path(&parts.segments)?,
            query: query(&parts.query)?,
            headers,
            body: parts.body.clone(),
        };
        let scope =
            format!("{}/{}/{}/aws4_request", at.format("%Y%m%d"), SCOPE.region, SCOPE.service);
        let names = sent.names();
        let canonical = sent.canonical(&names);
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{}\n{scope}\n{}",
            at.format("%Y%m%dT%H%M%SZ"),
            HEXLOWER.encode(&Sha256::digest(canonical))
        );
        let key = scope
            .split('/')
            .fold(format!("AWS4{SECRET}").into_bytes(), |key, part| mac(&key, part));
        let signature = HEXLOWER.encode(&mac(&key, &to_sign));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={}, Signature={signature}",
            names.join(";")
        );
        sent.headers.insert("authorization", plain(&authorization)?);
        Some(sent)
    }

    /// The names of the signed headers: all.
    fn names(&self) -> Vec<String> {
        let names = self.headers.keys().map(|name| name.as_str().to_owned());
        let mut names: Vec<_> = names.filter(|name| *name != "authorization").collect();
        names.sort_unstable();
        names
    }

    /// The canonical request, if those headers are signed.
    fn canonical(&self, names: &[String]) -> String {
        let path = self.path.split('/').map(encoded).collect::<Vec<_>>().join("/");
        let mut query: Vec<_> = self
            .query
            .split('&')
            .filter(|part| !part.is_empty())
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .collect();
        query.sort_unstable();
        let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let value = |name: &String| self.headers.get(name).map(trimmed).unwrap_or_default();
        let headers: Vec<_> =
            names.iter().map(|name| format!("{name}:{}\n", value(name))).collect();
        format!(
            "{}\n{path}\n{}\n{}\n{}\n{}",
            self.method,
            query.join("&"),
            headers.concat(),
            names.join(";"),
            HEXLOWER.encode(&Sha256::digest(&self.body))
        )
    }

    fn is_accepted(&self, secret: &str, scope: CredentialScope<'_>, now: DateTime<Utc>) -> bool {
        let Self { method, path, query, headers, body } = self;
        let received = Received { method, path, query, headers, body };
        verify(&received, scope, now, |presented| {
            assert_eq!(presented.access_key_id, KEY);
            Ok((SecretKey::new(secret), ()))
        })
        .is_ok()
    }

    /// Whether the request is accepted with that change, which makes it another request. A change that
    /// does not is not sent.
    fn is_accepted_after(&self, parts: &Parts, change: &Change) -> bool {
        let mut sent = self.clone();
        let at = at_of(parts);
        match change {
            Change::Method(method) => sent.method = method.as_str(),
            Change::Segments(segments) => match path(segments) {
                Some(path) => sent.path = path,
                None => return false,
            },
            Change::Query(pairs) => match query(pairs) {
                Some(query) => sent.query = query,
                None => return false,
            },
            Change::Body(body) => sent.body.clone_from(body),
            Change::Header(name, value) => match plain(value) {
                Some(value) => drop(sent.headers.insert(name.as_str(), value)),
                None => return false,
            },
            Change::RemovedHeader(name) => drop(sent.headers.remove(name.as_str())),
            Change::RepeatedHeader(name) => match sent.headers.get(name.as_str()).cloned() {
                Some(value) => drop(sent.headers.append(name.as_str(), value)),
                None => return false,
            },
            Change::Token(token) => match token {
                Some(token) => match plain(token) {
                    Some(token) => drop(sent.headers.insert("x-amz-security-token", token)),
                    None => return false,
                },
                None => drop(sent.headers.remove("x-amz-security-token")),
            },
            Change::Signature(place, digit) => {
                let mut text = sent.headers["authorization"].to_str().unwrap().to_owned();
                let index = text.len() - 64 + usize::from(place % 64);
                let digit = char::from(b"0123456789abcdef"[usize::from(digit % 16)]);
                let same = text[index..].starts_with(digit);
                text.replace_range(index..=index, digit.encode_utf8(&mut [0; 4]));
                sent.headers.insert("authorization", plain(&text).unwrap());
                return !same && sent.is_accepted(SECRET, SCOPE, at);
            }
            Change::Secret => return sent.is_accepted(&SECRET.to_lowercase(), SCOPE, at),
            Change::Region => {
                let scope = CredentialScope { region: "eu-west-1", ..SCOPE };
                return sent.is_accepted(SECRET, scope, at);
            }
            Change::Late(seconds) => {
                let late = at + TimeDelta::seconds(301 + i64::from(*seconds));
                return sent.is_accepted(SECRET, SCOPE, late);
            }
        }
        // A header that is not signed can be added, but for those of AWS.
        let names = self.names();
        let is_covered = |name: &str| names.iter().any(|signed| signed == name);
        let is_other = sent.canonical(&names) != self.canonical(&names)
            || sent.headers.len() != sent.headers.keys_len()
            || !names.iter().all(|name| sent.headers.contains_key(name))
            || sent.names().iter().any(|name| name.starts_with("x-amz-") && !is_covered(name));
        is_other && sent.is_accepted(SECRET, SCOPE, at)
    }
}

/// A verifier's time at which the signature is in time.
fn at_of(parts: &Parts) -> DateTime<Utc> {
    now() + TimeDelta::seconds(parts.skew.into())
}

impl Method {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

fn path(segments: &[String]) -> Option<String> {
    let is_plain = |segment: &String| !matches!(segment.as_str(), "" | "." | "..");
    if !segments.iter().all(is_plain) {
        return None;
    }
    Some(format!("/{}", segments.iter().map(|it| encoded(it)).collect::<Vec<_>>().join("/")))
}

fn query(pairs: &[(String, String)]) -> Option<String> {
    let is_signature =
        |name: &str| name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"));
    if pairs.iter().any(|(name, _)| name.is_empty() || is_signature(name)) {
        return None;
    }
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    Some(pairs.collect::<Vec<_>>().join("&"))
}

/// A header value of printable ASCII. Other values are not signed by all clients alike.
fn plain(text: &str) -> Option<HeaderValue> {
    let is_plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if is_plain { HeaderValue::from_str(text).ok() } else { None }
}

/// The value without spaces around it, and with one space for several.
fn trimmed(value: &HeaderValue) -> String {
    let text = value.to_str().unwrap_or_default();
    text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Percent-encoded, except for letters, digits and `-_.~`.
fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.chain_update(text.as_bytes()).finalize().into_bytes().to_vec()
}

/// Any headers, paths and queries are refused, since the input was not signed.
pub fn signature_headers(bytes: &[u8]) {
    made(bytes, |u| {
        let mut headers = HeaderMap::new();
        for _ in 0..u.int_in_range(0..=8)? {
            let (name, value) = header(u)?;
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        let paths = ["/", "/profiles", "//", "/a/../b", "*", "", "/%2e%2e"];
        let queries = ["", "profile=production", "X-Amz-Signature=0"];
        let path = if u.ratio(7, 8)? { *u.choose(&paths)? } else { u.arbitrary()? };
        let query = if u.ratio(7, 8)? { *u.choose(&queries)? } else { u.arbitrary()? };
        let received = Received { method: "GET", path, query, headers: &headers, body: b"" };
        let verified = verify(&received, SCOPE, now(), |_| Ok((SecretKey::new(SECRET), ())));
        let error = verified.expect_err("accepted");
        assert!(!error.to_string().contains(SECRET) && error.to_string().len() < 8_192, "{error}");
        Ok(())
    });
}

fn header(u: &mut Unstructured<'_>) -> Result<(&'static str, Vec<u8>)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let any = u.int_in_range(0..=3_u8)? == 3;
    Ok(match u.int_in_range(0..=5_u8)? {
        0 => ("host", text("127.0.0.1:8787")),
        1 if !any => ("x-amz-date", text(u.choose(&["20260925T235959Z", "20260926T000100Z"])?)),
        1 => ("x-amz-date", u.arbitrary::<&[u8]>()?.to_vec()),
        2 => ("x-amz-content-sha256", u.arbitrary::<&[u8]>()?.to_vec()),
        3 => ("x-amz-security-token", u.arbitrary::<&[u8]>()?.to_vec()),
        _ if any => ("authorization", u.arbitrary::<&[u8]>()?.to_vec()),
        _ => {
            let names =
                ["host;x-amz-date", "host", "", "host;host", "x-amz-date;host", "Host", ";"];
            let scopes = [
                "20260925/us-east-1/execute-api/aws4_request",
                "20260926/us-east-1/execute-api/aws4_request",
                "20260925/eu-west-1/execute-api/aws4_request",
                "20260925/us-east-1/execute-api/aws4_request/",
            ];
            let (names, scope) = (*u.choose(&names)?, *u.choose(&scopes)?);
            let signature = match u.int_in_range(0..=1_u8)? {
                0 => "0".repeat(64),
                _ => u.arbitrary::<&str>()?.to_owned(),
            };
            let authorization = format!(
                "AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={signature}"
            );
            ("authorization", authorization.into_bytes())
        }
    })
}
