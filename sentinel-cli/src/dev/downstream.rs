//! `/downstream/*`: an API of somebody else's behind the authorizer. It answers
//! with what the authorizer told it.

use std::time::Duration;

use hyper::StatusCode;
use sentinel_authorizer::{Authorizer, Context, Unauthorized};
use serde_json::Value;
use tokio::time::Instant;

use super::answer::{Answer, answer, gateway_error};
use super::event::Request;

/// As Lambda gives an authorizer.
const DEADLINE: Duration = Duration::from_secs(5);

pub(super) async fn serve(request: &Request, authorizer: &Authorizer) -> Answer {
    let context =
        Context { deadline: Instant::now() + DEADLINE, request_id: request.request_id.clone() };
    match authorizer.handle(&request.authorizer_event(), &context).await {
        Err(Unauthorized) => gateway_error(StatusCode::UNAUTHORIZED, "Unauthorized"),
        Ok(decision) if decision.get("isAuthorized") == Some(&Value::Bool(true)) => {
            let context = decision.get("context").unwrap_or(&Value::Null);
            answer(StatusCode::OK, "application/json", context.to_string())
        }
        Ok(_) => gateway_error(StatusCode::FORBIDDEN, "Forbidden"),
    }
}
