//! Who is not let through, and what the client can tell from it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use sentinel_authorizer::ResponseFormat::{Policy, Simple};
use sentinel_authorizer::Unauthorized;
use sentinel_store::conformance::{
    Call, Failure, Faults, Hook, HookedSessions, Operation, Phase, Which,
};
use sentinel_store::{
    Block, CallerKey, Clock, EventKind, GateAction, GateChange, Record, Scope, SessionId,
    SessionKeys, SessionStore, StoreError, SystemClock,
};
use serde_json::{Value, json};

use crate::world::{HTTP_ARN, REST_ARN, World, allows, http, rest};

fn header(id: &str) -> Value {
    http(&json!({ "x-sentinel-session-id": id }), &Value::Null)
}

#[tokio::test]
async fn without_any_id_the_error_is_exactly_what_api_gateway_makes_401() {
    let world = World::new(Simple);
    for event in [
        http(&json!({}), &Value::Null),
        http(&Value::Null, &json!({})),
        header(""),
        rest(&json!({}), &json!({})),
        json!({ "type": "TOKEN", "methodArn": REST_ARN }),
    ] {
        let error = world.ask(&event).await.unwrap_err();
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
    let forged = world.ask(&header(&plain)).await.unwrap();
    assert!(!allows(&forged));
    assert_eq!(faults.calls(), []);
    let record = world.sink.records().pop().unwrap();
    let Record::Event(event) = record else { panic!("{record:?}") };
    assert_eq!(event.code.as_deref(), Some("bad_check"));

    let secret = SessionId::parse(&plain).unwrap().secret;
    let good = SessionKeys::parse(&key).unwrap().issue(session.handle, secret).reveal();
    assert!(allows(&world.ask(&header(&good)).await.unwrap()));
    let other = World::new(Policy);
    assert_eq!(other.ask(&header(&plain)).await.unwrap(), forged);
}

#[tokio::test]
async fn invariant_7_the_client_cannot_tell_why_a_session_is_refused() {
    let unknown = {
        let world = World::new(Policy);
        let (_, id) = world.session().await;
        id
    };
    let revoked = World::new(Policy);
    let (_, revoked_id) = revoked.session().await;
    let block =
        Block { until: None, by: "carol".into(), reason: "r".into(), at: SystemClock.now() };
    let change = GateChange { scope: Scope::Caller, action: GateAction::Revoke(block) };
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
        let answer = world.ask(&header(id)).await.unwrap();
        assert!(!allows(&answer));
        answers.push(answer.to_string());
        match world.sink.take().pop().unwrap() {
            Record::Event(event) => {
                assert_eq!(event.event, EventKind::AuthorizerRefusal);
                codes.push(event.code.unwrap());
            }
            Record::Decision(_) | Record::Metrics(_) => panic!("not an event"),
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(codes, ["unknown", "revoked", "expired", "wrong_secret", "malformed", "malformed"]);
}

#[tokio::test]
async fn two_different_ids_are_refused_even_when_one_is_good() {
    let world = World::new(Simple);
    let (_, id) = world.session().await;
    let both = |other: &str| {
        http(&json!({ "x-sentinel-session-id": id }), &json!({ "sentinel_session_id": other }))
    };
    assert!(!allows(&world.ask(&both("session-other")).await.unwrap()));
    assert!(allows(&world.ask(&both(&id)).await.unwrap()));
    let joined = header(&format!("{id},session-other"));
    assert!(!allows(&world.ask(&joined).await.unwrap()));
    assert!(allows(&world.ask(&header(&format!("{id},{id}"))).await.unwrap()));
    assert!(!allows(&world.ask(&header(&format!(",{id}"))).await.unwrap()));
    let twice = rest(&json!({ "X-Sentinel-Session-ID": [id, "session-other"] }), &json!({}));
    assert!(!allows(&world.ask(&twice).await.unwrap()));
}

#[tokio::test]
async fn invariant_1_a_store_that_fails_lets_no_session_through() {
    for failure in Failure::ALL {
        for (format, moment) in [(Simple, Phase::Before), (Policy, Phase::After)] {
            let faults = Faults::new();
            faults.fail(Which::Operation(Operation::Session), moment, failure);
            let world = World::over(format, |sessions| {
                Arc::new(HookedSessions::new(sessions, faults.clone()))
            });
            let (_, id) = world.session().await;
            assert!(!allows(&world.ask(&header(&id)).await.unwrap()), "{failure:?}");
            faults.clear();
            assert!(allows(&world.ask(&header(&id)).await.unwrap()), "{failure:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_is_refused_in_four_seconds() {
    let faults = Faults::new();
    let never = Duration::from_secs(3600);
    faults.delay(Which::Operation(Operation::Session), Phase::Before, never);
    let world =
        World::over(Simple, |sessions| Arc::new(HookedSessions::new(sessions, faults.clone())));
    let (_, id) = world.session().await;
    let started = tokio::time::Instant::now();
    assert!(!allows(&world.ask(&header(&id)).await.unwrap()));
    assert!(started.elapsed() <= Duration::from_secs(4));
}

/// Panics where it should answer.
#[derive(Debug)]
struct Panicking;

#[async_trait]
impl Hook for Panicking {
    fn begin(&self, _: Operation) -> Call {
        panic!("told to")
    }

    async fn at(&self, _: Call, _: Phase) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_store_that_panics_is_refused_and_recorded() {
    let world = World::over(Simple, |sessions| {
        Arc::new(HookedSessions::new(sessions, Arc::new(Panicking)))
    });
    let (_, id) = world.session().await;
    assert!(!allows(&world.ask(&header(&id)).await.unwrap()));
    let records = world.sink.take();
    let [Record::Event(event)] = records.as_slice() else { panic!("{records:?}") };
    assert_eq!(event.code.as_deref(), Some("internal_error"));
}

#[tokio::test]
async fn a_log_that_fails_changes_no_refusal() {
    let world = World::new(Simple);
    world.sink.set_failing(true);
    assert!(!allows(&world.ask(&header("session-x")).await.unwrap()));
}

#[tokio::test]
async fn an_event_without_an_arn_can_allow_nothing() {
    let world = World::new(Policy);
    let (_, id) = world.session().await;
    for event in [
        json!({ "version": "2.0", "type": "REQUEST", "headers": { "x-sentinel-session-id": id } }),
        json!({ "type": "TOKEN", "authorizationToken": id }),
        json!({}),
        json!([]),
        Value::Null,
    ] {
        let answer = world.ask(&event).await;
        assert!(answer.is_err() || !allows(&answer.unwrap()), "{event}");
    }
}

proptest! {
    /// No text but a good session's own id is let through, whatever it is and
    /// wherever it stands.
    #[test]
    fn invariant_7_no_text_but_the_id_itself_is_let_through(text in ".{0,120}", query in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let world = World::new(Simple);
            world.session().await;
            let event = if query {
                http(&json!({}), &json!({ "sentinel_session_id": text }))
            } else {
                header(&text)
            };
            match world.ask(&event).await {
                Ok(answer) => assert!(!allows(&answer)),
                Err(Unauthorized) => assert!(text.is_empty()),
            }
        });
    }

    /// Any single change of a good id makes it a bad one.
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
            let answer = world.ask(&header(&text)).await.unwrap();
            assert_eq!(allows(&answer), !changed, "{text} at {HTTP_ARN}");
        });
    }
}
