//! Sessions and gates in DynamoDB.

use std::sync::Arc;

use sentinel_store::dynamodb::DynamoSessions;
use sentinel_store::{
    Block, Epoch, Gate, GateChange, Listing, Pages, Scope, SessionHandle, SessionStore, StoreError,
    conformance::{self, Report},
};
use sentinel_testkit::emulator::Kind;
use tokio::task::JoinSet;

use crate::stores::{Sessions, TableBackdoor, any_session, caller};

/// Every case passes, and none is left out.
fn assert_conforms(report: Report) {
    assert!(report.outcomes().len() > 30, "the suite has lost its cases");
    assert_eq!(report.not_offered().count(), 0);
    report.result().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_on_ministack_conform() {
    let Some(sessions) = Sessions::on(Kind::Ministack).await else { return };
    assert_conforms(conformance::sessions(&sessions).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_on_moto_conform() {
    let Some(sessions) = Sessions::on(Kind::Moto).await else { return };
    assert_conforms(conformance::sessions(&sessions).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_on_dynalite_conform() {
    let Some(sessions) = Sessions::on(Kind::Dynalite).await else { return };
    assert_conforms(conformance::sessions(&sessions).await);
}

fn revoke(reason: &str) -> GateChange {
    let at = chrono::DateTime::from_timestamp(1_769_342_400, 0).unwrap();
    let block = Block::new("carol", at).with_reason(reason);
    GateChange::revoke(Scope::Caller, block)
}

/// More concurrent changes than in the suite. Every acknowledged change counts, and none fails
/// because of contention.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_concurrent_revocations_all_count() {
    let Some(sessions) = Sessions::on(Kind::Ministack).await else { return };
    let store = Arc::new(sessions.store().await.0);
    let mut tasks = JoinSet::new();
    for number in 0..50 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let change = revoke(&format!("number {number}"));
            store.change_gate(&caller("alice"), &change).await.unwrap().whole.epoch
        });
    }
    let mut epochs = tasks.join_all().await;
    epochs.sort_unstable();
    assert_eq!(epochs, (1..=50).map(Epoch).collect::<Vec<_>>());
    assert_eq!(store.gate(&caller("alice")).await.unwrap().whole.epoch, Epoch(50));
}

/// Only sessions have a time to live, a day after their end. Only sessions have the attributes of
/// the index.
#[tokio::test(flavor = "multi_thread")]
async fn gates_have_no_time_to_live_and_are_in_no_index() {
    let Some(sessions) = Sessions::on(Kind::Ministack).await else { return };
    let (store, table) = sessions.store().await;
    let handle = SessionHandle::new(caller("alice").hash(), [0xab; 10]);
    let session = any_session(&handle);
    store.create_session(&session).await.unwrap();
    store.end_session(&handle, session.created).await.unwrap();
    store.change_gate(&caller("alice"), &revoke("stolen")).await.unwrap();
    store.change_gate(&caller("alice"), &revoke("again")).await.unwrap();

    let client = aws_sdk_dynamodb::Client::new(&sessions.config);
    let items = TableBackdoor { client, table }.items().await;
    assert_eq!(items.len(), 2);
    for item in items {
        let mut names: Vec<_> = item.keys().map(String::as_str).collect();
        names.sort_unstable();
        if item["sk"].as_s().unwrap() == "gate" {
            assert_eq!(names, ["before", "format", "pk", "record", "revision", "sk", "write"]);
        } else {
            assert_eq!(names, ["format", "pk", "record", "shard", "sk", "ttl", "write"]);
            let ttl = (session.expires.timestamp() + 86_400).to_string();
            assert_eq!(item["ttl"].as_n().unwrap(), &ttl);
            assert_eq!(item["shard"].as_s().unwrap(), "a");
        }
    }
}

/// An item with an added or a removed attribute is not used for any decision.
#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_another_program_changed_is_corrupt() {
    use aws_sdk_dynamodb::types::AttributeValue::{N, S};
    let Some(sessions) = Sessions::on(Kind::Ministack).await else { return };
    let (store, table) = sessions.store().await;
    let client = aws_sdk_dynamodb::Client::new(&sessions.config);
    let backdoor = TableBackdoor { client, table };
    let alice = caller("alice");
    let handle = SessionHandle::new(alice.hash(), [1; 10]);
    let gate = DynamoSessions::gate_item(&alice, &Gate::open(alice.clone())).unwrap();
    let session = DynamoSessions::session_item(&handle, &any_session(&handle)).unwrap();

    backdoor.plant(gate.clone()).await;
    backdoor.plant(session.clone()).await;
    store.session(&handle).await.unwrap();

    for good in [gate, session] {
        let names: Vec<_> = good.keys().filter(|name| !["pk", "sk"].contains(&&***name)).collect();
        let mut changed: Vec<_> = names
            .iter()
            .map(|name| {
                let mut item = good.clone();
                item.remove(*name);
                item
            })
            .collect();
        for (name, value) in [("format", N("2".to_owned())), ("surplus", S("x".to_owned()))] {
            let mut item = good.clone();
            item.insert(name.to_owned(), value);
            changed.push(item);
        }
        for item in changed {
            let what: Vec<_> = item.keys().cloned().collect();
            backdoor.plant(item).await;
            let found = store.session(&handle).await;
            assert!(matches!(found, Err(StoreError::Corrupt(_))), "{what:?}: {found:?}");
        }
        backdoor.plant(good).await;
        store.session(&handle).await.unwrap();
    }
}

/// Every page of all callers' sessions except the last is full, although the sessions are stored in
/// sixteen shards.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_all_sessions_are_full() {
    let Some(sessions) = Sessions::on(Kind::Ministack).await else { return };
    let store = sessions.store().await.0;
    for number in 0..40_u8 {
        let handle = SessionHandle::new(caller("alice").hash(), [number.wrapping_mul(37); 10]);
        store.create_session(&any_session(&handle)).await.unwrap();
    }
    let mut sizes = Vec::new();
    let mut pages = Pages::sessions(&store, &Listing::All);
    while let Some(page) = pages.next().await.unwrap() {
        sizes.push(page.items.len());
    }
    assert_eq!(sizes, [7, 7, 7, 7, 7, 5]);
}

/// As deployed, with the timeouts for AWS.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_is_refused_and_not_empty() {
    let Some(sessions) = Sessions::on(Kind::Ministack).await else { return };
    let store = DynamoSessions::new(&sessions.config, "no-such-table")
        .with_timing(crate::stores::LONG_TIMEOUTS.with_attempts(1));
    let found = store.gate(&caller("alice")).await;
    assert!(matches!(found, Err(StoreError::Refused(_))), "{found:?}");
}
