//! The console: its files, its sessions in browsers, and the calls of its page.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, Method, Request, StatusCode};
use serde_json::json;

use crate::access::{Access, LinkUse, NoRandomness, Refused};
use crate::actions::{self, Asked};
use crate::feed::Feed;
use crate::person::Person;
use crate::policies::PolicyFiles;
use crate::response::{self, Response};
use crate::shown::{visible, visible_lines};
use crate::{files, guard};

/// The path of the console on its server.
const PATH: &str = "/console";

/// The console of a TVM, on a server of this machine.
#[derive(Debug)]
pub struct Console {
    people: Vec<Person>,
    listening: SocketAddr,
    access: Access,
    feed: Option<Feed>,
    policies: Option<Arc<dyn PolicyFiles>>,
}

impl Console {
    /// The path under which a server passes requests to the console.
    pub const PATH: &str = PATH;

    /// A console for these people, on a server of this machine at that loopback address.
    ///
    /// # Errors
    /// If the system has no random source.
    pub fn new(
        people: Vec<Person>,
        listening: SocketAddr,
        link_use: LinkUse,
    ) -> Result<Self, NoRandomness> {
        let access = Access::new(link_use)?;
        Ok(Self { people, listening, access, feed: None, policies: None })
    }

    /// The same console, which shows records as they are written.
    #[must_use]
    pub fn with_feed(self, feed: Feed) -> Self {
        Self { feed: Some(feed), ..self }
    }

    /// The same console, which shows policy files.
    #[must_use]
    pub fn with_policies(self, policies: Arc<dyn PolicyFiles>) -> Self {
        Self { policies: Some(policies), ..self }
    }

    /// The URL of the page with the code that begins a session in a browser. Without the code if it was
    /// used. The code is in the fragment, which a browser sends to no server.
    #[must_use]
    pub fn link(&self) -> String {
        let page = format!("http://{}{PATH}/", self.listening);
        match self.access.code() {
            Some(code) => format!("{page}#link={}", code.reveal()),
            None => page,
        }
    }

    /// Ends the responses that show records, so that the server can stop.
    pub fn close(&self) {
        if let Some(feed) = &self.feed {
            feed.close();
        }
    }

    /// Responds to a request of `peer`, whose path is [`PATH`](Self::PATH) or under it. Never fails:
    /// every error is a response.
    pub async fn handle(&self, request: &Request<Vec<u8>>, peer: IpAddr) -> Response {
        let headers = request.headers();
        let authority = guard::authority(headers, self.listening);
        let (Some(authority), true) = (authority, peer.to_canonical().is_loopback()) else {
            return response::error(
                StatusCode::MISDIRECTED_REQUEST,
                "WRONG_ADDRESS",
                "this address is not that of the console: use the link that the command printed",
            );
        };
        let Some(path) = request.uri().path().strip_prefix(PATH) else {
            return not_found();
        };
        match path.strip_prefix("/api/") {
            Some(call) if guard::is_from_page(headers, authority) => self.call(request, call).await,
            Some(_) => response::error(
                StatusCode::FORBIDDEN,
                "OTHER_ORIGIN",
                "another page sent this request: only the page of the console can",
            ),
            None if request.method() != Method::GET => response::method_not_allowed("GET"),
            None if path.is_empty() => moved(),
            None => files::find(path).unwrap_or_else(not_found),
        }
    }

    /// Responds to a call of the page.
    async fn call(&self, request: &Request<Vec<u8>>, call: &str) -> Response {
        let (method, headers) = (request.method(), request.headers());
        let is_post = method == Method::POST;
        if !is_post && method != Method::GET {
            return response::method_not_allowed("GET, POST");
        }
        if !guard::is_json(method, headers) {
            return response::error(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "INVALID_REQUEST",
                "the body is not JSON",
            );
        }
        let now = Instant::now();
        if (is_post, call) == (true, "open") {
            return self.open(guard::token(headers), now);
        }
        if !self.access.admits(guard::token(headers), now) {
            return response::error(
                StatusCode::UNAUTHORIZED,
                "NO_SESSION",
                "the session of this browser has ended: use the link that the command printed",
            );
        }
        let parts: Vec<&str> = call.split('/').collect();
        match (is_post, parts.as_slice()) {
            (true, ["close"]) => self.end(headers),
            (false, ["start"]) => self.start(),
            (false, ["events"]) => self.events(),
            (false, ["policies"]) => self.policies().await,
            (is_post, ["people", number, path @ ..]) => {
                let person = number.parse().ok().and_then(|number: usize| self.people.get(number));
                let Some(person) = person else { return not_found() };
                let query = request.uri().query().unwrap_or_default();
                actions::act(person, &Asked { is_post, path, query, body: request.body() }).await
            }
            _ => not_found(),
        }
    }

    /// Exchanges the code of the link for the token of a session.
    fn open(&self, code: &str, now: Instant) -> Response {
        match self.access.exchange(code, now) {
            Ok(token) => response::json(StatusCode::OK, &json!({ "token": token.reveal() })),
            Err(Refused::Code) => response::error(
                StatusCode::FORBIDDEN,
                "LINK_USED",
                "this link was used already, or is one of another run",
            ),
            Err(Refused::Randomness) => response::error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "INTERNAL_ERROR",
                "the system's random source failed",
            ),
        }
    }

    fn end(&self, headers: &HeaderMap) -> Response {
        self.access.end(guard::token(headers));
        response::json(StatusCode::OK, &json!({}))
    }

    /// What the page needs to begin.
    fn start(&self) -> Response {
        let people: Vec<String> = self.people.iter().map(|person| visible(&person.name)).collect();
        let tvm = self.people.first().map(|person| visible(&person.client.address()));
        response::json(
            StatusCode::OK,
            &json!({
                "people": people,
                "tvm": tvm,
                "decisions": self.feed.is_some(),
                "policies": self.policies.is_some(),
            }),
        )
    }

    fn events(&self) -> Response {
        match self.feed.as_ref().map(Feed::events) {
            Some(Some(events)) => response::streamed(StatusCode::OK, "text/event-stream", events),
            Some(None) => response::error(
                StatusCode::SERVICE_UNAVAILABLE,
                "TOO_MANY_PAGES",
                "too many pages show decisions: close some of them",
            ),
            None => not_found(),
        }
    }

    async fn policies(&self) -> Response {
        let Some(policies) = &self.policies else { return not_found() };
        match policies.read().await {
            Ok(mut files) => {
                for file in &mut files {
                    file.file = visible(&file.file);
                    file.text = visible_lines(&file.text);
                    for problem in &mut file.problems {
                        problem.message = visible_lines(&problem.message);
                        problem.help = problem.help.as_deref().map(visible);
                    }
                }
                response::json(StatusCode::OK, &json!({ "files": files }))
            }
            Err(message) => {
                response::error(StatusCode::INTERNAL_SERVER_ERROR, "UNREADABLE", &visible(&message))
            }
        }
    }
}

fn not_found() -> Response {
    response::error(StatusCode::NOT_FOUND, "NOT_FOUND", "the console has no such page")
}

/// The page has relative links, so its path ends with a slash.
fn moved() -> Response {
    let mut response = response::of(StatusCode::PERMANENT_REDIRECT, "text/plain", "");
    let location = http::HeaderValue::from_static("/console/");
    response.headers_mut().insert(http::header::LOCATION, location);
    response
}
