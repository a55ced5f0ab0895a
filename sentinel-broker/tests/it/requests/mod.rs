//! Creating, deciding, revoking and listing requests.

mod create;
mod decide;
mod lists;
mod own;
mod records;

use std::time::Duration;

use sentinel_broker::{CreateRequest, ErrorCode};
use sentinel_store::RequestState;

use crate::people::{ASK, Requested, profile};

const FORBIDDEN: Option<ErrorCode> = Some(ErrorCode::Forbidden);
const CONFLICT: Option<ErrorCode> = Some(ErrorCode::Conflict);
const NOT_FOUND: Option<ErrorCode> = Some(ErrorCode::NotFound);
const INVALID: Option<ErrorCode> = Some(ErrorCode::InvalidRequest);

fn state(request: &Requested) -> RequestState {
    request.as_ref().unwrap().state
}

/// The main document with another rule for production.
fn approvals(rule: &str) -> String {
    ASK.replace(
        r#"approvers: ["group:leads"], max_duration: 2h, deadline: 4h }"#,
        &format!("{rule} }}"),
    )
}

/// A rule with automatic approvals.
const AUTOMATIC: &str = r#"approvers: [bob], max_duration: 2h, deadline: 4h,
    auto_approve: { users: [alice], time: { hours: { start: "09:00", end: "17:00" } },
                    max_duration: 30m }"#;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn production() -> CreateRequest {
    CreateRequest::new(profile("production"), "deploy")
}
