//! HTTP responses, in the formats of the services that return them in AWS.

use std::convert::Infallible;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{Either, Full};
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::json;

/// A complete response.
pub(crate) type Response = hyper::Response<Full<Bytes>>;

/// A complete response, or one of a [`Mount`](crate::Mount), which may take longer.
pub(crate) type AnyResponse =
    hyper::Response<Either<Full<Bytes>, UnsyncBoxBody<Bytes, Infallible>>>;

/// A response with that status and type that must not be cached.
pub(crate) fn response(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// An error in Sentinel's format.
pub(crate) fn error(status: StatusCode, code: &str, message: &str, request_id: &str) -> Response {
    let body = json!({ "Code": code, "Message": message, "RequestId": request_id });
    response(status, "application/json", body.to_string())
}

/// The response of API Gateway itself if an authorizer refuses.
pub(crate) fn gateway_error(status: StatusCode, message: &str) -> Response {
    response(status, "application/json", json!({ "message": message }).to_string())
}

/// A function's response, as API Gateway forwards it.
pub(crate) fn forwarded(from_function: sentinel_tvm::Response, request_id: &str) -> Response {
    let sentinel_tvm::Response { status_code, headers, body, is_base64_encoded, .. } =
        from_function;
    let unusable = || {
        error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "INTERNAL_ERROR",
            "the response of the function cannot be sent",
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
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    for (name, value) in headers {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value))
        else {
            return unusable();
        };
        response.headers_mut().append(name, value);
    }
    response
}
