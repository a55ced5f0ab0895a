//! The events that API Gateway's HTTP API creates from a request, payload format
//! 2.0: for a Lambda integration behind IAM authorization, and for a Lambda
//! authorizer.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html>

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use chrono::{DateTime, Utc};
use hyper::HeaderMap;
use hyper::header::{COOKIE, HOST, USER_AGENT};
use sentinel_wire::header;
use serde_json::{Map, Value, json};

use crate::identities::ACCOUNT;

const API_ID: &str = "sentineldev";
pub(crate) const REGION: &str = "us-east-1";
const STAGE: &str = "$default";

/// A complete request, and the gateway's data about it.
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path as it was sent.
    pub(crate) path: String,
    /// The query as it was sent, without the `?`.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) source_ip: IpAddr,
    pub(crate) request_id: String,
    pub(crate) received: DateTime<Utc>,
}

impl fmt::Debug for Request {
    /// Omits the query, the headers and the body, which may contain signatures,
    /// tokens and session ids.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("source_ip", &self.source_ip)
            .field("request_id", &self.request_id)
            .finish_non_exhaustive()
    }
}

/// The signer of a request, as IAM identifies it.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) access_key_id: String,
    pub(crate) account: String,
    pub(crate) arn: String,
    /// `AIDA…`, or `AROA…:session`.
    pub(crate) user_id: String,
}

impl Request {
    /// The event of a route with IAM authorization.
    pub(crate) fn iam_event(&self, signer: &Signer) -> Value {
        let mut event = self.common();
        let mut context = self.context();
        context.insert(
            "authorizer".to_owned(),
            json!({ "iam": {
                "accessKey": signer.access_key_id,
                "accountId": signer.account,
                "callerId": signer.user_id,
                "cognitoIdentity": null,
                "principalOrgId": null,
                "userArn": signer.arn,
                "userId": signer.user_id,
            }}),
        );
        event.insert("requestContext".to_owned(), context.into());
        if !self.body.is_empty() {
            let (body, encoded) = match std::str::from_utf8(&self.body) {
                Ok(text) => (text.to_owned(), false),
                Err(_) => (data_encoding::BASE64.encode(&self.body), true),
            };
            event.insert("body".to_owned(), body.into());
            event.insert("isBase64Encoded".to_owned(), encoded.into());
        } else {
            event.insert("isBase64Encoded".to_owned(), false.into());
        }
        event.into()
    }

    /// The event of a Lambda authorizer whose identity source is the header
    /// `X-Sentinel-Session-ID`.
    pub(crate) fn authorizer_event(&self) -> Value {
        let mut event = self.common();
        event.insert("type".to_owned(), "REQUEST".into());
        event.insert(
            "routeArn".to_owned(),
            format!(
                "arn:aws:execute-api:{REGION}:{ACCOUNT}:{API_ID}/{STAGE}/{}{}",
                self.method, self.path
            )
            .into(),
        );
        let source: Vec<String> = self
            .headers
            .get_all(header::SESSION_ID)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        event.insert("identitySource".to_owned(), source.into());
        event.insert("requestContext".to_owned(), self.context().into());
        event.into()
    }

    /// The fields that both kinds of event have.
    fn common(&self) -> Map<String, Value> {
        let mut event = Map::new();
        event.insert("version".to_owned(), "2.0".into());
        event.insert("routeKey".to_owned(), "$default".into());
        event.insert("rawPath".to_owned(), self.decoded_path().into());
        event.insert("rawQueryString".to_owned(), self.query.as_str().into());
        let (cookies, headers) = self.header_maps();
        if !cookies.is_empty() {
            event.insert("cookies".to_owned(), cookies.into());
        }
        event.insert("headers".to_owned(), json!(headers));
        let mut parameters: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(self.query.as_bytes()) {
            join(&mut parameters, name.into_owned(), &value);
        }
        if !parameters.is_empty() {
            event.insert("queryStringParameters".to_owned(), json!(parameters));
        }
        event
    }

    /// The cookies, and all other headers by their lowercase names. Values of the
    /// same name are joined with commas.
    fn header_maps(&self) -> (Vec<String>, BTreeMap<String, String>) {
        let mut cookies = Vec::new();
        let mut headers = BTreeMap::new();
        for (name, value) in &self.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            if *name == COOKIE {
                cookies.extend(value.split(';').map(|cookie| cookie.trim().to_owned()));
            } else {
                join(&mut headers, name.as_str().to_owned(), &value);
            }
        }
        (cookies, headers)
    }

    /// The path as an HTTP API sends it: decoded.
    /// <https://github.com/fastify/aws-lambda-fastify/issues/169>
    fn decoded_path(&self) -> Cow<'_, str> {
        percent_encoding::percent_decode_str(&self.path).decode_utf8_lossy()
    }

    fn context(&self) -> Map<String, Value> {
        let header = |name| {
            self.headers
                .get(name)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .unwrap_or_default()
        };
        let host = header(HOST);
        let prefix = host.split(['.', ':']).next().unwrap_or_default();
        let context = json!({
            "accountId": ACCOUNT,
            "apiId": API_ID,
            "domainName": host,
            "domainPrefix": prefix,
            "http": {
                "method": self.method,
                "path": self.decoded_path(),
                "protocol": "HTTP/1.1",
                "sourceIp": self.source_ip.to_string(),
                "userAgent": header(USER_AGENT),
            },
            "requestId": self.request_id,
            "routeKey": "$default",
            "stage": STAGE,
            "time": self.received.format("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": self.received.timestamp_millis(),
        });
        match context {
            Value::Object(context) => context,
            // `json!({…})` is an object.
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Map::new(),
        }
    }
}

fn join(map: &mut BTreeMap<String, String>, name: String, value: &str) {
    map.entry(name)
        .and_modify(|all| {
            all.push(',');
            all.push_str(value);
        })
        .or_insert_with(|| value.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use std::net::Ipv4Addr;

    fn request() -> Request {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("127.0.0.1:8787"));
        headers.insert(USER_AGENT, HeaderValue::from_static("curl/8"));
        headers.insert(COOKIE, HeaderValue::from_static("a=1; b=2"));
        headers.append("x-many", HeaderValue::from_static("one"));
        headers.append("x-many", HeaderValue::from_static("two"));
        headers.insert(header::SESSION_ID, HeaderValue::from_static("session-x"));
        Request {
            method: "POST".to_owned(),
            path: "/downstream/a%20b".to_owned(),
            query: "profile=a%20b&tag=1&tag=2".to_owned(),
            headers,
            body: b"\xff".to_vec(),
            source_ip: Ipv4Addr::LOCALHOST.into(),
            request_id: "r-1".to_owned(),
            received: DateTime::from_timestamp(1_583_348_638, 390_000_000).unwrap(),
        }
    }

    #[test]
    fn an_iam_event_is_as_api_gateway_makes_it() {
        let signer = Signer {
            access_key_id: "AKIA0000000000000000".to_owned(),
            account: ACCOUNT.to_owned(),
            arn: format!("arn:aws:iam::{ACCOUNT}:user/alice"),
            user_id: "AIDA00000000000000000".to_owned(),
        };
        insta::assert_json_snapshot!(request().iam_event(&signer));
    }

    #[test]
    fn an_authorizer_event_is_as_api_gateway_makes_it() {
        insta::assert_json_snapshot!(request().authorizer_event());
    }

    #[test]
    fn a_request_shows_no_secret() {
        let secret = "session-wJalrXUtnFEMI";
        let mut request = request();
        request.query = format!("sentinel_session_id={secret}");
        request.headers.insert(header::SESSION_ID, HeaderValue::from_static(secret));
        request.body = secret.as_bytes().to_vec();
        let shown = format!("{request:?}");
        assert!(shown.contains("/downstream/a%20b") && !shown.contains(secret), "{shown}");
        assert!(!shown.contains(&format!("{:?}", secret.as_bytes())), "{shown}");
    }
}
