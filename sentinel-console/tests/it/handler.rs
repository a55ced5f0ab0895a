//! The handler of the console: what it serves, to which requests, and what it sends to the TVM.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use sentinel_client::{Client, ClientError, HttpRequest, HttpResponse, Transport};
use sentinel_console::{Console, LinkUse, Person, Response};
use serde_json::{Value, json};

const PORT: u16 = 8788;
const ORIGIN: &str = "http://127.0.0.1:8788";

/// A TVM that records requests and returns the same response to each.
#[derive(Clone, Debug)]
struct Recording {
    requests: Arc<Mutex<Vec<(String, String, String)>>>,
    status: u16,
    body: Value,
}

#[async_trait]
impl Transport for Recording {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ClientError> {
        let body = String::from_utf8(request.body).unwrap();
        self.requests.lock().unwrap().push((request.method.to_owned(), request.target, body));
        Ok(HttpResponse::json(self.status, self.body.to_string()))
    }

    fn address(&self) -> String {
        "https://tvm.example.com/".to_owned()
    }
}

struct Case {
    console: Console,
    tvm: Recording,
}

impl Case {
    fn new(link_use: LinkUse) -> Self {
        Self::answering(link_use, 200, json!({}))
    }

    fn answering(link_use: LinkUse, status: u16, body: Value) -> Self {
        let tvm = Recording { requests: Arc::default(), status, body };
        let person = Person::new("alice", Client::with_transport(tvm.clone()));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
        let console = Console::new(vec![person], address, link_use).unwrap();
        Self { console, tvm }
    }

    async fn send(&self, request: Request<Vec<u8>>) -> Response {
        self.console.handle(&request, IpAddr::V4(Ipv4Addr::LOCALHOST)).await
    }

    fn code(&self) -> String {
        self.console.link().split_once("#link=").unwrap().1.to_owned()
    }

    async fn token(&self) -> String {
        let opened = self.send(post("/console/api/open", &self.code(), "{}")).await;
        assert_eq!(opened.status(), StatusCode::OK);
        body(opened).await["token"].as_str().unwrap().to_owned()
    }

    fn sent(&self) -> Vec<(String, String, String)> {
        self.tvm.requests.lock().unwrap().clone()
    }
}

fn get(path: &str, token: &str) -> Request<Vec<u8>> {
    Request::get(path)
        .header("host", "127.0.0.1:8788")
        .header("sentinel-console", token)
        .body(Vec::new())
        .unwrap()
}

fn post(path: &str, token: &str, body: &str) -> Request<Vec<u8>> {
    Request::post(path)
        .header("host", "127.0.0.1:8788")
        .header("origin", ORIGIN)
        .header("content-type", "application/json")
        .header("sentinel-console", token)
        .body(body.into())
        .unwrap()
}

async fn body(response: Response) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn every_response_confines_the_page() {
    let case = Case::new(LinkUse::Once);
    let mut other_host = get("/console/", "");
    other_host.headers_mut().insert("host", "evil.example".parse().unwrap());
    for request in
        [get("/console/", ""), get("/console/api/start", ""), get("/console/none", ""), other_host]
    {
        let response = case.send(request).await;
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin");
        let permits = |name: &&http::HeaderName| name.as_str().starts_with("access-control-");
        assert_eq!(response.headers().keys().find(permits), None);
    }
}

#[tokio::test]
async fn the_page_contains_no_inline_script_or_style() {
    let case = Case::new(LinkUse::Once);
    let response = case.send(get("/console/", "")).await;
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let page = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(!page.contains("<style") && !page.contains("style=") && !page.contains("onclick"));
    for script in page.split("<script").skip(1) {
        let (tag, rest) = script.split_once('>').unwrap();
        assert!(tag.contains("src=") && rest.starts_with("</script>"), "{tag}");
    }
    for file in
        page.split(['"', ' ']).filter(|word| word.ends_with(".js") || word.ends_with(".css"))
    {
        let found = case.send(get(&format!("/console/{file}"), "")).await;
        assert_eq!(found.status(), StatusCode::OK, "{file}");
    }
}

#[tokio::test]
async fn a_call_without_a_token_is_refused() {
    let case = Case::new(LinkUse::Once);
    for token in ["", "0", &case.code()] {
        for call in ["start", "events", "policies", "people/0/whoami", "people/0/requests"] {
            let response = case.send(get(&format!("/console/api/{call}"), token)).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{call}");
        }
        let revoke = post("/console/api/people/0/sessions/revoke", token, "{}");
        assert_eq!(case.send(revoke).await.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(case.sent(), []);
}

#[tokio::test]
async fn a_rebound_name_another_origin_and_another_machine_are_refused_with_the_token() {
    let case = Case::new(LinkUse::Once);
    let token = case.token().await;
    let changed = |name: &'static str, value: &'static str| {
        let mut request = post("/console/api/people/0/requests/x/approve", &token, "{}");
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    for (request, status) in [
        (changed("host", "evil.example:8788"), StatusCode::MISDIRECTED_REQUEST),
        (changed("host", "localhost:8788"), StatusCode::MISDIRECTED_REQUEST),
        (changed("host", "127.0.0.1:8789"), StatusCode::MISDIRECTED_REQUEST),
        (changed("origin", "http://evil.example"), StatusCode::FORBIDDEN),
        (changed("origin", "http://127.0.0.1:8789"), StatusCode::FORBIDDEN),
        (changed("origin", "null"), StatusCode::FORBIDDEN),
        (changed("sec-fetch-site", "same-site"), StatusCode::FORBIDDEN),
        (changed("content-type", "text/plain"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            changed("content-type", "application/x-www-form-urlencoded"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
    ] {
        assert_eq!(case.send(request).await.status(), status);
    }
    let remote =
        case.console.handle(&get("/console/api/start", &token), [10, 0, 0, 1].into()).await;
    assert_eq!(remote.status(), StatusCode::MISDIRECTED_REQUEST);
    let preflight = Request::options("/console/api/start")
        .header("host", "127.0.0.1:8788")
        .header("access-control-request-headers", "sentinel-console")
        .body(Vec::new())
        .unwrap();
    assert_eq!(case.send(preflight).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(case.sent(), []);
}

#[tokio::test]
async fn a_link_is_used_once_and_a_session_ends_with_sign_out() {
    let case = Case::new(LinkUse::Once);
    let code = case.code();
    let token = case.token().await;
    let again = case.send(post("/console/api/open", &code, "{}")).await;
    assert_eq!(again.status(), StatusCode::FORBIDDEN);
    assert_eq!(body(again).await["code"], "LINK_USED");
    assert!(!case.console.link().contains('#'));
    assert_eq!(case.send(get("/console/api/start", &token)).await.status(), StatusCode::OK);
    assert_eq!(case.send(post("/console/api/close", &token, "{}")).await.status(), StatusCode::OK);
    let ended = case.send(get("/console/api/start", &token)).await;
    assert_eq!(ended.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn only_the_routes_of_people_are_called_and_none_that_vends() {
    let case = Case::new(LinkUse::Once);
    let token = case.token().await;
    for call in [
        "people/0/",
        "people/0",
        "people/0/?profile=production",
        "people/0/credentials",
        "people/0/..",
        "people/0/requests/../..",
        "people/0/sts",
        "people/0/downstream/x",
        "people/1/whoami",
        "people/-1/whoami",
        "people/x/whoami",
        "whoami",
    ] {
        for request in [
            get(&format!("/console/api/{call}"), &token),
            post(&format!("/console/api/{call}"), &token, r#"{"profile":"production"}"#),
        ] {
            let status = case.send(request).await.status();
            assert!(status.is_client_error(), "{call}: {status}");
        }
    }
    assert_eq!(case.sent(), []);
}

#[tokio::test]
async fn calls_reach_the_tvm_as_its_typed_requests() {
    let case = Case::answering(
        LinkUse::Once,
        200,
        json!({ "user": "alice", "caller": "alice", "account": "111122223333", "principal": "arn",
            "operator": true, "secret": "not passed on" }),
    );
    let token = case.token().await;
    let me = case.send(get("/console/api/people/0/whoami", &token)).await;
    let me = body(me).await;
    assert_eq!((&me["user"], &me["secret"]), (&json!("alice"), &Value::Null));
    let id = "request-qg3dpwh42ldnuy2z42ldce5bc4luogt2c3wfwrjvt7";
    for (call, sent) in [
        (format!("requests/{id}/approve"), r#"{"comment":"ok"}"#),
        (format!("requests/{id}/vend"), r#"{"comment":"ok"}"#),
        ("requests/x%2F..%2F/approve".to_owned(), r#"{"comment":"ok"}"#),
        ("sessions/revoke".to_owned(), r#"{"user":"bob","reason":"lost","other":1}"#),
        ("sessions/revoke".to_owned(), r#"{"user":"bob","reason":"lost"}"#),
    ] {
        case.send(post(&format!("/console/api/people/0/{call}"), &token, sent)).await;
    }
    let sent = |path: &str, body: &str| ("POST".to_owned(), path.to_owned(), body.to_owned());
    assert_eq!(
        case.sent()[1..],
        [
            sent(&format!("/requests/{id}/approve"), r#"{"comment":"ok"}"#),
            sent("/sessions/revoke", r#"{"user":"bob","reason":"lost"}"#),
        ]
    );
}

#[tokio::test]
async fn a_refusal_has_its_code_its_next_step_and_its_request_id() {
    let refusal =
        json!({ "Code": "CONFLICT", "Message": "it is denied\u{202e}", "RequestId": "r-1" });
    let case = Case::answering(LinkUse::Once, 409, refusal);
    let token = case.token().await;
    let response = case.send(get("/console/api/people/0/whoami", &token)).await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
    let refused = body(response).await;
    assert_eq!(refused["code"], "CONFLICT");
    assert_eq!(refused["request_id"], "r-1");
    assert!(!refused["message"].as_str().unwrap().contains('\u{202e}'));
}

#[tokio::test]
async fn gateway_reports_expired_credentials_with_the_command_that_signs_in() {
    let expired = json!({ "message": "The security token included in the request is expired" });
    let tvm = Recording { requests: Arc::default(), status: 403, body: expired };
    let person =
        Person::new("you", Client::with_transport(tvm.clone())).with_sign_in("aws sso login");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    let console = Console::new(vec![person], address, LinkUse::Once).unwrap();
    let case = Case { console, tvm };
    let token = case.token().await;
    let response = case.send(get("/console/api/people/0/whoami", &token)).await;
    assert_eq!(body(response).await["sign_in"], "aws sso login");
}
