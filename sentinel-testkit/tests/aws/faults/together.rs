//! Concurrent faults, and cases that the table cannot express.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sentinel_broker::ErrorCode;
use sentinel_store::Record;
use sentinel_testkit::proxy::{Fault, Rule};

use super::judge::{AUTHORIZER_TIMEOUT, AUTHORIZER_WITHIN, TVM_TIMEOUT, TVM_WITHIN, send};
use super::place::{
    ASSUME_ROLE, FIRST_GATE, MAIN_DOCUMENT, RequestKind, SECOND_GATE, VEND_COUNT, WRITE, session,
};
use super::table::Sees;
use super::world::{Service, Setting, Shared, World};

const EVERY_REQUEST: [RequestKind; 8] = [
    RequestKind::Vend("production"),
    RequestKind::Vend("billing"),
    RequestKind::Profiles,
    RequestKind::OwnSessions,
    RequestKind::AllSessions,
    RequestKind::Revoke,
    RequestKind::Reinstate,
    RequestKind::Authorize,
];

fn inject_all(world: &World, fault: &Fault) {
    for service in Service::ALL {
        world.inject(service, Rule::all(fault.clone()));
    }
}

#[tokio::test]
async fn when_every_service_fails_every_route_responds_in_time() {
    let shared = &Shared::new().await;
    let long = Duration::from_secs(10);
    let faults = [
        Fault::Throttled,
        Fault::Refused,
        Fault::Unavailable(503),
        Fault::SlowBefore(long),
        Fault::SlowAfter(long),
        Fault::Silent,
        Fault::Stalled,
    ];
    let worlds = faults.iter().map(|_| World::new(shared, Setting::default()));
    let worlds = join_all(worlds).await;
    for (world, fault) in worlds.iter().zip(&faults) {
        inject_all(world, fault);
    }
    let requests = worlds.iter().zip(&faults);
    let requests = requests
        .flat_map(|(world, fault)| EVERY_REQUEST.map(|request_kind| (world, fault, request_kind)));
    let answers = requests.map(async |(world, fault, what)| {
        let started = Instant::now();
        let answer = send(world, what, "").await;
        let took = started.elapsed();
        let most = if what == RequestKind::Authorize { AUTHORIZER_WITHIN } else { TVM_WITHIN };
        assert!(took <= most, "{fault:?} {what:?}: {took:?}");
        let expected = match (fault, what) {
            (_, RequestKind::Authorize) => {
                return assert!(matches!(answer.sees, Sees::Forbidden(_)));
            }
            (Fault::Throttled, _) => ErrorCode::RateLimited,
            (Fault::Refused, RequestKind::Vend(_)) => ErrorCode::PolicyError,
            (_, _) => ErrorCode::StoreUnavailable,
        };
        assert_eq!(answer.sees, Sees::Refused(expected), "{fault:?} {what:?}");
    });
    join_all(answers).await;
    for world in &worlds {
        assert_eq!(world.sessions("alice").await, []);
        assert_eq!(world.issued().len(), 0);
    }
}

#[tokio::test]
async fn services_that_respond_within_their_timeouts_are_waited_for() {
    let shared = Shared::new().await;
    let world = World::new(&shared, Setting::default()).await;
    inject_all(&world, &Fault::SlowBefore(Duration::from_millis(900)));
    let id = world.vend("alice").await;
    let answer = world.authorize(&id, AUTHORIZER_TIMEOUT).await.unwrap();
    assert_eq!(answer["isAuthorized"], true);
}

#[tokio::test]
async fn the_first_attempt_of_every_call_may_be_lost() {
    let shared = Shared::new().await;
    let mut world = World::new(&shared, Setting::default()).await;
    for lost in [Fault::SlowAfter(Duration::from_secs(10)), Fault::Silent] {
        world.restart();
        for place in [MAIN_DOCUMENT, FIRST_GATE, WRITE, VEND_COUNT, ASSUME_ROLE] {
            world.inject(place.service, place.attempts(1, lost.clone()));
        }
        // The first read of the gate and its second attempt precede it.
        world.inject(Service::DynamoDb, SECOND_GATE.rule(lost).calls(3..=3));
        let started = Instant::now();
        let answer = send(&world, RequestKind::Vend("production"), "").await;
        assert_eq!(answer.sees, Sees::Done, "{}", answer.text);
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        assert_eq!(world.faulted_calls(), 6);
        world.clear_faults().await;
    }
    // Each session was written once, whether or not the write was acknowledged.
    assert_eq!(world.sessions("alice").await.len(), 2);
}

#[tokio::test]
async fn a_function_with_little_time_answers_a_second_before_it_is_ended() {
    let shared = Shared::new().await;
    let world = World::new(&shared, Setting::default()).await;
    inject_all(&world, &Fault::Silent);
    let left = Duration::from_secs(3);
    let requests =
        EVERY_REQUEST.iter().filter(|request_kind| **request_kind != RequestKind::Authorize);
    let answers = requests.map(async |what| {
        let started = Instant::now();
        let response = world.send(&what.request(""), left).await;
        assert_eq!(response.status_code, 503, "{what:?}: {}", response.body);
        assert!(started.elapsed() < Duration::from_millis(2_500), "{:?}", started.elapsed());
    });
    join_all(answers).await;
    let started = Instant::now();
    let id = format!("session-{}{}", "a".repeat(42), "b".repeat(26));
    let answer = world.authorize(&id, left).await.unwrap();
    assert_eq!(answer["isAuthorized"], false);
    assert!(started.elapsed() < Duration::from_millis(2_500), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_copy_of_a_policy_is_used_while_ssm_is_unavailable_and_not_when_it_refuses() {
    let shared = Shared::new().await;
    let setting = Setting { no_cache: true, ..Setting::default() };
    let stale = |world: &World| {
        let records = world.sink().take();
        let stale = records.iter().find_map(|record| {
            let Record::Decision(decision) = record else { return None };
            Some(decision.policy_stale)
        });
        stale.unwrap()
    };
    let world = World::new(&shared, setting).await;
    for fault in [Fault::Throttled, Fault::Unavailable(503), Fault::Silent, Fault::CutShort] {
        world.vend("alice").await;
        assert!(!stale(&world));
        world.inject(Service::Ssm, Rule::all(fault));
        world.vend("alice").await;
        assert!(stale(&world));
        world.clear_faults().await;
    }
    world.inject(Service::Ssm, Rule::all(Fault::Refused));
    let answer = send(&world, RequestKind::Vend("production"), "").await;
    assert_eq!(answer.sees, Sees::Refused(ErrorCode::PolicyError));
    world.clear_faults().await;

    let setting = Setting { no_stale: true, ..setting };
    let world = World::new(&shared, setting).await;
    world.vend("alice").await;
    world.inject(Service::Ssm, Rule::all(Fault::Unavailable(503)));
    let answer = send(&world, RequestKind::Vend("production"), "").await;
    assert_eq!(answer.sees, Sees::Refused(ErrorCode::StoreUnavailable));
}

/// An operation that was not acknowledged may still be performed, and later.
#[tokio::test]
async fn a_session_whose_write_comes_after_the_refusal_has_ended_before() {
    let shared = Shared::new().await;
    let world = World::new(&shared, Setting::default()).await;
    let slow = |seconds| Fault::SlowBefore(Duration::from_secs(seconds));
    // STS refuses while the write is in progress.
    world.inject(Service::DynamoDb, WRITE.attempts(1, slow(2)));
    world.inject(Service::Sts, Rule::all(Fault::Refused));
    let answer = send(&world, RequestKind::Vend("production"), "").await;
    assert_eq!(answer.sees, Sees::Refused(ErrorCode::CredentialError));
    world.clear_faults().await;
    // The write takes longer than the timeout.
    world.inject(Service::DynamoDb, WRITE.attempts(2, slow(5)));
    let answer = send(&world, RequestKind::Vend("production"), "").await;
    assert_eq!(answer.sees, Sees::Refused(ErrorCode::StoreUnavailable));
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(world.sessions("alice").await.len(), 2);
    assert_eq!(world.active("alice").await, 0);
}

#[tokio::test]
async fn a_session_that_cannot_be_ended_is_not_returned() {
    let shared = Shared::new().await;
    let world = World::new(&shared, Setting::default()).await;
    world.vend("alice").await;
    for (number, fault) in
        [Fault::Throttled, Fault::Refused, Fault::Silent, Fault::Reset].into_iter().enumerate()
    {
        world.inject(Service::Sts, Rule::all(Fault::Refused));
        let end = Rule::operation("dynamodb", "UpdateItem", fault).with(session);
        world.inject(Service::DynamoDb, end);
        let started = Instant::now();
        let response = world.send(&RequestKind::Vend("production").request(""), TVM_TIMEOUT).await;
        assert_eq!(response.status_code, 500, "{}", response.body);
        assert!(!response.headers.contains_key("x-sentinel-session-id"));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        assert_eq!(world.active("alice").await, number + 2);
        world.clear_faults().await;
    }
}
