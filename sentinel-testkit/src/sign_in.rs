//! A strict stand-in for the federation endpoint of AWS Sign-In, over HTTP.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html>
//!
//! It refuses what AWS documents as refused, and also what only AWS accepts: credentials in a URL,
//! repeated and unknown parameters, another path. Every session counts as chained, as those of the
//! TVM in Lambda are, so that `SessionDuration` is refused. It does not verify the credentials.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde::Deserialize;

use crate::server::{Body, Reply, Server, whole};

/// A running stand-in. It ends when this value is dropped.
#[derive(Debug)]
pub struct SignIn {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The credentials of each token.
    tokens: BTreeMap<String, Session>,
    refused: Vec<String>,
}

/// The credentials that were exchanged for a sign-in token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub struct Session {
    /// The access key id.
    pub session_id: String,
    /// The secret access key.
    pub session_key: String,
    /// The session token.
    pub session_token: String,
}

impl SignIn {
    /// Starts on a free port of this machine.
    ///
    /// # Errors
    /// If no port is available.
    pub async fn start() -> io::Result<Self> {
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| {
            let state = Arc::clone(&shared);
            async move { Reply::Answer(serve(&state, request).await) }
        })
        .await?;
        Ok(Self { server, state })
    }

    /// The address, in place of `https://signin.aws.amazon.com`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The credentials of all tokens that were issued.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        lock(&self.state).tokens.values().cloned().collect()
    }

    /// The sign-in tokens that were issued.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        lock(&self.state).tokens.keys().cloned().collect()
    }

    /// Why requests were refused.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        lock(&self.state).refused.clone()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(state: &Mutex<State>, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let media = parts.headers.get("content-type").and_then(|media| media.to_str().ok());
    let result = match (parts.method.as_str(), path) {
        ("POST", "/federation") if media != Some("application/x-www-form-urlencoded") => {
            Err(format!("the body is {media:?}"))
        }
        ("POST", "/federation") if !query.is_empty() => Err("a query".to_owned()),
        ("POST", "/federation") => issue(state, &body),
        ("GET", "/federation") => login(state, query.as_bytes()),
        (method, path) => Err(format!("{method} {path}")),
    };
    let mut response = Response::new(whole(""));
    match result {
        Ok(Answer::Token(token)) => {
            *response.body_mut() = whole(format!("{{\"SigninToken\":\"{token}\"}}"));
        }
        Ok(Answer::Page(page)) => {
            *response.status_mut() = StatusCode::FOUND;
            if let Ok(page) = page.parse() {
                response.headers_mut().insert("location", page);
            }
        }
        Err(refused) => {
            *response.status_mut() = StatusCode::BAD_REQUEST;
            *response.body_mut() = whole("<html>Invalid request</html>");
            lock(state).refused.push(refused);
        }
    }
    response
}

enum Answer {
    Token(String),
    Page(String),
}

/// `getSigninToken`: exactly an action and a session.
fn issue(state: &Mutex<State>, body: &[u8]) -> Result<Answer, String> {
    let form = read(body)?;
    let names: Vec<&str> = form.keys().map(String::as_str).collect();
    if names != ["Action", "Session"] || form.get("Action").is_none_or(|a| a != "getSigninToken") {
        return Err(format!("the parameters {names:?}, for a chained session"));
    }
    let session = form.get("Session").map(String::as_str).unwrap_or_default();
    let session: Session = serde_json::from_str(session).map_err(|error| error.to_string())?;
    let Session { session_id, session_key, session_token } = &session;
    if !session_id.starts_with("ASIA") || session_key.is_empty() || session_token.is_empty() {
        return Err("the session is not temporary credentials".to_owned());
    }
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    let token = HEXLOWER.encode(&random);
    lock(state).tokens.insert(token.clone(), session);
    Ok(Answer::Token(token))
}

/// `login`: an issuer, a page of the console and a token that was issued.
fn login(state: &Mutex<State>, query: &[u8]) -> Result<Answer, String> {
    let form = read(query)?;
    let names: Vec<&str> = form.keys().map(String::as_str).collect();
    if names != ["Action", "Destination", "Issuer", "SigninToken"] {
        return Err(format!("the parameters {names:?}"));
    }
    let value = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if value("Action") != "login" || value("Issuer").is_empty() {
        return Err("the action or the issuer".to_owned());
    }
    if !lock(state).tokens.contains_key(value("SigninToken")) {
        return Err("the sign-in token was not issued".to_owned());
    }
    Ok(Answer::Page(value("Destination").to_owned()))
}

/// The parameters, each once.
fn read(form: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let mut read = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(form) {
        if read.insert(name.to_string(), value.into_owned()).is_some() {
            return Err(format!("`{name}` twice"));
        }
    }
    Ok(read)
}
