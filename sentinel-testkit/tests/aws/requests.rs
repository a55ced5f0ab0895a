//! The requests to DynamoDB and SSM. Emulators answer every read consistently, so only the request
//! shows whether a consistent read was requested.

use std::sync::{Arc, Mutex};

use sentinel_store::dynamodb::{DynamoPolicies, DynamoSessions};
use sentinel_store::ssm::SsmPolicies;
use sentinel_store::{
    Gate, GateChange, Listing, PolicyPath, PolicyStore, PolicyWriter, ProfileName, Scope,
    SessionHandle, SessionStore,
};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::{
    canned::{Answer, Canned, Request},
    stores::{LONG_TIMEOUTS, any_session, caller},
};

/// A table that stores items by key, and ignores conditions.
async fn table() -> Canned {
    let items = Mutex::new(Vec::<Value>::new());
    Canned::new(move |request| {
        let mut items = items.lock().unwrap();
        let consumed = json!({"TableName": "t", "CapacityUnits": 1.0});
        let mut answer = json!({"ConsumedCapacity": consumed});
        match request.operation.as_str() {
            "GetItem" => {
                let key = &request.body["Key"];
                let is = |item: &&Value| item["pk"] == key["pk"] && item["sk"] == key["sk"];
                if let Some(item) = items.iter().rev().find(is) {
                    answer["Item"] = item.clone();
                }
            }
            "PutItem" => items.push(request.body["Item"].clone()),
            "Query" => answer["Items"] = json!([]),
            "UpdateItem" => {}
            other => panic!("{other}"),
        }
        Answer::ok(&answer)
    })
    .await
}

/// What must hold for every request: no scan, strongly consistent reads of the table, conditional
/// writes.
fn check_request(request: &Request) {
    let Request { operation, body } = request;
    match operation.as_str() {
        "GetItem" => assert_eq!(body["ConsistentRead"], true, "{body}"),
        "Query" if body.get("IndexName").is_none() => {
            assert_eq!(body["ConsistentRead"], true, "{body}");
            assert!(body["Limit"].as_i64().unwrap() > 0);
        }
        "Query" => assert!(body["Limit"].as_i64().unwrap() > 0),
        "PutItem" | "UpdateItem" => {
            assert!(!body["ConditionExpression"].as_str().unwrap().is_empty(), "{body}");
        }
        other => panic!("{other}"),
    }
    assert_eq!(body["ReturnConsumedCapacity"], "TOTAL", "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_read_consistently_and_written_on_conditions() {
    let server = table().await;
    let store = DynamoSessions::new(&server.config(), "t").with_timing(LONG_TIMEOUTS);
    let alice = caller("alice");
    let handle = SessionHandle::new(alice.hash(), [1; 10]);
    let session = any_session(&handle);
    let at = session.created;
    let block = sentinel_store::Block::new("c", at).with_reason("r");
    let change = GateChange::revoke(Scope::Caller, block);
    store.gate(&alice).await.unwrap();
    store.create_session(&session).await.unwrap();
    store.change_gate(&alice, &change).await.unwrap();
    store.change_gate(&alice, &change).await.unwrap();
    store.session(&handle).await.unwrap();
    store.end_session(&handle, at).await.unwrap();
    store.sessions(&Listing::Caller(alice), None).await.unwrap();
    store.sessions(&Listing::All, None).await.unwrap();

    let requests = server.requests();
    requests.iter().for_each(check_request);
    // Only the list of all callers' sessions uses the index, shard by shard.
    let shards: Vec<_> = requests
        .iter()
        .filter(|request| request.body.get("IndexName").is_some())
        .map(|request| request.body["ExpressionAttributeValues"][":shard"]["S"].as_str().unwrap())
        .collect();
    assert_eq!(shards.concat(), "0123456789abcdef");
    // A vend reads the gate in one call and writes the session in one call.
    let operations = server.operations();
    assert_eq!(operations[..2], ["GetItem", "PutItem"]);
}

/// One item. Like DynamoDB, the table returns it when the condition of a write fails.
async fn one_item() -> Canned {
    let stored = Mutex::new(None::<Value>);
    Canned::new(move |request| {
        let mut stored = stored.lock().unwrap();
        let consumed = json!({"TableName": "t", "CapacityUnits": 1.0});
        assert_eq!(request.operation, "PutItem", "a revocation must not read");
        let (item, body) = (request.body["Item"].clone(), &request.body);
        assert_eq!(body["ReturnValuesOnConditionCheckFailure"], "ALL_OLD", "{body}");
        let seen = &body["ExpressionAttributeValues"][":seen"];
        let fits = match &*stored {
            None => body["ConditionExpression"] == "attribute_not_exists(#pk)",
            Some(stored) => *seen == stored["revision"],
        };
        if fits {
            *stored = Some(item);
            Answer::ok(&json!({"ConsumedCapacity": consumed}))
        } else {
            let kind = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
            let refusal = json!({"__type": kind, "message": "The conditional request failed",
                "Item": stored.clone()});
            Answer::Status(400, refusal.to_string())
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_writes_and_reads_nothing() {
    let server = one_item().await;
    let store = DynamoSessions::new(&server.config(), "t").with_timing(LONG_TIMEOUTS);
    let (alice, at) =
        (caller("alice"), chrono::DateTime::from_timestamp(1_769_342_400, 0).unwrap());
    let revoke = |scope, until| {
        let (by, reason) = ("carol".to_owned(), "stolen".to_owned());
        let block = sentinel_store::Block::new(by, at).with_reason(reason).with_until(until);
        GateChange::revoke(scope, block)
    };
    let production = || Scope::Profile(ProfileName::parse("production").unwrap());
    let changes = [
        revoke(Scope::Caller, None),
        // The longer block is kept.
        revoke(Scope::Caller, Some(at + chrono::TimeDelta::hours(1))),
        revoke(production(), None),
    ];
    let mut expected = Gate::open(alice.clone());
    for change in &changes {
        expected.apply(change).unwrap();
        assert_eq!(store.change_gate(&alice, change).await.unwrap(), expected);
    }
    // The first write finds no gate. Each later one fails once, and the error contains the gate.
    assert_eq!(server.operations().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_in_a_table_are_read_consistently_and_written_on_conditions() {
    let server = table().await;
    let store = DynamoPolicies::new(&server.config(), "t").with_timing(LONG_TIMEOUTS);
    let root = PolicyPath::new("/sentinel/policies");
    let path = root.join("production");
    let one = store.put(&path, &[b'x'; 700_000], None).await.unwrap();
    let two = store.put(&path, b"two", Some(&one)).await.unwrap();
    store.policy(&path).await.unwrap();
    store.list(&root, None).await.unwrap();
    store.history(&path, None).await.unwrap();
    store.revision(&path, &one).await.unwrap();
    store.remove(&path).await.unwrap();
    assert_eq!((one.as_str(), two.as_str()), ("1", "2"));
    server.requests().iter().for_each(check_request);
    // The pointer is moved only after the whole text is stored.
    assert_eq!(server.operations()[..5], ["GetItem", "PutItem", "PutItem", "PutItem", "PutItem"]);
    let written = &server.requests()[4].body["Item"]["pk"]["S"];
    assert_eq!(*written, "documents#/sentinel/policies");
}

/// Each read waits for the other, so sequential reads would never end.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_and_its_gate_are_read_at_the_same_time() {
    let handle = SessionHandle::new(caller("alice").hash(), [1; 10]);
    let stored = table().await;
    let store = DynamoSessions::new(&stored.config(), "t").with_timing(LONG_TIMEOUTS);
    store.create_session(&any_session(&handle)).await.unwrap();
    let session = stored.requests()[0].body["Item"].clone();

    let both = Arc::new(Barrier::new(2));
    let server = Canned::new(move |request| {
        let mut answer = json!({"ConsumedCapacity": {"TableName": "t", "CapacityUnits": 1.0}});
        if request.body["Key"]["sk"]["S"] != "gate" {
            answer["Item"] = session.clone();
        }
        Answer::Together(Arc::clone(&both), answer.to_string())
    })
    .await;
    let store = DynamoSessions::new(&server.config(), "t").with_timing(LONG_TIMEOUTS);
    store.session(&handle).await.unwrap();
    assert_eq!(server.operations(), ["GetItem", "GetItem"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_ssm_would_refuse_is_not_sent() {
    let server = Canned::new(|request| panic!("{request:?}")).await;
    let store = SsmPolicies::new(&server.config()).with_timing(LONG_TIMEOUTS);
    let root = PolicyPath::new("/sentinel/policies");
    for name in ["", "a:1", "a b", "x/", "/x", "\u{1f511}", "x\0", "*"] {
        let found = store.policy(&root.join(name)).await;
        assert!(matches!(found, Err(sentinel_store::StoreError::NotFound(_))), "{name}: {found:?}");
    }
    let cursor = sentinel_store::Cursor("made up".to_owned());
    let found = store.list(&root, Some(&cursor)).await;
    assert!(matches!(found, Err(sentinel_store::StoreError::NotFound(_))), "{found:?}");
    assert_eq!(server.operations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_decrypted_and_names_are_listed_flat_in_pages_of_ten() {
    let server = Canned::new(|request| match request.operation.as_str() {
        "GetParameter" => {
            let name = "/sentinel/policies/production";
            let parameter = json!({"Name": name, "Type": "String", "Value": "x", "Version": 1});
            Answer::ok(&json!({"Parameter": parameter}))
        }
        "GetParametersByPath" => Answer::ok(&json!({"Parameters": []})),
        other => panic!("{other}"),
    })
    .await;
    let store = SsmPolicies::new(&server.config());
    let root = PolicyPath::new("/sentinel/policies/");
    store.policy(&root.join("production")).await.unwrap();
    store.list(&root, None).await.unwrap();
    let [get, list] = server.requests().try_into().unwrap();
    assert_eq!(get.body["WithDecryption"], true);
    assert_eq!(list.body["Path"], "/sentinel/policies");
    assert_eq!(list.body["MaxResults"], 10);
    assert_eq!(list.body["Recursive"], false);
}
