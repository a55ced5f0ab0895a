//! Credentials for the AWS SDK, from the local system.

use aws_credential_types::provider::ProvideCredentials;
use futures_util::future::join_all;
use sentinel_dev::LocalSentinel;

use crate::routes::client;

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
    assert!(credentials.fallback_on_interrupt().is_some());
}
