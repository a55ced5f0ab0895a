//! The service, operation and parameters of a request, in any of the AWS protocols.

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use serde_json::{Map, Value};

/// What a request contains.
#[derive(Clone, Debug)]
pub(super) struct AwsRequest {
    pub(super) service: String,
    pub(super) operation: String,
    pub(super) parameters: Value,
    pub(super) access_key_id: Option<String>,
    pub(super) region: Option<String>,
}

/// The format of a service's errors and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// DynamoDB, SSM: JSON, with the operation in `X-Amz-Target`.
    Json,
    /// STS, IAM: a form as request, XML as answer.
    Query,
}

impl Protocol {
    pub(super) fn of(service: &str) -> Self {
        if ["sts", "iam"].contains(&service) { Self::Query } else { Self::Json }
    }
}

impl AwsRequest {
    /// Reads a request.
    pub(super) fn read(parts: &Parts, body: &[u8]) -> Self {
        let scope = Scope::read(&parts.headers);
        let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        let (service, operation, parameters) =
            if let Some((prefix, operation)) = target.and_then(|target| target.rsplit_once('.')) {
                let service = if prefix.starts_with("DynamoDB") {
                    "dynamodb"
                } else if prefix == "AmazonSSM" {
                    "ssm"
                } else if prefix.starts_with("AWSSecurityTokenService") {
                    "sts"
                } else if prefix.starts_with("Logs_") {
                    "logs"
                } else if prefix.starts_with("AWSOrganizations") {
                    "organizations"
                } else if prefix.starts_with("GraniteService") {
                    "cloudwatch"
                } else {
                    prefix
                };
                let parameters = serde_json::from_slice(body).unwrap_or(Value::Null);
                (service.to_owned(), operation.to_owned(), parameters)
            } else {
                let query = parts.uri.query().unwrap_or_default().as_bytes();
                let form = if parts.method == "POST" { body } else { query };
                let mut form: Map<String, Value> = form_urlencoded::parse(form)
                    .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
                    .collect();
                match form.remove("Action") {
                    Some(Value::String(action)) => {
                        form.remove("Version");
                        let service = scope.as_ref().map_or("sts", |scope| scope.service);
                        (service.to_owned(), action, Value::Object(form))
                    }
                    Some(_) | None => {
                        let service = scope.as_ref().map_or("unsigned", |scope| scope.service);
                        let operation = format!("{} {}", parts.method, parts.uri.path());
                        let is_query = parts.method == "GET" && !form.is_empty();
                        let query = if is_query { Value::Object(form) } else { Value::Null };
                        let parameters = serde_json::from_slice(body).unwrap_or(query);
                        (service.to_owned(), operation, parameters)
                    }
                }
            };
        Self {
            service,
            operation,
            parameters,
            access_key_id: scope.as_ref().map(|scope| scope.access_key_id.to_owned()),
            region: scope.as_ref().map(|scope| scope.region.to_owned()),
        }
    }
}

/// The credential scope of the Authorization header, without the rest of the header.
struct Scope<'a> {
    access_key_id: &'a str,
    region: &'a str,
    service: &'a str,
}

impl<'a> Scope<'a> {
    fn read(headers: &'a HeaderMap) -> Option<Self> {
        let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (_, credential) = header.split_once("Credential=")?;
        let mut parts = credential.split(',').next()?.split('/');
        let (access_key_id, _date) = (parts.next()?, parts.next()?);
        let (region, service) = (parts.next()?, parts.next()?);
        Some(Self { access_key_id, region, service })
    }
}

/// The types of the parameters in an SSM answer.
pub(super) fn parameter_types(service: &str, body: &[u8]) -> Vec<String> {
    if service != "ssm" {
        return Vec::new();
    }
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    let one = answer.get("Parameter").into_iter();
    let many = answer.get("Parameters").and_then(Value::as_array).into_iter().flatten();
    let types = one.chain(many).filter_map(|parameter| parameter.get("Type")?.as_str());
    let mut types: Vec<_> = types.map(str::to_owned).collect();
    types.sort();
    types.dedup();
    types
}
