//! The counterpart of API Gateway: reads a request, has its signature verified,
//! creates an event from it, and forwards the function's response.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use chrono::Utc;
use data_encoding::HEXLOWER;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::StatusCode;
use hyper::body::{Body, Incoming};
use hyper::http::request::Parts;
use sentinel_authorizer::Authorizer;
use sentinel_broker::Home;
use sentinel_tvm::{Invocation, Tvm};

use crate::callers::Callers;
use crate::event::Request;
use crate::response::{Response, error, forwarded};
use crate::{downstream, sts};

/// Maximum size of a body, in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// Maximum total size of the request line and the headers, in bytes.
const MAX_HEAD: usize = 32 * 1024;
const MAX_HEADERS: usize = 100;
/// Maximum time to receive a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// The time limit of Lambda for the TVM.
const DEADLINE: Duration = Duration::from_secs(30);

/// The two functions, and the callers that can call them.
#[derive(Debug)]
pub(crate) struct Gateway {
    pub(crate) tvm: Tvm,
    pub(crate) authorizer: Authorizer,
    pub(crate) callers: Callers,
    pub(crate) home: Home,
}

/// An id for a request, from the system's random source.
pub(crate) fn request_id() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(HEXLOWER.encode(&bytes))
}

impl Gateway {
    /// Responds to one request. Never fails: every error is a response.
    pub(crate) async fn serve(&self, request: &Request) -> Response {
        match request.path.as_str() {
            "/sts" | "/sts/" => sts::serve(request, &self.callers, Utc::now()),
            path if path == "/downstream" || path.starts_with("/downstream/") => {
                downstream::serve(request, &self.authorizer).await
            }
            _ => self.invoke(request).await,
        }
    }

    async fn invoke(&self, request: &Request) -> Response {
        let signer = match self.callers.signer(request, "execute-api", Utc::now()) {
            Ok(signer) => signer,
            Err(refusal) => {
                tracing::info!(request_id = request.request_id, %refusal, "refused a signature");
                return error(
                    StatusCode::FORBIDDEN,
                    "IAM_AUTH_REQUIRED",
                    &format!(
                        "{refusal} (service `execute-api`, region `us-east-1`, the access key of \
                         an identity in this server's credentials file)"
                    ),
                    &request.request_id,
                );
            }
        };
        let deadline = Instant::now() + DEADLINE;
        let invocation = Invocation::new(&request.request_id, self.home.clone(), deadline);
        let response = self.tvm.handle(&request.iam_event(&signer), &invocation).await;
        forwarded(response, &request.request_id)
    }
}

/// Reads a complete request, within limits. Otherwise returns the response that
/// refuses it.
pub(crate) async fn read(
    request: hyper::Request<Incoming>,
    source_ip: IpAddr,
    request_id: String,
) -> Result<Request, Response> {
    let oversized = |message: &str| {
        error(StatusCode::PAYLOAD_TOO_LARGE, "REQUEST_TOO_LARGE", message, &request_id)
    };
    let too_large = || oversized(&format!("a request body has at most {MAX_BODY} bytes"));
    let unreadable = |status, message| error(status, "INVALID_REQUEST", message, &request_id);
    let (parts, body) = request.into_parts();
    if head(&parts) > MAX_HEAD || parts.headers.len() > MAX_HEADERS {
        return Err(oversized(&format!(
            "a request line and its headers have at most {MAX_HEAD} bytes and {MAX_HEADERS} headers"
        )));
    }
    // A body that declares itself too large is refused without reading it.
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    let body = tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect())
        .await
        .map_err(|_| unreadable(StatusCode::REQUEST_TIMEOUT, "the body was not received in time"))?
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                too_large()
            } else {
                unreadable(StatusCode::BAD_REQUEST, "the body could not be read")
            }
        })?;
    Ok(Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: body.to_bytes().into(),
        source_ip,
        received: Utc::now(),
        request_id,
    })
}

/// The size of a request line and its headers.
fn head(parts: &Parts) -> usize {
    let target = parts.uri.path().len() + parts.uri.query().map_or(0, str::len);
    let headers = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    parts.method.as_str().len() + target + headers.sum::<usize>()
}
