//! What is read from an authorizer's event: the session id, and the ARN that the response is about.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html>

use std::collections::HashMap;

use sentinel_wire::header;
use serde::Deserialize;
use serde_json::Value;

use crate::response::Shape;

const PARAMETER: &str = "sentinel_session_id";

/// An event. It contains the session id, so it has no `Debug`.
pub(crate) struct Incoming {
    pub(crate) id: ShownId,
    /// The ARN of the requested route or method.
    pub(crate) arn: Option<String>,
    pub(crate) shape: Shape,
    pub(crate) request_id: Option<String>,
}

/// The session id in the event.
pub(crate) enum ShownId {
    None,
    One(String),
    /// Two different ids. The event is refused.
    Several,
}

type Map<T> = HashMap<String, T>;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AuthorizerEvent {
    version: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    route_arn: Option<String>,
    method_arn: Option<String>,
    authorization_token: Option<String>,
    headers: Option<Map<Option<String>>>,
    multi_value_headers: Option<Map<Option<Vec<String>>>>,
    query_string_parameters: Option<Map<Option<String>>>,
    multi_value_query_string_parameters: Option<Map<Option<Vec<String>>>>,
    request_context: Option<RequestContext>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RequestContext {
    request_id: Option<String>,
}

impl Incoming {
    /// Reads an event. `None` if it is not an authorizer's event.
    pub(crate) fn read(event: &Value) -> Option<Self> {
        let event = AuthorizerEvent::deserialize(event).ok()?;
        let request_id = event.request_context.and_then(|context| context.request_id);
        // Records contain it, so it must be an id and nothing else.
        let request_id = request_id
            .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()));
        if event.kind.as_deref() == Some("TOKEN") {
            let id = ShownId::of(event.authorization_token.into_iter());
            return Some(Self { id, arn: event.method_arn, shape: Shape::Policy, request_id });
        }
        let (arn, shape) = match event.version.as_deref() {
            Some("2.0") => (event.route_arn, Shape::Configured),
            _ => (event.method_arn.or(event.route_arn), Shape::Policy),
        };
        arn.as_ref()?;
        let named = |name: &str| name.eq_ignore_ascii_case(header::SESSION_ID);
        let headers = event.headers.into_iter().flatten().filter(|(name, _)| named(name));
        let headers = headers.filter_map(|(_, value)| value);
        let more = event.multi_value_headers.into_iter().flatten().filter(|(name, _)| named(name));
        let more = more.filter_map(|(_, values)| values).flatten();
        let query = event.query_string_parameters.into_iter().flatten();
        let query = query.filter_map(|(name, value)| (name == PARAMETER).then_some(value?));
        let multi = event.multi_value_query_string_parameters.into_iter().flatten();
        let multi = multi.filter_map(|(name, values)| (name == PARAMETER).then_some(values?));
        let id = ShownId::of(headers.chain(more).chain(query).chain(multi.flatten()));
        Some(Self { id, arn, shape, request_id })
    }
}

impl ShownId {
    /// HTTP APIs join several values with commas. A session id contains no comma.
    fn of(values: impl Iterator<Item = String>) -> Self {
        let mut shown = Self::None;
        for value in values.filter(|value| !value.is_empty()) {
            for id in value.split(',') {
                match &shown {
                    Self::None => shown = Self::One(id.to_owned()),
                    Self::One(first) if first == id => {}
                    Self::One(_) | Self::Several => return Self::Several,
                }
            }
        }
        shown
    }
}
