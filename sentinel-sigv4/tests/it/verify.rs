//! Signatures of AWS's signer are accepted. A request that differs from the signed one
//! is refused.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use chrono::{DateTime, TimeDelta, Utc};
use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use proptest::prelude::*;
use sentinel_sigv4::{CredentialScope, Received, SecretKey, SignatureError, verify};

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLETOKEN==";
const SCOPE: CredentialScope<'_> = CredentialScope { region: "us-east-1", service: "execute-api" };

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

/// A request that can be changed after it was signed.
#[derive(Clone, Debug)]
struct Request {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    fn new(method: &str, path: &str, query: &str, body: &[u8]) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("127.0.0.1:8787"));
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: body.to_vec(),
        }
    }

    /// Signs as the SDKs do.
    fn signed(self) -> Self {
        self.signed_with(SECRET, None, SCOPE, now())
    }

    fn signed_with(
        mut self,
        secret: &str,
        token: Option<&str>,
        scope: CredentialScope<'_>,
        at: DateTime<Utc>,
    ) -> Self {
        let identity = Credentials::new(KEY, secret, token.map(str::to_owned), None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(scope.region)
            .name(scope.service)
            .time(SystemTime::from(at))
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let uri = format!("http://127.0.0.1:8787{}?{}", self.path, self.query);
        let headers: Vec<(String, String)> = self
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        let signable = SignableRequest::new(
            &self.method,
            uri.trim_end_matches('?'),
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())),
            SignableBody::Bytes(&self.body),
        )
        .unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        for (name, value) in instructions.headers() {
            let name: HeaderName = name.parse().unwrap();
            self.headers.insert(name, value.parse().unwrap());
        }
        self
    }

    fn verify(&self) -> Result<&'static str, SignatureError> {
        self.verify_at(now())
    }

    fn verify_at(&self, at: DateTime<Utc>) -> Result<&'static str, SignatureError> {
        let received = Received {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: &self.body,
        };
        verify(&received, SCOPE, at, |presented| {
            if presented.access_key_id != KEY {
                return Err(SignatureError::UnknownKey);
            }
            match presented.token {
                None => Ok((SecretKey::new(SECRET), "alice")),
                Some(TOKEN) => Ok((SecretKey::new(SECRET), "a session")),
                Some(_) => Err(SignatureError::UnknownKey),
            }
        })
    }

    fn set(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    fn without(mut self, name: &'static str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Changes the Authorization header.
    fn authorization(self, change: impl FnOnce(String) -> String) -> Self {
        let text = self.headers["authorization"].to_str().unwrap().to_owned();
        self.set("authorization", &change(text))
    }
}

fn post() -> Request {
    Request::new("POST", "/sessions/revoke", "a=1&b=%20x", br#"{"user":"alice"}"#)
}

#[test]
fn what_the_signer_of_aws_signed_is_accepted() {
    assert_eq!(Request::new("GET", "/", "", b"").signed().verify(), Ok("alice"));
    assert_eq!(post().signed().verify(), Ok("alice"));
    let session = post().signed_with(SECRET, Some(TOKEN), SCOPE, now());
    assert_eq!(session.verify(), Ok("a session"));
}

#[test]
fn the_example_of_awss_documentation_is_accepted() {
    // "get-vanilla" of the Signature Version 4 test suite, whose credentials and
    // signature are published with it (aws-sig-v4-test-suite, AWS, 2016).
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("example.amazonaws.com"));
    headers.insert("x-amz-date", HeaderValue::from_static("20150830T123600Z"));
    headers.insert(
        "authorization",
        HeaderValue::from_static(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE0000000/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
    );
    let received = Received { method: "GET", path: "/", query: "", headers: &headers, body: b"" };
    let at = DateTime::from_timestamp(1_440_938_160, 0).unwrap();
    let scope = CredentialScope { region: "us-east-1", service: "service" };
    // The access key id is not part of what is signed; the suite's own,
    // AKIDEXAMPLE, is shorter than AWS's are.
    let verified = verify(&received, scope, at, |_| {
        Ok((SecretKey::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), ()))
    });
    assert_eq!(verified, Ok(()));
}

#[test]
fn a_signature_is_good_for_five_minutes_around_its_time() {
    let signed = post().signed();
    for seconds in [-300, -299, 0, 299, 300] {
        assert_eq!(signed.verify_at(now() + TimeDelta::seconds(seconds)), Ok("alice"), "{seconds}");
    }
    for seconds in [-301, 301, 86_400] {
        let at = now() + TimeDelta::seconds(seconds);
        assert!(matches!(signed.verify_at(at), Err(SignatureError::Skewed { .. })), "{seconds}");
    }
}

#[test]
fn a_signature_for_elsewhere_is_refused() {
    for scope in [
        CredentialScope { region: "eu-west-1", ..SCOPE },
        CredentialScope { service: "sts", ..SCOPE },
    ] {
        let signed = post().signed_with(SECRET, None, scope, now());
        assert!(matches!(signed.verify(), Err(SignatureError::Scope { .. })));
    }
}

#[test]
fn another_secret_or_key_is_refused() {
    assert_eq!(
        post().signed_with("other", None, SCOPE, now()).verify(),
        Err(SignatureError::Mismatch)
    );
    let other = post().signed().authorization(|text| text.replace(KEY, "AKIAI44QH8DHBEXAMPLE"));
    assert_eq!(other.verify(), Err(SignatureError::UnknownKey));
}

#[test]
fn a_token_must_be_signed_and_the_right_one() {
    let signed = post().signed_with(SECRET, Some(TOKEN), SCOPE, now());
    let unsigned = post().signed().set("x-amz-security-token", TOKEN);
    assert_eq!(
        unsigned.verify(),
        Err(SignatureError::UnsignedHeader("x-amz-security-token".to_owned()))
    );
    assert_eq!(
        signed.clone().set("x-amz-security-token", "another").verify(),
        Err(SignatureError::UnknownKey)
    );
    assert!(signed.without("x-amz-security-token").verify().is_err());
}

#[test]
fn host_and_awss_own_headers_must_be_signed() {
    assert_eq!(
        post().signed().set("x-amz-target", "anything").verify(),
        Err(SignatureError::UnsignedHeader("x-amz-target".to_owned()))
    );
    let hostless = post().signed().authorization(|text| text.replace(";host", ""));
    assert_eq!(hostless.verify(), Err(SignatureError::UnsignedHeader("host".to_owned())));
    assert!(post().signed().without("host").verify().is_err());
    assert!(post().signed().without("content-type").verify().is_err(), "signed, not sent");
}

#[test]
fn headers_of_the_signature_may_stand_once_only() {
    for name in ["host", "x-amz-date", "authorization"] {
        let mut signed = post().signed();
        let value = signed.headers[name].clone();
        signed.headers.append(name, value);
        assert!(matches!(signed.verify(), Err(SignatureError::Malformed(_))), "{name}");
    }
}

#[test]
fn a_repeated_signed_header_counts_with_all_its_values() {
    let mut request = post();
    request.headers.append("x-note", HeaderValue::from_static("one"));
    request.headers.append("x-note", HeaderValue::from_static("two"));
    let mut signed = request.signed();
    assert_eq!(signed.verify(), Ok("alice"));
    signed.headers.append("x-note", HeaderValue::from_static("three"));
    assert_eq!(signed.verify(), Err(SignatureError::Mismatch));
}

#[test]
fn the_body_is_hashed_regardless_of_the_headers() {
    assert_eq!(
        post().signed().set("x-amz-content-sha256", "UNSIGNED-PAYLOAD").verify().err(),
        Some(SignatureError::UnsignedHeader("x-amz-content-sha256".to_owned()))
    );
    let mut claimed = post();
    claimed.headers.insert("x-amz-content-sha256", HeaderValue::from_static("UNSIGNED-PAYLOAD"));
    assert_eq!(claimed.signed().verify(), Err(SignatureError::Body));
    let mut changed = post().signed();
    changed.body.push(b' ');
    assert_eq!(changed.verify(), Err(SignatureError::Mismatch));
}

#[test]
fn presigned_and_unsigned_requests_are_refused() {
    assert_eq!(post().verify(), Err(SignatureError::Unsigned));
    let mut presigned = post();
    presigned.query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00".to_owned();
    assert_eq!(presigned.verify(), Err(SignatureError::Presigned));
}

#[test]
fn a_date_has_one_spelling() {
    for date in
        ["20260921T130640", "2026-09-21T13:06:40Z", "20260921T130660Z", "+2026921T130640Z", ""]
    {
        let signed = post().signed().set("x-amz-date", date);
        assert!(matches!(signed.verify(), Err(SignatureError::Malformed(_))), "{date}");
    }
}

/// A change of what was signed, or of the signature.
#[derive(Clone, Debug)]
enum Change {
    Method(String),
    Path(String),
    Query(String),
    Host(String),
    ContentType(String),
    Body(Vec<u8>),
    Seconds(i64),
    Signature(usize, char),
    SignedHeaders(String),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        "[A-Z]{1,7}".prop_map(Change::Method),
        "/[a-zA-Z0-9/._%-]{0,20}".prop_map(Change::Path),
        "[a-zA-Z0-9=&%+._-]{0,20}".prop_map(Change::Query),
        "[a-z0-9.:]{1,20}".prop_map(Change::Host),
        "[a-z/]{1,20}".prop_map(Change::ContentType),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Change::Body),
        (-400_i64..400).prop_map(Change::Seconds),
        (0_usize..64, proptest::char::range('0', 'f'))
            .prop_map(|(at, to)| Change::Signature(at, to)),
        "[a-z;-]{0,30}".prop_map(Change::SignedHeaders),
    ]
}

impl Change {
    /// Applies it; none when it changes nothing.
    fn apply(self, request: &Request) -> Option<Request> {
        let mut changed = request.clone();
        match self {
            Self::Method(method) => changed.method = method,
            Self::Path(path) => changed.path = path,
            Self::Query(query) => {
                // One set of parameters, in whatever order, is one query: that
                // is how SigV4 defines it.
                let set = |query: &str| {
                    let mut pairs: Vec<_> = form_urlencoded::parse(query.as_bytes())
                        .map(|(name, value)| (name.into_owned(), value.into_owned()))
                        .collect();
                    pairs.sort();
                    pairs
                };
                if set(&query) == set(&request.query) {
                    return None;
                }
                changed.query = query;
            }
            Self::Host(host) => changed = changed.set("host", &host),
            Self::ContentType(text) => changed = changed.set("content-type", &text),
            Self::Body(body) => changed.body = body,
            Self::Seconds(seconds) => {
                let at = now() + TimeDelta::seconds(seconds);
                changed = changed.set("x-amz-date", &at.format("%Y%m%dT%H%M%SZ").to_string());
            }
            Self::Signature(at, to) => {
                changed = changed.authorization(|text| {
                    let at = text.len() - 64 + at;
                    text.char_indices().map(|(i, c)| if i == at { to } else { c }).collect()
                });
            }
            Self::SignedHeaders(names) => {
                changed = changed.authorization(|text| {
                    let (before, after) = text.split_once("SignedHeaders=").unwrap();
                    let (_, after) = after.split_once(',').unwrap();
                    format!("{before}SignedHeaders={names},{after}")
                });
            }
        }
        let same = changed.method == request.method
            && changed.path == request.path
            && changed.query == request.query
            && changed.headers == request.headers
            && changed.body == request.body;
        (!same).then_some(changed)
    }
}

proptest! {
    /// Whatever is changed after signing, the request is refused: method, path,
    /// query, a signed header, body, date, signature, list of signed headers.
    #[test]
    fn any_change_after_signing_is_refused(change in change()) {
        let signed = Request::new("POST", "/sessions/revoke", "a=1&b=2", b"{}").signed();
        prop_assert_eq!(signed.verify(), Ok("alice"));
        if let Some(changed) = change.apply(&signed) {
            prop_assert!(changed.verify().is_err(), "{:?}", changed);
        }
    }

    /// Whatever is well-formed and signed by AWS's signer is accepted: the
    /// strictness is about ambiguity, not about content.
    #[test]
    fn whatever_is_well_formed_and_signed_is_accepted(
        method in "[A-Z]{1,10}",
        segments in proptest::collection::vec("[a-zA-Z0-9_~-]{1,8}(%[0-7][0-9A-F])?", 0..4),
        slash in any::<bool>(),
        parameters in proptest::collection::vec(("[a-z]{1,5}", "\\PC{0,10}"), 0..5),
        header in "[!-~][ -~]{0,30}[!-~]",
        body in proptest::collection::vec(any::<u8>(), 0..100),
        with_token in any::<bool>(),
    ) {
        let mut path = format!("/{}", segments.join("/"));
        if slash && !segments.is_empty() {
            path.push('/');
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let mut request = Request::new(&method, &path, &query, &body);
        request.headers.insert("x-anything", HeaderValue::from_str(&header).unwrap());
        let token = with_token.then_some(TOKEN);
        let signed = request.signed_with(SECRET, token, SCOPE, now());
        prop_assert!(signed.verify().is_ok(), "{:?}: {:?}", signed, signed.verify());
    }

    /// Whatever is sent, verifying neither panics nor lets it through.
    #[test]
    fn hostile_requests_are_refused(
        method in "\\PC{0,10}",
        path in "\\PC{0,30}",
        query in "\\PC{0,30}",
        authorization in "(AWS4-HMAC-SHA256 )?[ -~]{0,120}",
        date in "[ -~]{0,20}",
        host in "[ -~]{0,20}",
    ) {
        let mut request = Request::new(&method, &path, &query, b"");
        for (name, value) in
            [("authorization", authorization), ("x-amz-date", date), ("host", host)]
        {
            request.headers.insert(name, HeaderValue::from_str(&value).unwrap());
        }
        prop_assert!(request.verify().is_err());
    }
}
