//! HTTP responses, in the formats of the services that return them in AWS.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;

/// A complete response.
pub(crate) type Answer = Response<Full<Bytes>>;

/// A response with that status and type that must not be cached.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// An error in Sentinel's format.
pub(crate) fn error(status: StatusCode, code: &str, message: &str, request_id: &str) -> Answer {
    let body = json!({ "Code": code, "Message": message, "RequestId": request_id });
    answer(status, "application/json", body.to_string())
}

/// The response of API Gateway itself if an authorizer refuses.
pub(crate) fn gateway_error(status: StatusCode, message: &str) -> Answer {
    answer(status, "application/json", json!({ "message": message }).to_string())
}

/// A function's response, as API Gateway forwards it.
pub(crate) fn passed_on(response: sentinel_tvm::Response, request_id: &str) -> Answer {
    let sentinel_tvm::Response { status_code, headers, body, is_base64_encoded, .. } = response;
    let unusable = || {
        error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL_ERROR",
            "the function's answer cannot be sent",
            request_id,
        )
    };
    let body = match is_base64_encoded {
        false => body.into_bytes(),
        true => match data_encoding::BASE64.decode(body.as_bytes()) {
            Ok(body) => body,
            Err(_) => return unusable(),
        },
    };
    let Ok(status) = StatusCode::from_u16(status_code) else { return unusable() };
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    for (name, value) in headers {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value))
        else {
            return unusable();
        };
        answer.headers_mut().append(name, value);
    }
    answer
}
