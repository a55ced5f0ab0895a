//! What is refused, and what the client can see of the reason.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use sentinel_authorizer::ResponseFormat::{Policy, Simple};
use sentinel_authorizer::Unauthorized;
use sentinel_store::conformance::{
    CallSelector, Faults, Hook, HookedSessions, Phase, StoreCall, StoreErrorKind, StoreOperation,
};
use sentinel_store::{
    Block, CallerKey, Clock, EventKind, GateChange, Record, Scope, SessionId, SessionKeys,
    SessionStore, StoreError, SystemClock,
};
use serde_json::{Value, json};

use crate::world::{HTTP_ARN, REST_ARN, World, allows, http, rest};

fn header(id: &str) -> Value {
    http(&json!({ "x-sentinel-session-id": id }), &Value::Null)
}

#[tokio::test]
async fn without_an_id_the_error_is_exactly_the_text_that_api_gateway_turns_into_401() {
    let world = World::new(Simple);
    for event in [
        http(&json!({}), &Value::Null),
        http(&Value::Null, &json!({})),
        header(""),
        rest(&json!({}), &json!({})),
        json!({ "type": "TOKEN", "methodArn": REST_ARN }),
    ] {
        let error = world.send(&event).await.unwrap_err();
        assert_eq!(error.to_string(), "Unauthorized");
    }
}

#[tokio::test]
async fn a_forged_id_is_refused_without_a_read_and_like_any_other() {
    let faults = Faults::new();
    let hook = faults.clone();
    let key = "k".repeat(32);
    let world = World::over(Policy, |sessions| Arc::new(HookedSessions::new(sessions, hook)))
        .with_keys(&key);
    let (session, plain) = world.session().await;
    let forged = world.send(&header(&plain)).await.unwrap();
    assert!(!allows(&forged));
    assert_eq!(faults.calls(), []);
    let record = world.sink.records().pop().unwrap();
    let Record::Event(event) = record else { panic!("{record:?}") };
    assert_eq!(event.code.as_deref(), Some("bad_check"));

    let secret = SessionId::parse(&plain).unwrap().secret;
    let good = SessionKeys::parse(&key).unwrap().issue(session.handle, secret).reveal();
    assert!(allows(&world.send(&header(&good)).await.unwrap()));
    let other = World::new(Policy);
    assert_eq!(other.send(&header(&plain)).await.unwrap(), forged);
}

#[tokio::test]
async fn invariant_7_the_client_cannot_see_why_a_session_is_refused() {
    let unknown = {
        let world = World::new(Policy);
        let (_, id) = world.session().await;
        id
    };
    let revoked = World::new(Policy);
    let (_, revoked_id) = revoked.session().await;
    let block = Block::new("carol", SystemClock.now()).with_reason("r");
    let change = GateChange::revoke(Scope::Caller, block);
    revoked.sessions.change_gate(&CallerKey::parse("alice").unwrap(), &change).await.unwrap();
    let expired = World::new(Policy);
    let (_, expired_id) = expired.session_until("2026-01-01T01:00:00Z").await;
    let fresh = World::new(Policy);
    let wrong_secret = World::new(Policy);
    let (_, good) = wrong_secret.session().await;
    let forged = format!("{}aaaaaaaaaaaaaaaaaaaaaaaaaa", good.get(..50).unwrap());

    let mut answers = Vec::new();
    let mut codes = Vec::new();
    for (world, id) in [
        (&fresh, unknown.as_str()),
        (&revoked, &revoked_id),
        (&expired, &expired_id),
        (&wrong_secret, &forged),
        (&fresh, "session-x"),
        (&fresh, "anything"),
    ] {
        let answer = world.send(&header(id)).await.unwrap();
        assert!(!allows(&answer));
        answers.push(answer.to_string());
        let record = world.sink.take().pop().unwrap();
        let Record::Event(event) = record else { panic!("not an event: {record:?}") };
        assert_eq!(event.event, EventKind::AuthorizerRefusal);
        codes.push(event.code.unwrap());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(codes, ["unknown", "revoked", "expired", "wrong_secret", "malformed", "malformed"]);
}

#[tokio::test]
async fn two_different_ids_are_refused_even_if_one_is_valid() {
    let world = World::new(Simple);
    let (_, id) = world.session().await;
    let both = |other: &str| {
        http(&json!({ "x-sentinel-session-id": id }), &json!({ "sentinel_session_id": other }))
    };
    assert!(!allows(&world.send(&both("session-other")).await.unwrap()));
    assert!(allows(&world.send(&both(&id)).await.unwrap()));
    let joined = header(&format!("{id},session-other"));
    assert!(!allows(&world.send(&joined).await.unwrap()));
    assert!(allows(&world.send(&header(&format!("{id},{id}"))).await.unwrap()));
    assert!(!allows(&world.send(&header(&format!(",{id}"))).await.unwrap()));
    let twice = rest(&json!({ "X-Sentinel-Session-ID": [id, "session-other"] }), &json!({}));
    assert!(!allows(&world.send(&twice).await.unwrap()));
}

#[tokio::test]
async fn invariant_1_a_store_that_fails_allows_no_session() {
    for failure in StoreErrorKind::ALL {
        for (format, moment) in [(Simple, Phase::Before), (Policy, Phase::After)] {
            let faults = Faults::new();
            faults.fail(CallSelector::Operation(StoreOperation::Session), moment, failure);
            let world = World::over(format, |sessions| {
                Arc::new(HookedSessions::new(sessions, faults.clone()))
            });
            let (_, id) = world.session().await;
            assert!(!allows(&world.send(&header(&id)).await.unwrap()), "{failure:?}");
            faults.clear();
            assert!(allows(&world.send(&header(&id)).await.unwrap()), "{failure:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_is_refused_in_four_seconds() {
    let faults = Faults::new();
    let never = Duration::from_secs(3600);
    faults.delay(CallSelector::Operation(StoreOperation::Session), Phase::Before, never);
    let world =
        World::over(Simple, |sessions| Arc::new(HookedSessions::new(sessions, faults.clone())));
    let (_, id) = world.session().await;
    let started = tokio::time::Instant::now();
    assert!(!allows(&world.send(&header(&id)).await.unwrap()));
    assert!(started.elapsed() <= Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_answers_in_time_is_waited_for() {
    let faults = Faults::new();
    let slow = Duration::from_millis(3_500);
    faults.delay(CallSelector::Operation(StoreOperation::Session), Phase::Before, slow);
    let world =
        World::over(Simple, |sessions| Arc::new(HookedSessions::new(sessions, faults.clone())));
    let (_, id) = world.session().await;
    assert!(allows(&world.send(&header(&id)).await.unwrap()));
}

#[tokio::test]
async fn a_session_expires_by_the_clock_of_the_authorizer() {
    #[derive(Debug)]
    struct At(&'static str);

    impl Clock for At {
        fn now(&self) -> chrono::DateTime<chrono::Utc> {
            self.0.parse().unwrap()
        }
    }

    for (now, valid) in [("2020-01-01T00:00:59Z", true), ("2020-01-01T00:01:00Z", false)] {
        let world = World::new(Simple).with_clock(Arc::new(At(now)));
        let (_, id) = world.session_until("2020-01-01T00:01:00Z").await;
        assert_eq!(allows(&world.send(&header(&id)).await.unwrap()), valid, "{now}");
    }
}

/// A record contains the id of the request in the event only if it is an id and nothing else.
#[tokio::test]
async fn a_record_has_no_request_id_that_is_not_one() {
    let longest = "x".repeat(128);
    let too_long = "x".repeat(129);
    for (sent, expected) in [
        ("request-2", "request-2"),
        (&longest, &longest),
        (&too_long, "runtime-1"),
        ("", "runtime-1"),
        ("two words", "runtime-1"),
        ("line\nbreak", "runtime-1"),
    ] {
        let world = World::new(Simple);
        let mut event = header("session-x");
        event["requestContext"]["requestId"] = json!(sent);
        assert!(!allows(&world.send(&event).await.unwrap()));
        let records = world.sink.take();
        let [Record::Event(event)] = records.as_slice() else { panic!("{records:?}") };
        assert_eq!(event.request_id.as_deref(), Some(expected), "{sent}");
    }
}

/// Panics instead of returning.
#[derive(Debug)]
struct Panicking;

#[async_trait]
impl Hook for Panicking {
    fn begin(&self, _: StoreOperation) -> StoreCall {
        panic!("injected")
    }

    async fn at(&self, _: StoreCall, _: Phase) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_store_that_panics_is_refused_and_recorded() {
    let world = World::over(Simple, |sessions| {
        Arc::new(HookedSessions::new(sessions, Arc::new(Panicking)))
    });
    let (_, id) = world.session().await;
    assert!(!allows(&world.send(&header(&id)).await.unwrap()));
    let records = world.sink.take();
    let [Record::Event(event)] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(event.code.as_deref(), Some("internal_error"));
}

#[tokio::test]
async fn a_sink_that_fails_changes_no_refusal() {
    let world = World::new(Simple);
    world.sink.set_failing(true);
    assert!(!allows(&world.send(&header("session-x")).await.unwrap()));
}

#[tokio::test]
async fn an_event_without_an_arn_allows_nothing() {
    let world = World::new(Policy);
    let (_, id) = world.session().await;
    for event in [
        json!({ "version": "2.0", "type": "REQUEST", "headers": { "x-sentinel-session-id": id } }),
        json!({ "type": "TOKEN", "authorizationToken": id }),
        json!({}),
        json!([]),
        Value::Null,
    ] {
        let answer = world.send(&event).await;
        assert!(answer.is_err() || !allows(&answer.unwrap()), "{event}");
    }
}

proptest! {
    /// No text other than the id of a valid session is allowed, in any
    /// place of the event.
    #[test]
    fn invariant_7_only_the_id_itself_is_allowed(text in ".{0,120}", query in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let world = World::new(Simple);
            world.session().await;
            let event = if query {
                http(&json!({}), &json!({ "sentinel_session_id": text }))
            } else {
                header(&text)
            };
            match world.send(&event).await {
                Ok(answer) => assert!(!allows(&answer)),
                Err(Unauthorized) => assert!(text.is_empty()),
            }
        });
    }

    /// Any single change of a valid id makes it invalid.
    #[test]
    fn invariant_7_a_changed_id_is_refused(place in any::<prop::sample::Index>(), byte in 0x21_u8..0x7f) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let world = World::new(Simple);
            let (_, id) = world.session().await;
            let mut bytes = id.clone().into_bytes();
            let place = place.index(bytes.len());
            let changed = std::mem::replace(&mut bytes[place], byte) != byte;
            let text = String::from_utf8(bytes).unwrap();
            let answer = world.send(&header(&text)).await.unwrap();
            assert_eq!(allows(&answer), !changed, "{text} at {HTTP_ARN}");
        });
    }
}
