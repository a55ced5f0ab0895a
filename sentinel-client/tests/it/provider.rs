//! Credentials for the AWS SDK.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_credential_types::provider::ProvideCredentials;
use chrono::{TimeDelta, Utc};
use futures_util::future::join_all;
use sentinel_client::{Client, ClientError, Request, Response, Transport};
use sentinel_dev::LocalSentinel;
use sentinel_wire::{ErrorBody, rfc3339};
use serde_json::json;

use crate::routes::client;

/// A TVM with prepared responses. After the last one, it cannot be reached.
#[derive(Clone, Debug, Default)]
struct Scripted {
    responses: Arc<Mutex<VecDeque<Response>>>,
    requests: Arc<Mutex<usize>>,
}

#[async_trait]
impl Transport for Scripted {
    async fn send(&self, _: Request) -> Result<Response, ClientError> {
        tokio::task::yield_now().await;
        *self.requests.lock().unwrap() += 1;
        self.responses.lock().unwrap().pop_front().ok_or_else(|| ClientError::Unreachable {
            address: self.address(),
            source: "no route to host".into(),
        })
    }

    fn address(&self) -> String {
        "the script".to_owned()
    }
}

impl Scripted {
    fn then(self, response: Response) -> Self {
        self.responses.lock().unwrap().push_back(response);
        self
    }

    /// Credentials that are valid for that time.
    fn then_vend(self, id: &str, lifetime: TimeDelta) -> Self {
        let body = json!({
            "AccessKeyId": id,
            "SecretAccessKey": "s",
            "Token": "t",
            "Expiration": rfc3339::exact(Utc::now() + lifetime),
        });
        self.then(Response::json(200, body.to_string()))
    }

    fn then_refuse(self) -> Self {
        let body = ErrorBody::new("SESSION_REVOKED", "your access was revoked", "r-1");
        self.then(Response::json(403, serde_json::to_vec(&body).unwrap()))
    }

    fn requests(&self) -> usize {
        *self.requests.lock().unwrap()
    }
}

#[tokio::test]
async fn concurrent_callers_share_one_request_and_later_ones_its_result() {
    let sentinel = LocalSentinel::builder().start().unwrap();
    let credentials = client(&sentinel, "alice").credentials("production".parse().unwrap());
    let ids = join_all((0..50).map(|_| async {
        let credentials = credentials.clone();
        let found = tokio::spawn(async move { credentials.provide_credentials().await }).await;
        found.unwrap().unwrap().access_key_id().to_owned()
    }))
    .await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let later = credentials.provide_credentials().await.unwrap();
    assert_eq!(later.access_key_id(), ids[0]);
    assert!(later.expiry().is_some());
    assert_eq!(sentinel.records().len(), 1, "each request has a record");
}

#[tokio::test]
async fn a_refusal_is_shared_by_concurrent_callers_and_requested_again_later() {
    let tvm = Scripted::default().then_refuse().then_vend("ASIA1", TimeDelta::hours(1));
    let credentials = Client::over(tvm.clone()).credentials("production".parse().unwrap());
    let results = join_all((0..20).map(|_| credentials.vended())).await;
    assert!(results.iter().all(Result::is_err));
    assert_eq!(tvm.requests(), 1);
    assert_eq!(credentials.vended().await.unwrap().credentials.access_key_id, "ASIA1");
}

#[tokio::test]
async fn present_credentials_are_used_while_the_tvm_cannot_be_reached() {
    let short = TimeDelta::milliseconds(600);
    let tvm = Scripted::default().then_vend("ASIA1", short);
    let credentials = Client::over(tvm.clone()).credentials("production".parse().unwrap());
    assert_eq!(credentials.vended().await.unwrap().credentials.access_key_id, "ASIA1");
    // Less than a third is left: the refresh fails, and the credentials are still valid.
    tokio::time::sleep((short - TimeDelta::milliseconds(150)).to_std().unwrap()).await;
    assert_eq!(credentials.vended().await.unwrap().credentials.access_key_id, "ASIA1");
    assert_eq!(tvm.requests(), 2);
    tokio::time::sleep(short.to_std().unwrap()).await;
    assert!(matches!(*credentials.vended().await.unwrap_err(), ClientError::Unreachable { .. }));
}

#[tokio::test]
async fn a_refused_refresh_discards_the_present_credentials() {
    let short = TimeDelta::milliseconds(600);
    let tvm = Scripted::default().then_vend("ASIA1", short).then_refuse();
    let credentials = Client::over(tvm).credentials("production".parse().unwrap());
    credentials.vended().await.unwrap();
    assert!(credentials.fallback_on_interrupt().is_some());
    tokio::time::sleep((short - TimeDelta::milliseconds(150)).to_std().unwrap()).await;
    assert!(matches!(*credentials.vended().await.unwrap_err(), ClientError::Refused(_)));
    assert!(credentials.fallback_on_interrupt().is_none());
    // The TVM cannot be reached any more, and nothing is left to fall back on.
    assert!(credentials.vended().await.is_err());
}

#[tokio::test]
async fn credentials_that_have_expired_already_are_an_error() {
    let tvm = Scripted::default().then_vend("ASIA1", TimeDelta::seconds(-1));
    let credentials = Client::over(tvm).credentials("production".parse().unwrap());
    assert!(matches!(*credentials.vended().await.unwrap_err(), ClientError::Expired { .. }));
}
