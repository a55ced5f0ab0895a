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

use aws_config::SdkConfig;
use sentinel_broker::{Broker, Home, OperatorArn, Parts, SessionTable, Settings};
use sentinel_store::dynamodb::DynamoSessions;
use sentinel_store::ssm::SsmPolicies;
use sentinel_store::{Generation, JsonLines, PolicyPath};
use sentinel_tvm::{Invocation, Response, StsIssuer, Tvm};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::tvm::{answered, encoded};
use crate::Failure;
use crate::caller::Caller;

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

    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        self.ask("GET", path, &encoded(query), None).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_string(body)
            .map_err(|error| Failure::because("cannot write the request", error))?;
        self.ask("POST", path, "", Some(body)).await
    }

    /// Sends a request in the form that the TVM receives over HTTP.
    async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        query: &str,
        body: Option<String>,
    ) -> Result<T, Failure> {
        let Caller { account, arn } = &self.caller;
        let event: Value = json!({
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": query,
            "headers": { "content-type": "application/json" },
            "body": body,
            "requestContext": {
                "http": { "method": method },
                "authorizer": { "iam": { "userArn": arn, "accountId": account } },
            },
        });
        let deadline = Instant::now() + TIMEOUT;
        let invocation = Invocation::new("direct", self.home.clone(), deadline);
        let Response { status_code, body, .. } = self.tvm.handle(&event, &invocation).await;
        answered(status_code, body.as_bytes(), &"the session table")
    }
}
