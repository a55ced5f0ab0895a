//! Responses that the proxy makes up: errors in the format of each service, and wrong answers.
//!
//! - <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>
//! - <https://docs.aws.amazon.com/systems-manager/latest/APIReference/CommonErrors.html>
//! - <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>

use std::time::Duration;
use std::{fmt, io};

use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::fault::WrongAnswer;
use super::protocol::{AwsRequest, Protocol};
use crate::server::{Body, whole};

const ID: &str = "00000000-0000-4000-8000-000000000000";

/// A complete response. `Debug` omits the body, which may contain credentials.
#[derive(Clone)]
pub(super) struct Whole {
    pub(super) status: u16,
    pub(super) headers: hyper::HeaderMap,
    pub(super) body: Bytes,
}

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whole").field("status", &self.status).finish_non_exhaustive()
    }
}

impl Whole {
    fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = hyper::HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body: body.into() }
    }

    /// The response with another body. Headers that describe the old body are removed: the length,
    /// and the checksum (DynamoDB's is `x-amz-crc32`).
    fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.headers.remove(CONTENT_LENGTH);
        self.headers.remove("x-amz-crc32");
        Self { body: body.into(), ..self }
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let body = whole(self.body);
        head(self.status, self.headers, body)
    }

    /// The status and headers, with a streamed body instead.
    pub(super) fn with_stream(self, body: Body) -> Response<Body> {
        head(self.status, self.headers, body)
    }
}

fn head(status: u16, headers: hyper::HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = headers;
    response
}

/// The service's throttling error.
pub(super) fn throttled(aws_request: &AwsRequest) -> Whole {
    let code = match aws_request.service.as_str() {
        "dynamodb" => "ProvisionedThroughputExceededException",
        "sts" | "iam" => "Throttling",
        _ => "ThrottlingException",
    };
    error(aws_request, 400, code, "Rate exceeded")
}

/// The service's access-denied error.
pub(super) fn refused(aws_request: &AwsRequest) -> Whole {
    let (status, code) = match Protocol::of(&aws_request.service) {
        Protocol::Json => (400, "AccessDeniedException"),
        Protocol::Query => (403, "AccessDenied"),
    };
    let AwsRequest { service, operation, .. } = aws_request;
    let message = format!("User is not authorized to perform: {service}:{operation}");
    error(aws_request, status, code, &message)
}

/// An error in the service's own format.
pub(super) fn error(aws_request: &AwsRequest, status: u16, code: &str, message: &str) -> Whole {
    match Protocol::of(&aws_request.service) {
        Protocol::Json => {
            let namespace = match aws_request.service.as_str() {
                "dynamodb" => "com.amazonaws.dynamodb.v20120810#",
                _ => "",
            };
            let body = json!({ "__type": format!("{namespace}{code}"), "message": message });
            let content_type = match aws_request.service.as_str() {
                "dynamodb" => "application/x-amz-json-1.0",
                _ => "application/x-amz-json-1.1",
            };
            Whole::new(status, content_type, body.to_string())
        }
        Protocol::Query => {
            let body = format!(
                "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
                 <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>{ID}</RequestId></ErrorResponse>"
            );
            Whole::new(status, "text/xml", body)
        }
    }
}

/// 500, 503 and similar, from a component in front of the service.
pub(super) fn unavailable(status: u16) -> Whole {
    Whole::new(status, "text/plain", "no healthy upstream")
}

/// The proxy itself failed.
pub(super) fn no_answer(why: &str) -> Whole {
    Whole::new(502, "text/plain", format!("the proxy: {why}"))
}

/// A wrong answer instead of the true one. `another` is a true answer to another request.
pub(super) fn wrong(
    wrong: &WrongAnswer,
    aws_request: &AwsRequest,
    true_answer: Whole,
    another: Option<Whole>,
) -> Response<Body> {
    let body = match wrong {
        WrongAnswer::Malformed => Bytes::from_static(b"{\"Item\": <Credentials"),
        WrongAnswer::Halved => half(&true_answer.body),
        WrongAnswer::Truncated => {
            let mut true_answer = true_answer;
            let length = HeaderValue::from(true_answer.body.len());
            true_answer.headers.insert(CONTENT_LENGTH, length);
            let part = half(&true_answer.body);
            return true_answer.with_stream(broken_off(part));
        }
        WrongAnswer::WrongTypes => match Protocol::of(&aws_request.service) {
            Protocol::Json => {
                let value = serde_json::from_slice(&true_answer.body).unwrap_or(Value::Null);
                Bytes::from(other_types(value).to_string())
            }
            Protocol::Query => Bytes::from(other_elements(&true_answer.body)),
        },
        WrongAnswer::Empty => match Protocol::of(&aws_request.service) {
            Protocol::Json => Bytes::from_static(b"{}"),
            Protocol::Query => {
                let operation = &aws_request.operation;
                Bytes::from(format!(
                    "<{operation}Response><{operation}Result/></{operation}Response>"
                ))
            }
        },
        WrongAnswer::Html => {
            let page = "<!DOCTYPE html><html><body><h1>Welcome</h1></body></html>";
            return Whole::new(200, "text/html", page).into_response();
        }
        WrongAnswer::Another => match another {
            Some(another) => return another.into_response(),
            None => return no_answer("no other answer is recorded").into_response(),
        },
        WrongAnswer::Edited(edit) => Bytes::from(edit(&String::from_utf8_lossy(&true_answer.body))),
    };
    Whole { status: 200, ..true_answer.with_body(body) }.into_response()
}

/// The first half.
fn half(body: &Bytes) -> Bytes {
    body.slice(..body.len() / 2)
}

/// Some bytes, then the end of the connection.
pub(super) fn broken_off(part: Bytes) -> Body {
    let frames = futures_util::stream::unfold(Some(part), |part| async move {
        match part {
            Some(part) => Some((Ok(Frame::data(part)), None)),
            None => {
                // The earlier bytes must have left the machine first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                Some((Err(io::ErrorKind::BrokenPipe.into()), None))
            }
        }
    });
    StreamBody::new(frames).boxed_unsync()
}

/// Some bytes, then this number of blanks.
pub(super) fn padded(part: Bytes, bytes: usize) -> Body {
    const BLANKS: &[u8] = &[b' '; 64 * 1024];
    let blanks = futures_util::stream::unfold(bytes, |left| async move {
        let now = left.min(BLANKS.len());
        let frame = Frame::data(Bytes::from_static(BLANKS).slice(..now));
        (now > 0).then_some((Ok(frame), left - now))
    });
    let first = futures_util::stream::iter([Ok(Frame::data(part))]);
    StreamBody::new(futures_util::StreamExt::chain(first, blanks)).boxed_unsync()
}

/// A body that never arrives.
pub(super) fn never() -> Body {
    StreamBody::new(futures_util::stream::pending::<io::Result<Frame<Bytes>>>()).boxed_unsync()
}

/// Replaces every string by a number and every number by a string. The structure is unchanged.
fn other_types(value: Value) -> Value {
    match value {
        Value::String(_) => json!(7),
        Value::Number(number) => Value::String(number.to_string()),
        Value::Bool(value) => Value::String(value.to_string()),
        Value::Null => json!([]),
        Value::Array(items) => items.into_iter().map(other_types).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, other_types(value))).collect()
        }
    }
}

/// Wraps every text of the XML in another element.
fn other_elements(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut wrapped = String::new();
    for part in text.split_inclusive('>') {
        match part.split_once('<') {
            Some((text, tag)) if !text.trim().is_empty() => {
                wrapped.push_str(&format!("<Wrong>{text}</Wrong><{tag}"));
            }
            Some(_) | None => wrapped.push_str(part),
        }
    }
    wrapped
}
