//! Every event is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use sentinel_store::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::world::{World, code, http, rest};

#[tokio::test]
async fn an_unusual_host_header_has_no_effect() {
    let world = World::new();
    for host in ["x.127.0.0.1", "a b", "[::1", "", "\u{0}", "é"] {
        let mut event = http("alice", "GET", "/", "profile=production");
        event["headers"]["host"] = json!(host);
        assert_eq!(code(&world.send(&event).await), "OK", "{host:?}");
    }
}

#[tokio::test]
async fn oversized_requests_are_refused() {
    let world = World::new();
    let mut event = http("alice", "POST", "/", "profile=production");
    event["body"] = json!("x".repeat(65 * 1024));
    let response = world.send(&event).await;
    assert_eq!((response.status_code, code(&response).as_str()), (413, "REQUEST_TOO_LARGE"));
}

/// A clock that panics at its first call.
#[derive(Debug, Default)]
struct Broken(AtomicBool);

impl Clock for Broken {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        assert!(self.0.swap(true, Ordering::SeqCst), "injected");
        SystemClock.now()
    }
}

#[tokio::test]
async fn a_panic_is_answered_and_the_next_request_is_served() {
    let world = World::with_clock(Arc::new(Broken::default()));
    let event = http("alice", "GET", "/", "profile=production");
    let response = world.send(&event).await;
    assert_eq!((response.status_code, code(&response).as_str()), (500, "INTERNAL_ERROR"));
    assert!(!response.body.contains("injected"), "{}", response.body);
    assert_eq!(code(&world.send(&event).await), "OK");
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-zA-Z]{1,12}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every place in an event.
fn pointers(value: &Value, at: &str, into: &mut Vec<String>) {
    into.push(at.to_owned());
    if let Value::Object(map) = value {
        for (key, value) in map {
            pointers(value, &format!("{at}/{key}"), into);
        }
    }
}

proptest! {
    /// For any value anywhere in an event, the response has a known status and a JSON body. It never
    /// contains credentials of a caller other than alice. There is no panic, which would be an
    /// INTERNAL_ERROR.
    #[test]
    fn invariant_9_no_event_causes_a_panic_or_changes_the_caller(
        rest_event in any::<bool>(),
        place in any::<prop::sample::Index>(),
        value in anything(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut event = if rest_event {
            rest("mallory", "GET", "/", &json!({ "profile": ["production"] }))
        } else {
            http("mallory", "GET", "/", "profile=production")
        };
        let mut places = Vec::new();
        pointers(&event, "", &mut places);
        let place = place.get(&places).clone();
        *event.pointer_mut(&place).unwrap() = value;
        let world = World::new();
        let response = runtime.block_on(world.send(&event));
        let code = code(&response);
        prop_assert_ne!(code.as_str(), "INTERNAL_ERROR");
        prop_assert!(code != "OK" || !response.body.contains("SecretAccessKey"), "{event}");
        prop_assert!([200, 400, 403, 404, 405, 413].contains(&response.status_code), "{event}");
    }
}
