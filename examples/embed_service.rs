//! An HTTP service that vends without API Gateway: axum receives the request, `sentinel-sigv4` verifies who
//! signed it, and the broker decides and vends.
//!
//! A verifier needs the secret keys of its callers, and AWS reveals none. So the service has keys of its
//! own, here two in the code. It listens on this machine only: put TLS in front of it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, body::to_bytes, routing::get};
use sentinel_broker::{
    Broker, Call, Denial, ErrorCode, Home, LocalIssuer, OsRandom, Parts, Random,
};
use sentinel_broker::{SessionTable, Settings, Vend, VerifiedIdentity};
use sentinel_sigv4::{CredentialScope, Received, SecretKey, SignatureError, verify};
use sentinel_store::memory::{MemoryPolicies, MemorySessions};
use sentinel_store::{Clock, JsonLines, PolicyPath, ProfileName, SystemClock};
use sentinel_wire::{ErrorBody, header};
use serde::Deserialize;

const SCOPE: CredentialScope<'_> = CredentialScope { region: "eu-central-1", service: "vend" };
const ACCOUNT: &str = "111122223333";

/// Everything in memory: use durable stores, an issuer that calls STS, and a sink that is kept.
fn broker() -> Arc<Broker> {
    let (path, policies) = (PolicyPath::new("/sentinel/policies/main"), MemoryPolicies::new());
    policies.put(&path, include_str!("policies/main.yaml"));
    let issuer = LocalIssuer::new([7; 32], Arc::new(SystemClock), Arc::new(OsRandom));
    let records = JsonLines::new(std::io::stderr());
    let parts = Parts::new(Arc::new(policies), Arc::new(issuer), Arc::new(records));
    let sessions = SessionTable::new("sessions", Arc::new(MemorySessions::new()));
    Arc::new(Broker::new(Settings::new(path), parts.with_sessions(sessions)))
}

/// The query of a request.
#[derive(Deserialize)]
struct Wanted {
    profile: ProfileName,
}

/// `GET /?profile=…`, signed.
async fn vend(State(broker): State<Arc<Broker>>, request: Request) -> Response {
    let mut id = [0; 8];
    if OsRandom.fill(&mut id).is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let id = format!("{:016x}", u64::from_be_bytes(id));
    answer(&broker, &id, request).await.unwrap_or_else(|Denial { code, message, .. }| {
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::FORBIDDEN);
        (status, Json(ErrorBody::new(code.as_str(), message, id))).into_response()
    })
}

/// Nothing is read from the request before its signature is verified. The signature covers the body.
async fn answer(broker: &Broker, id: &str, request: Request) -> Result<Response, Denial> {
    let invalid = |_| Denial::new(ErrorCode::InvalidRequest, "send `?profile=NAME`, and no body");
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 4096).await.map_err(|error| invalid(error.to_string()))?;
    let (method, path) = (head.method.as_str(), head.uri.path());
    let (query, headers) = (head.uri.query().unwrap_or_default(), &head.headers);
    let received = Received { method, path, query, headers, body: &body };
    let owner = verify(&received, SCOPE, SystemClock.now(), |shown| {
        // The secret key of an access key id, and its user.
        match (shown.access_key_id, shown.token) {
            ("AKIDEXAMPLEOFALICE01", None) => Ok((SecretKey::new("secret of alice"), "alice")),
            ("AKIDEXAMPLEOFMALLORY", None) => Ok((SecretKey::new("secret of mallory"), "mallory")),
            _ => Err(SignatureError::UnknownKey),
        }
    });
    let user = owner.map_err(|error| Denial::new(ErrorCode::IamAuthRequired, error.to_string()))?;
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/{user}");
    let home = Home::from_arn(&arn).ok_or_else(Denial::misconfigured)?;
    let call = Call::new(id, home, Instant::now() + Duration::from_secs(25));
    let caller = broker.identify(&call, &VerifiedIdentity::new(&arn, ACCOUNT))?;
    let wanted = Query::<Wanted>::try_from_uri(&head.uri);
    let Query(Wanted { profile }) = wanted.map_err(|error| invalid(error.to_string()))?;
    let vended = broker.vend(&call, &caller, &Vend::new(profile)).await?;
    let session = vended.session.map(|session| session.reveal().to_string()).unwrap_or_default();
    let headers = [("cache-control", "no-store".to_owned()), (header::SESSION_ID, session)];
    Ok((headers, Json(vended.credentials)).into_response())
}

fn app() -> Router {
    Router::new().route("/", get(vend)).with_state(broker())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 8080)).await?;
    axum::serve(listener, app()).await
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4::SigningParams;
    use axum::body::Body;
    use serde_json::Value;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const HOST: &str = "127.0.0.1:8080";

    /// A request that is signed as the AWS SDKs sign.
    fn signed(uri: &str, key: &str, secret: &str) -> Request {
        let identity = Credentials::new(key, secret, None, None, "test").into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(SCOPE.region)
            .name(SCOPE.service)
            .time(SystemClock.now().into())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let (url, headers) = (format!("http://{HOST}{uri}"), [("host", HOST)].into_iter());
        let signable = SignableRequest::new("GET", &*url, headers, SignableBody::Bytes(b""));
        let (instructions, _) = sign(signable.unwrap(), &params).unwrap().into_parts();
        let (headers, _) = instructions.into_parts();
        let request = Request::builder().uri(uri).header("host", HOST);
        let request = headers
            .iter()
            .fold(request, |request, header| request.header(header.name(), header.value()));
        request.body(Body::empty()).unwrap()
    }

    async fn json(response: Response) -> (u16, Value) {
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn only_a_signature_of_a_caller_that_the_policy_allows_vends() {
        let (alice, mallory) = ("AKIDEXAMPLEOFALICE01", "AKIDEXAMPLEOFMALLORY");
        for (uri, key, secret, status, code) in [
            ("/?profile=production", alice, "secret of alice", 200, None),
            ("/?profile=production", mallory, "secret of mallory", 403, Some("POLICY_DENY")),
            ("/?profile=production", alice, "guessed", 403, Some("IAM_AUTH_REQUIRED")),
            ("/?profile=production", "AKIDEXAMPLEOFNOTHING", "x", 403, Some("IAM_AUTH_REQUIRED")),
            ("/?profile=a/b", alice, "secret of alice", 400, Some("INVALID_REQUEST")),
            ("/", alice, "secret of alice", 400, Some("INVALID_REQUEST")),
        ] {
            let (found, body) = json(vend(State(broker()), signed(uri, key, secret)).await).await;
            assert_eq!((found, body["Code"].as_str()), (status, code), "{uri} {key}: {body}");
            assert_eq!(body["AccessKeyId"].is_string(), code.is_none(), "{uri} {key}");
        }
        let unsigned = Request::builder().uri("/?profile=production").body(Body::empty()).unwrap();
        let denial = answer(&broker(), "r-1", unsigned).await.unwrap_err();
        assert_eq!(denial.code, ErrorCode::IamAuthRequired);
    }

    #[tokio::test]
    async fn the_service_answers_over_http() {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, app()).await });
        let request = signed("/?profile=production", "AKIDEXAMPLEOFALICE01", "secret of alice");
        let mut text = "GET /?profile=production HTTP/1.1\r\nconnection: close\r\n".to_owned();
        for (name, value) in request.headers() {
            text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{text}\r\n").as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        server.abort();
        assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
        assert!(response.contains("x-sentinel-session-id: session-"), "{response}");
        assert!(
            response.contains("cache-control: no-store") && response.contains("\"Expiration\"")
        );
    }
}
