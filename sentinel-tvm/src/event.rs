//! What is read from an event: HTTP API 2.0, function-URL and REST API 1.0 events.
//!
//! The structures contain only the fields that are read, instead of a crate's complete model. A field
//! that is not read cannot fail to parse, and a reviewer finds everything that is trusted in an event
//! on one page.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::borrow::Cow;
use std::collections::HashMap;

use data_encoding::BASE64;
use sentinel_store::Secret;
use serde::Deserialize;
use serde_json::Value;

/// A request, from an event of any kind.
pub(crate) struct Incoming {
    pub(crate) method: String,
    /// The path, without stage and mapping prefix.
    pub(crate) path: String,
    /// The parameters of the query. A parameter that is given more than once is listed each time.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Body,
    pub(crate) identity: Option<Identity>,
    pub(crate) source_ip: Option<std::net::IpAddr>,
    /// The id of the VPC, for a private REST API.
    pub(crate) source_vpc: Option<String>,
    /// The id of the VPC endpoint, for a private REST API.
    pub(crate) source_vpce: Option<String>,
    pub(crate) request_id: Option<String>,
    /// The stage variable `sentinelOrigin`.
    pub(crate) origin: Option<Secret>,
    /// The size of query and body, before decoding, in bytes.
    pub(crate) size: usize,
}

/// The body, decoded.
#[derive(PartialEq, Eq)]
pub(crate) enum Body {
    Bytes(Vec<u8>),
    /// The event declares base64, and the body is not valid base64.
    Undecodable,
}

/// The identity that IAM verified.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) user_arn: String,
    pub(crate) account: String,
    pub(crate) organization: Option<String>,
}

type Map<T> = HashMap<String, T>;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpEvent {
    route_key: Option<String>,
    raw_path: String,
    raw_query_string: Option<String>,
    query_string_parameters: Option<Map<String>>,
    path_parameters: Option<Map<String>>,
    headers: Option<Map<String>>,
    stage_variables: Option<Map<String>>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: HttpContext,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpContext {
    authorizer: Option<HttpAuthorizer>,
    http: HttpDescription,
    request_id: Option<String>,
    stage: Option<String>,
}

#[derive(Deserialize)]
struct HttpAuthorizer {
    iam: Option<Iam>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpDescription {
    method: String,
    source_ip: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Iam {
    user_arn: Option<String>,
    account_id: Option<String>,
    principal_org_id: Option<String>,
    cognito_identity: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RestEvent {
    resource: Option<String>,
    path: String,
    http_method: String,
    headers: Option<Map<Option<String>>>,
    query_string_parameters: Option<Map<String>>,
    multi_value_query_string_parameters: Option<Map<Vec<String>>>,
    path_parameters: Option<Map<String>>,
    stage_variables: Option<Map<String>>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
    request_context: RestContext,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RestContext {
    identity: RestIdentity,
    request_id: Option<String>,
    stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RestIdentity {
    user_arn: Option<String>,
    account_id: Option<String>,
    principal_org_id: Option<String>,
    source_ip: Option<String>,
    /// For private APIs only, like the next.
    vpc_id: Option<String>,
    vpce_id: Option<String>,
    cognito_identity_id: Option<Value>,
    cognito_identity_pool_id: Option<Value>,
    cognito_authentication_type: Option<Value>,
    cognito_authentication_provider: Option<Value>,
}

impl Incoming {
    /// Reads an event. `None` for an event of another kind.
    pub(crate) fn read(event: &Value) -> Option<Self> {
        if event.get("version").and_then(Value::as_str) == Some("2.0") {
            HttpEvent::deserialize(event).ok().map(Self::from_http)
        } else {
            RestEvent::deserialize(event).ok().map(Self::from_rest)
        }
    }

    fn from_http(event: HttpEvent) -> Self {
        let context = event.request_context;
        let raw = event.raw_query_string.unwrap_or_default();
        let joined = event.query_string_parameters.unwrap_or_default();
        let query: Vec<_> = if raw.is_empty() {
            split(joined)
        } else {
            let pairs = form_urlencoded::parse(raw.as_bytes());
            pairs.map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
        };
        // The key of a route is its method, a space, and its template.
        let template = event.route_key.as_deref().and_then(|key| key.split_once(' '));
        let path = path(
            template.map(|(_, template)| template),
            event.path_parameters.as_ref(),
            &event.raw_path,
            context.stage.as_deref(),
        );
        let size = length(&query) + event.body.as_ref().map_or(0, String::len);
        Self {
            method: context.http.method,
            path,
            query,
            content_type: header(event.headers.unwrap_or_default(), "content-type"),
            body: body(event.body, event.is_base64_encoded),
            identity: context.authorizer.and_then(|authorizer| authorizer.iam).and_then(|iam| {
                iam.cognito_identity.is_none().then_some(())?;
                identity(iam.user_arn, iam.account_id, iam.principal_org_id)
            }),
            source_ip: context.http.source_ip.and_then(|address| address.parse().ok()),
            // HTTP APIs and function URLs have no private endpoints.
            source_vpc: None,
            source_vpce: None,
            request_id: context.request_id,
            origin: event
                .stage_variables
                .and_then(|mut map| map.remove("sentinelOrigin"))
                .map(Secret::new),
            size,
        }
    }

    fn from_rest(event: RestEvent) -> Self {
        let context = event.request_context;
        let query: Vec<_> = match event.multi_value_query_string_parameters {
            Some(map) => map
                .into_iter()
                .flat_map(|(key, values)| values.into_iter().map(move |v| (key.clone(), v)))
                .collect(),
            None => event.query_string_parameters.unwrap_or_default().into_iter().collect(),
        };
        let path = path(
            event.resource.as_deref(),
            event.path_parameters.as_ref(),
            &event.path,
            context.stage.as_deref(),
        );
        let headers = event.headers.unwrap_or_default();
        let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let size = length(&query) + event.body.as_ref().map_or(0, String::len);
        let who = context.identity;
        let cognito = who.cognito_identity_id.is_some()
            || who.cognito_identity_pool_id.is_some()
            || who.cognito_authentication_type.is_some()
            || who.cognito_authentication_provider.is_some();
        Self {
            method: event.http_method,
            path,
            query,
            content_type: header(headers.collect(), "content-type"),
            body: body(event.body, event.is_base64_encoded),
            identity: (!cognito)
                .then(|| identity(who.user_arn, who.account_id, who.principal_org_id))
                .flatten(),
            source_ip: who.source_ip.and_then(|address| address.parse().ok()),
            source_vpc: who.vpc_id,
            source_vpce: who.vpce_id,
            request_id: context.request_id,
            origin: event
                .stage_variables
                .and_then(|mut map| map.remove("sentinelOrigin"))
                .map(Secret::new),
            size,
        }
    }

    /// Whether the request was signed in its query. A presigned link is a bearer token that is found
    /// in logs and browser histories, so it does not prove who the caller is.
    pub(crate) fn is_presigned(&self) -> bool {
        self.query.iter().any(|(key, _)| {
            ["x-amz-signature", "x-amz-algorithm", "x-amz-credential"]
                .iter()
                .any(|name| key.eq_ignore_ascii_case(name))
        })
    }
}

fn identity(
    user_arn: Option<String>,
    account: Option<String>,
    organization: Option<String>,
) -> Option<Identity> {
    Some(Identity { user_arn: user_arn?, account: account?, organization })
}

/// HTTP APIs join the values of a parameter that is given more than once with commas. No parameter of
/// the TVM contains a comma.
fn split(joined: Map<String>) -> Vec<(String, String)> {
    let pairs = joined.into_iter().flat_map(|(key, values)| {
        values.split(',').map(|value| (key.clone(), value.to_owned())).collect::<Vec<_>>()
    });
    pairs.collect()
}

fn length(query: &[(String, String)]) -> usize {
    query.iter().map(|(key, value)| key.len() + value.len()).sum()
}

fn header(headers: Map<String>, wanted: &str) -> Option<String> {
    headers.into_iter().find_map(|(name, value)| name.eq_ignore_ascii_case(wanted).then_some(value))
}

fn body(body: Option<String>, base64: bool) -> Body {
    let body = body.unwrap_or_default().into_bytes();
    if !base64 {
        return Body::Bytes(body);
    }
    BASE64.decode(&body).map_or(Body::Undecodable, Body::Bytes)
}

/// The path without stage and mapping prefix, decoded. The template of a route shows which part of the
/// path belongs to the API. The catch-all route has no template, and then only the stage is known.
///
/// Events contain the path in two forms. `path` and `pathParameters` of a REST API, and `rawPath` of
/// a function URL, are as they were sent; `rawPath` and `pathParameters` of an HTTP API are decoded.
/// Events that were captured on AWS in July 2026:
///
/// | sent       | REST API, function URL | HTTP API |
/// | ---------- | ---------------------- | -------- |
/// | `/a%20b`   | `/a%20b`               | `/a b`   |
/// | `/a%2Fb`   | `/a%2Fb`               | `/a/b`   |
/// | `/a%252Fb` | `/a%252Fb`             | `/a/b`   |
/// | `/a%3Fb`   | `/a%3Fb`               | `/a`     |
///
/// - <https://github.com/hotsock/voker/blob/a1c00bf491e026f81917cc2edfdaca03eabc7518/vokerhttp/testdata/ingress-paths.json>
/// - <https://github.com/fastify/aws-lambda-fastify/issues/169>
///
/// A path that an HTTP API has decoded looks like a path that was sent in that form. The encoded form
/// is therefore the same request in every kind of event. Nothing here relies on IAM having evaluated
/// the same path.
fn path(
    template: Option<&str>,
    parameters: Option<&Map<String>>,
    raw: &str,
    stage: Option<&str>,
) -> String {
    let raw = &*decoded(raw);
    let proxy = parameters.and_then(|parameters| parameters.get("proxy")).map(|it| decoded(it));
    let path = match (template, proxy) {
        // Only if it is the end of the whole path.
        (Some(template), Some(proxy))
            if template.ends_with("/{proxy+}")
                && raw.strip_suffix(&*proxy).is_some_and(|before| before.ends_with('/')) =>
        {
            Cow::Owned(format!("/{proxy}"))
        }
        (Some(template), _) if template.starts_with('/') && !template.contains('{') => {
            Cow::Borrowed(template)
        }
        _ => {
            let stage = stage.filter(|stage| *stage != "$default" && !stage.is_empty());
            let stripped = stage.and_then(|stage| raw.strip_prefix('/')?.strip_prefix(stage));
            Cow::Borrowed(match stripped {
                Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
                Some(_) | None => raw,
            })
        }
    };
    if path.is_empty() { "/".to_owned() } else { path.into_owned() }
}

/// The text without percent-encoding, decoded once. A text that does not decode to UTF-8 is not
/// changed.
fn decoded(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8().unwrap_or(Cow::Borrowed(text))
}
