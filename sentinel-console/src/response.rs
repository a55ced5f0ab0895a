//! Responses, with the headers that confine the page in a browser.

use std::convert::Infallible;

use http::StatusCode;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use serde_json::{Value, json};

/// The body of a response: complete, or the decisions as they happen.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A response.
pub type Response = http::Response<Body>;

/// Scripts, styles and connections of this server only; no frame, no form, and no text that a script
/// could turn into markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

const HEADERS: [(HeaderName, &str); 8] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// A response of that type.
pub(crate) fn of(status: StatusCode, media: &'static str, body: impl Into<Bytes>) -> Response {
    streamed(status, media, Full::new(body.into()).boxed_unsync())
}

/// A response whose body may not be complete yet.
pub(crate) fn streamed(status: StatusCode, media: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// A JSON document.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response {
    of(status, "application/json", value.to_string())
}

/// An error of the console itself.
pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Response {
    json(status, &json!({ "code": code, "message": message }))
}

/// The method is not one of the path.
pub(crate) fn method_not_allowed(allowed: &'static str) -> Response {
    let mut response = error(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED",
        &format!("use the method {allowed}"),
    );
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}
