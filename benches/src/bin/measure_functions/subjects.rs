//! The measured programs, their environment and the event that each of them answers.

use sentinel_testkit::runtime_api::{Function, InvocationResult, Start};
use serde_json::{Value, json};

use crate::Failure;

/// Name of the empty function.
pub(crate) const EMPTY: &str = "empty";

/// A session token of the length that AWS issues. It is sent and signed with every request.
const TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLE/+";
const TOKEN_REPEATED: usize = 36;

/// One of the programs.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) start: Start,
    pub(crate) event: Value,
}

impl Subject {
    fn new(name: &'static str, program: &str, endpoint: &str, event: Value) -> Self {
        let start = Start::new(program)
            .with("AWS_REGION", "us-east-1")
            .with("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE")
            .with("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
            .with("AWS_SESSION_TOKEN", TOKEN.repeat(TOKEN_REPEATED))
            .with("AWS_ENDPOINT_URL", endpoint)
            .with("SENTINEL_SESSION_TABLE", "sentinel-sessions")
            // Counts are written, and the requests are within the limit.
            .with("SENTINEL_CALLER_RATE", "1000000/1m")
            .with("SENTINEL_POLICY_PARAMETER", "/sentinel/policies/production");
        Self { name, start, event }
    }

    /// Sends the event, and fails unless the function answers it as in production.
    pub(crate) async fn invoke(&self, function: &mut Function) -> Result<(), Failure> {
        self.send(function, &self.event).await
    }

    /// Sends the event of this caller. All callers of a check send the same session id.
    pub(crate) async fn invoke_as(
        &self,
        function: &mut Function,
        caller: &str,
    ) -> Result<(), Failure> {
        let mut event = self.event.clone();
        if let Some(arn) = event.pointer_mut("/requestContext/authorizer/iam/userArn") {
            *arn = json!(format!("arn:aws:iam::111122223333:user/{caller}"));
        }
        self.send(function, &event).await
    }

    async fn send(&self, function: &mut Function, event: &Value) -> Result<(), Failure> {
        let outcome = function.invoke(event).await?;
        if is_good(&outcome) {
            return Ok(());
        }
        Err(format!("{}: {outcome:?}; its stderr: {}", self.name, function.stderr()?).into())
    }
}

/// Whether the event was answered, and a vend returned credentials.
fn is_good(outcome: &InvocationResult) -> bool {
    let answer = outcome.response();
    answer.is_some_and(|answer| answer.get("statusCode").is_none_or(|status| status == 200))
}

/// The programs. The empty one is first, if it is among them.
pub(crate) fn subjects(programs: &[String], endpoint: &str) -> Result<Vec<Subject>, Failure> {
    let vend = json!({
        "version": "2.0", "routeKey": "ANY /", "rawPath": "/", "rawQueryString": "profile=production",
        "requestContext": {
            "stage": "$default", "requestId": "JKJaXmPLvHcESHA=",
            "http": { "method": "GET", "sourceIp": "203.0.113.9" },
            "authorizer": { "iam": {
                "userArn": "arn:aws:iam::111122223333:user/alice", "accountId": "111122223333",
            } },
        },
    });
    let check = json!({
        "version": "2.0", "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:us-east-1:111122223333:abc/$default/GET/sensitive",
        "headers": {
            "x-sentinel-session-id":
                "session-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbba",
        },
    });
    let subject = |name, program: &String, event| Subject::new(name, program, endpoint, event);
    let functions =
        |tvm, authorizer| [subject("tvm", tvm, vend), subject("authorizer", authorizer, check)];
    match programs {
        [tvm, authorizer] => Ok(functions(tvm, authorizer).into()),
        [empty, tvm, authorizer] => {
            let empty = subject(EMPTY, empty, json!({ "empty": true }));
            Ok([empty].into_iter().chain(functions(tvm, authorizer)).collect())
        }
        _ => Err("the programs are EMPTY TVM AUTHORIZER; EMPTY may be left out".into()),
    }
}
