//! What the page can do as a person: a fixed list of the TVM's routes. Vending is not in it, so that
//! no credentials reach a browser.

use http::StatusCode;
use sentinel_client::{Client, ClientError, GrantFilter, RequestFilter, SessionFilter};
use sentinel_wire::{
    CommentBody, GrantBody, GrantId, GrantState, ReinstateBody, RequestBody, RequestId,
    RequestState, RevokeBody, SessionState,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure;
use crate::lists;
use crate::person::Person;
use crate::response::{self, Response};
use crate::shown::shown;

/// A request of the page, after its token was checked.
pub(crate) struct Asked<'a> {
    /// Whether it is a POST request. Otherwise, it is a GET request.
    pub(crate) is_post: bool,
    /// The parts of the path after the person.
    pub(crate) path: &'a [&'a str],
    pub(crate) query: &'a str,
    pub(crate) body: &'a [u8],
}

/// Why there is no result.
enum Refused {
    /// There is no such action.
    Unknown,
    /// The path, the query or the body is invalid.
    Invalid(String),
    /// The TVM did not carry it out.
    Tvm(ClientError),
}

impl From<ClientError> for Refused {
    fn from(error: ClientError) -> Self {
        Self::Tvm(error)
    }
}

type Result<T> = std::result::Result<T, Refused>;

/// Carries out a request as that person.
pub(crate) async fn act(person: &Person, asked: &Asked<'_>) -> Response {
    let result = match asked.is_post {
        true => change(&person.client, asked).await,
        false => read(&person.client, asked).await,
    };
    match result {
        Ok(value) => response::json(StatusCode::OK, &shown(value)),
        Err(Refused::Unknown) => {
            response::error(StatusCode::NOT_FOUND, "NOT_FOUND", "the console has no such action")
        }
        Err(Refused::Invalid(message)) => {
            response::error(StatusCode::BAD_REQUEST, "INVALID_REQUEST", &message)
        }
        Err(Refused::Tvm(error)) => failure::failed(&error, person),
    }
}

async fn read(client: &Client, asked: &Asked<'_>) -> Result<Value> {
    let query = |name: &str| {
        form_urlencoded::parse(asked.query.as_bytes())
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.into_owned())
    };
    match asked.path {
        ["whoami"] => json(client.whoami().await?),
        ["profiles"] => json(client.profiles().await?),
        ["requests"] => {
            let state: Option<RequestState> = parsed(query("state"))?;
            let filter = RequestFilter::default()
                .with_user(query("user"))
                .with_profile(query("profile"))
                .with_state(state);
            Ok(lists::requests(client, filter).await?)
        }
        ["requests", id] => json(client.request(&id_of::<RequestId>(id)?).await?),
        ["break-glass"] => {
            let state: Option<GrantState> = parsed(query("state"))?;
            let filter = GrantFilter::default()
                .with_user(query("user"))
                .with_profile(query("profile"))
                .with_state(state);
            Ok(lists::grants(client, filter).await?)
        }
        ["sessions"] => {
            let state: Option<SessionState> = parsed(query("state"))?;
            let filter = SessionFilter::default()
                .with_user(query("user"))
                .with_profile(query("profile"))
                .with_state(state);
            Ok(lists::sessions(client, filter).await?)
        }
        _ => Err(Refused::Unknown),
    }
}

async fn change(client: &Client, asked: &Asked<'_>) -> Result<Value> {
    match asked.path {
        ["requests"] => json(client.create_request(&body::<RequestBody>(asked)?).await?),
        ["requests", id, action] => {
            let id = id_of::<RequestId>(id)?;
            let body: CommentBody = body(asked)?;
            json(match *action {
                "approve" => client.approve(&id, &body).await?,
                "deny" => client.deny(&id, &body).await?,
                "cancel" => client.cancel(&id, &body).await?,
                "revoke" => client.revoke_approval(&id, &body).await?,
                _ => return Err(Refused::Unknown),
            })
        }
        ["break-glass"] => json(client.open_grant(&body::<GrantBody>(asked)?).await?),
        ["break-glass", id, action] => {
            let id = id_of::<GrantId>(id)?;
            let body: CommentBody = body(asked)?;
            json(match *action {
                "close" => client.close_grant(&id, &body).await?,
                "review" => client.review_grant(&id, &body).await?,
                _ => return Err(Refused::Unknown),
            })
        }
        ["sessions", "revoke"] => json(client.revoke(&body::<RevokeBody>(asked)?).await?),
        ["sessions", "reinstate"] => json(client.reinstate(&body::<ReinstateBody>(asked)?).await?),
        _ => Err(Refused::Unknown),
    }
}

fn json(value: impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Refused::Invalid(error.to_string()))
}

fn body<T: DeserializeOwned>(asked: &Asked<'_>) -> Result<T> {
    serde_json::from_slice(asked.body).map_err(|error| Refused::Invalid(error.to_string()))
}

fn id_of<T: DeserializeOwned>(text: &str) -> Result<T> {
    let value = Value::String(text.to_owned());
    serde_json::from_value(value).map_err(|error| Refused::Invalid(error.to_string()))
}

/// A word of the query, such as a state.
fn parsed<T: DeserializeOwned>(word: Option<String>) -> Result<Option<T>> {
    word.as_deref().map(id_of).transpose()
}
