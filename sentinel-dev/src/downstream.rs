//! `/downstream/*`: a third-party API behind the authorizer. It returns the context
//! that it receives from the authorizer.

use std::time::{Duration, Instant};

use hyper::StatusCode;
use sentinel_authorizer::{Authorizer, Invocation, Unauthorized};
use serde_json::Value;

use crate::event::Request;
use crate::response::{Response, gateway_error, response};

/// The time limit of Lambda for an authorizer.
const DEADLINE: Duration = Duration::from_secs(5);

pub(crate) async fn serve(request: &Request, authorizer: &Authorizer) -> Response {
    let invocation = Invocation::new(&request.request_id, Instant::now() + DEADLINE);
    match authorizer.handle(&request.authorizer_event(), &invocation).await {
        Err(Unauthorized) => gateway_error(StatusCode::UNAUTHORIZED, "Unauthorized"),
        Ok(decision) if decision.get("isAuthorized") == Some(&Value::Bool(true)) => {
            let context = decision.get("context").unwrap_or(&Value::Null);
            response(StatusCode::OK, "application/json", context.to_string())
        }
        Ok(_) => gateway_error(StatusCode::FORBIDDEN, "Forbidden"),
    }
}
