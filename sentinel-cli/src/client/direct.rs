//! A TVM of our own over the deployment's session table, for when theirs cannot
//! be reached: the same code as in Lambda, in this process, with this caller's
//! AWS credentials. IAM decides who can: whoever may write to the table may
//! revoke by it anyway.
//!
//! It lists and revokes. It vends nothing, and lets nobody in again: that needs
//! the policy, and so the TVM.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use sentinel_broker::{Broker, Home, OperatorArn, Parts, SessionTable, Settings};
use sentinel_store::{DynamoSessions, Generation, JsonLines, PolicyPath, SsmPolicies};
use sentinel_tvm::{Invocation, Response, StsIssuer, Tvm};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::tvm::{answered, encoded};
use crate::Failure;
use crate::caller::Caller;

/// As long as the TVM may take, and the second that it keeps for answering.
const PATIENCE: Duration = Duration::from_secs(26);

/// The TVM, and who asks it.
#[derive(Debug)]
pub(crate) struct Direct {
    tvm: Tvm,
    home: Home,
    caller: Caller,
}

impl Direct {
    /// Over that table; its records go to stderr, since no log group gets them.
    pub(crate) fn new(
        aws: &SdkConfig,
        caller: Caller,
        table: &str,
        generation: Generation,
    ) -> Result<Self, Failure> {
        let (Some(home), Some(operator)) =
            (Home::from_arn(&caller.arn), OperatorArn::parse(&caller.operator()))
        else {
            return Err(Failure::undone(format!(
                "`{}` can be no operator: be an IAM user or a role",
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

    /// Asks as the TVM is asked over HTTP.
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
        let deadline = Instant::now() + PATIENCE;
        let invocation = Invocation::new("direct", self.home.clone(), deadline);
        let Response { status_code, body, .. } = self.tvm.handle(&event, &invocation).await;
        answered(status_code, body.as_bytes(), &"the session table")
    }
}
