//! Creating requests, and the automatic approvals of a rule.

use chrono::TimeDelta;
use sentinel_broker::ErrorCode;
use sentinel_store::conformance::{CallSelector, Faults, Phase, StoreErrorKind, StoreOperation};
use sentinel_store::{Clock, RequestState};
use sentinel_wire::RequestAction;

use super::{AUTOMATIC, CONFLICT, FORBIDDEN, INVALID, approvals, production, seconds, state};
use crate::people::{ASK, code, plan, world};
use crate::world::{ACCOUNT, Plan, World};

// Creating.

#[tokio::test]
async fn a_request_has_the_defaults_of_its_rule_and_shows_what_the_requester_did_not_enter() {
    let world = world(ASK);
    let request = world.create("alice", &production().with_ticket("OPS-1".to_owned())).await;
    let request = request.unwrap();
    let now = world.clock.now();
    assert_eq!((request.state, request.duration_s), (RequestState::Pending, 7200));
    assert_eq!(request.deadline, now + TimeDelta::hours(4));
    assert_eq!((request.user.as_str(), request.account.as_str()), ("alice", ACCOUNT));
    assert_eq!(request.principal, format!("arn:aws:iam::{ACCOUNT}:user/alice"));
    assert_eq!(
        request.role_arn,
        format!("arn:aws:iam::{ACCOUNT}:role/SentinelProtected-production")
    );
    assert_eq!((request.rule.as_deref(), request.missing), (Some("leads"), Some(1)));
    assert_eq!(request.source_ip.as_deref(), Some("192.0.2.7"));
    assert_eq!((request.reason.as_str(), request.ticket.as_deref()), ("deploy", Some("OPS-1")));
    assert_eq!(world.show("bob", request.id).await.unwrap(), request);
}

#[tokio::test]
async fn only_a_profile_that_requires_an_approval_can_be_requested() {
    let world = world(ASK);
    let mut messages = Vec::new();
    for name in ["sandbox", "vault", "unknown"] {
        let denial = world.request("alice", name).await.unwrap_err();
        assert_eq!(denial.code, ErrorCode::Conflict, "{name}");
        messages.push(denial.message);
    }
    messages.dedup();
    assert_eq!(messages.len(), 1, "the message reveals which profiles exist");
}

#[tokio::test]
async fn a_profile_without_an_approvals_rule_cannot_be_requested() {
    let world =
        world(&ASK.replace("profiles: [production], approvers", "profiles: [x], approvers"));
    assert_eq!(code(&world.request("alice", "production").await), CONFLICT);
}

#[tokio::test]
async fn a_second_pending_request_for_a_profile_is_refused_until_the_first_one_is_decided() {
    let world = world(ASK);
    let first = world.request("alice", "production").await.unwrap();
    assert_eq!(code(&world.request("alice", "production").await), CONFLICT);
    assert_eq!(code(&world.request("Alice", "production").await), CONFLICT);
    world.request("alice", "staging").await.unwrap();
    world.request("erin", "production").await.unwrap();
    world.cancel("alice", first.id).await.unwrap();
    world.request("alice", "production").await.unwrap();
}

#[tokio::test]
async fn an_expired_request_does_not_prevent_another_one() {
    let world = world(ASK);
    let first = world.request("alice", "production").await.unwrap();
    world.clock.advance(4 * 3600);
    assert_eq!(state(&world.show("alice", first.id).await), RequestState::Expired);
    world.request("alice", "production").await.unwrap();
}

#[tokio::test]
async fn the_requested_length_is_at_most_that_of_the_rule_and_not_zero() {
    let world = world(ASK);
    for length in [7201, 0] {
        let refused = world.create("alice", &production().with_duration(seconds(length))).await;
        assert_eq!(code(&refused), Some(ErrorCode::InvalidDuration), "{length}");
    }
    let created = world.create("alice", &production().with_duration(seconds(7200))).await.unwrap();
    assert_eq!(created.duration_s, 7200);
}

#[tokio::test]
async fn a_ticket_must_match_the_pattern_of_the_rule() {
    let world = world(&approvals(r#"approvers: [bob], ticket_pattern: "OPS-*""#));
    for ticket in [None, Some(""), Some("ops-1"), Some("x OPS-1")] {
        let create = production().with_ticket(ticket.map(str::to_owned));
        let refused = world.create("alice", &create).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidRequest, "{ticket:?}");
        assert!(refused.message.contains("OPS-*"), "{}", refused.message);
    }
    world.create("alice", &production().with_ticket("OPS-1".to_owned())).await.unwrap();
}

#[tokio::test]
async fn not_before_is_neither_in_the_past_nor_after_the_deadline() {
    let world = world(ASK);
    let now = world.clock.now();
    for (offset, expected) in [(-1, INVALID), (4 * 3600 + 1, INVALID), (4 * 3600, None)] {
        let create = production().with_not_before(now + TimeDelta::seconds(offset));
        assert_eq!(code(&world.create("alice", &create).await), expected, "{offset}");
    }
}

#[tokio::test]
async fn a_revoked_caller_creates_no_request() {
    let world = world(ASK);
    world.revoke_user("alice").await;
    let refused = world.request("alice", "production").await;
    assert_eq!(code(&refused), Some(ErrorCode::SessionRevoked));
}

#[tokio::test]
async fn without_a_request_store_requests_are_not_found_and_the_message_names_the_variable() {
    let world = World::with(ASK, Plan { requests: false, ..plan() });
    let denial = world.request("alice", "production").await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::NotFound);
    assert!(denial.message.contains("SENTINEL_APPROVAL_TABLE"));
    let denial = world.vend("alice", "production").await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::ApprovalRequired);
}

// Automatic approvals.

#[tokio::test]
async fn a_request_that_the_rule_approves_automatically_is_approved_when_it_is_created() {
    let world = world(&approvals(AUTOMATIC));
    let request = world.request("alice", "production").await.unwrap();
    assert_eq!((request.state, request.duration_s), (RequestState::Approved, 1800));
    assert_eq!(request.valid_until, Some(world.clock.now() + TimeDelta::minutes(30)));
    let [decision] = request.decided.as_slice() else { panic!("{:?}", request.decided) };
    assert_eq!((decision.by.as_str(), decision.decision), ("alice", RequestAction::AutoApprove));
    world.vend("alice", "production").await.unwrap();
}

/// Each of them is judged in a vend, and the requester could create any number.
#[tokio::test]
async fn a_caller_has_at_most_ten_approvals_for_a_profile() {
    let world = world(&approvals(AUTOMATIC));
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(world.request("alice", "production").await.unwrap().id);
    }
    let refused = world.request("alice", "production").await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::Conflict);
    assert!(refused.message.contains("maximum"), "{}", refused.message);
    world.revoke_approval("alice", ids[0]).await.unwrap();
    world.request("alice", "production").await.unwrap();
    world.clock.advance(30 * 60);
    world.request("alice", "production").await.unwrap();
}

#[tokio::test]
async fn a_longer_request_than_the_automatic_maximum_waits_for_people() {
    let world = world(&approvals(AUTOMATIC));
    let created = world.create("alice", &production().with_duration(seconds(1801))).await.unwrap();
    assert_eq!((created.state, created.duration_s), (RequestState::Pending, 1801));
    assert_eq!(code(&world.approve("alice", created.id).await), FORBIDDEN);
    assert_eq!(state(&world.approve("bob", created.id).await), RequestState::Approved);
}

#[tokio::test]
async fn a_request_outside_the_automatic_window_waits_for_people() {
    let world = world(&approvals(AUTOMATIC));
    world.clock.advance(7 * 3600 - 1);
    let inside = world.request("alice", "production").await.unwrap();
    assert_eq!(inside.state, RequestState::Approved);
    world.clock.advance(1);
    assert_eq!(state(&world.request("alice", "production").await), RequestState::Pending);
}

#[tokio::test]
async fn a_request_for_a_time_outside_the_automatic_window_waits_for_people() {
    let world = world(&approvals(AUTOMATIC));
    world.clock.advance(6 * 3600);
    let later = production().with_not_before(world.clock.now() + TimeDelta::hours(2));
    assert_eq!(state(&world.create("alice", &later).await), RequestState::Pending);
}

#[tokio::test]
async fn a_request_of_another_user_than_the_automatic_ones_waits_for_people() {
    let world = world(&approvals(AUTOMATIC));
    for other in ["erin", "Alice", "ci/alice"] {
        let created = world.request(other, "production").await;
        assert_eq!(state(&created), RequestState::Pending, "{other}");
    }
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_is_not_a_policy_that_requires_no_approval() {
    for (failure, expected) in [
        (StoreErrorKind::Throttled, ErrorCode::RateLimited),
        (StoreErrorKind::Unavailable, ErrorCode::StoreUnavailable),
        (StoreErrorKind::Refused, ErrorCode::PolicyError),
    ] {
        let faults = Faults::new();
        faults.fail(CallSelector::Operation(StoreOperation::Policy), Phase::Before, failure);
        let world = World::with(ASK, Plan { hook: faults, ..plan() });
        let refused = world.request("alice", "production").await;
        assert_eq!(code(&refused), Some(expected), "{failure:?}");
    }
}
