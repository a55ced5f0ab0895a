//! A TVM in this process over the deployment's session table, for when the deployed
//! TVM is not reachable. It runs the same code as in Lambda, with this caller's AWS
//! credentials. IAM controls access: a principal that can write to the table can
//! revoke sessions anyway.
//!
//! It lists and revokes. It does not vend or reinstate, because that needs the
//! policy, and therefore the TVM.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_config::SdkConfig;
use sentinel_broker::{Broker, Home, OperatorArn, Parts, SessionTable, Settings};
use sentinel_client::{ClientError, HttpRequest, HttpResponse, Transport};
use sentinel_store::dynamodb::DynamoSessions;
use sentinel_store::ssm::SsmPolicies;
use sentinel_store::{Generation, JsonLines, PolicyPath};
use sentinel_tvm::{Invocation, StsIssuer, Tvm};
use serde_json::{Value, json};

use crate::aws::Caller;
use crate::output::Failure;

/// The TVM's maximum duration, plus the second that it reserves for its response.
const TIMEOUT: Duration = Duration::from_secs(26);

/// The TVM and its caller.
#[derive(Debug)]
pub(crate) struct Direct {
    tvm: Tvm,
    home: Home,
    caller: Caller,
}

impl Direct {
    /// Opens a TVM over the given table. Its records are written to stderr, since
    /// there is no log group.
    pub(crate) fn new(
        aws: &SdkConfig,
        caller: Caller,
        table: &str,
        generation: Generation,
    ) -> Result<Self, Failure> {
        let (Some(home), Some(operator)) =
            (Home::from_arn(&caller.arn), OperatorArn::parse(&caller.operator()))
        else {
            return Err(Failure::other(format!(
                "`{}` cannot be an operator: use an IAM user or an assumed role",
                caller.arn
            )));
        };
        let mut settings = Settings::new(PolicyPath::new("/"));
        settings.operators = vec![operator];
        settings.generation = generation;
        let sessions = Arc::new(DynamoSessions::new(aws, table));
        let parts = Parts::new(
            Arc::new(SsmPolicies::new(aws)),
            Arc::new(StsIssuer::new(aws)),
            Arc::new(JsonLines::new(io::stderr())),
        )
        .with_sessions(SessionTable::new(table, sessions));
        Ok(Self { tvm: Tvm::new(Broker::new(settings, parts), None), home, caller })
    }
}

#[async_trait]
impl Transport for Direct {
    /// Passes the request on in the form in which the TVM receives it over HTTP.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ClientError> {
        let Caller { account, arn } = &self.caller;
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let body = (!request.body.is_empty()).then(|| String::from_utf8_lossy(&request.body));
        let event: Value = json!({
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": query,
            "headers": { "content-type": "application/json" },
            "body": body,
            "requestContext": {
                "http": { "method": request.method },
                "authorizer": { "iam": { "userArn": arn, "accountId": account } },
            },
        });
        let deadline = Instant::now() + TIMEOUT;
        let invocation = Invocation::new("direct", self.home.clone(), deadline);
        let response = self.tvm.handle(&event, &invocation).await;
        let retry_after = response.headers.get("retry-after").and_then(|s| s.parse().ok());
        Ok(HttpResponse::json(response.status_code, response.body).with_retry_after(retry_after))
    }

    fn address(&self) -> String {
        "the session table".to_owned()
    }
}
