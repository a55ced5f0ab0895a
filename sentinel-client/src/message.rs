//! Requests and responses.

use std::fmt;

use sentinel_wire::Secret;

/// A request, before it is signed.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpRequest {
    /// The method, in upper case.
    pub method: &'static str,
    /// Path and query, relative to the endpoint. A query is encoded and sorted.
    pub target: String,
    /// Headers in addition to Host, with names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body. Empty if there is none.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// A GET request.
    #[must_use]
    pub fn get(target: impl Into<String>) -> Self {
        Self { method: "GET", target: target.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// A POST request with a body of that media type.
    #[must_use]
    pub fn post(target: impl Into<String>, media: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST",
            target: target.into(),
            headers: vec![("content-type", media.to_owned())],
            body: body.into(),
        }
    }

    /// The same request with another header, whose name is in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same request to another target.
    #[must_use]
    pub fn with_target(self, target: impl Into<String>) -> Self {
        Self { target: target.into(), ..self }
    }
}

/// Without query, headers and body, which may contain a session id.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or_default();
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("path", &path)
            .finish_non_exhaustive()
    }
}

/// A response with any status.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpResponse {
    /// The HTTP status.
    pub status: u16,
    /// `X-Sentinel-Session-ID`: a bearer secret.
    pub session_id: Option<Secret>,
    /// `X-Sentinel-Duration-Bound`: what limited the lifetime of the credentials.
    pub bound: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// A response with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            session_id: None,
            bound: None,
            content_type: Some("application/json".to_owned()),
            retry_after: None,
            body: body.into(),
        }
    }

    /// The same response, which names what limited the lifetime of the credentials.
    #[must_use]
    pub fn with_bound(self, bound: impl Into<Option<String>>) -> Self {
        Self { bound: bound.into(), ..self }
    }

    /// The same response with the time after which a retry can succeed, in seconds.
    #[must_use]
    pub fn with_retry_after(self, retry_after: impl Into<Option<u64>>) -> Self {
        Self { retry_after: retry_after.into(), ..self }
    }

    /// The same response with a session id.
    #[must_use]
    pub fn with_session_id(self, session_id: impl Into<Option<Secret>>) -> Self {
        Self { session_id: session_id.into(), ..self }
    }
}

/// Without the body, which may contain credentials.
impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("session_id", &self.session_id)
            .field("bound", &self.bound)
            .field("content_type", &self.content_type)
            .finish_non_exhaustive()
    }
}
