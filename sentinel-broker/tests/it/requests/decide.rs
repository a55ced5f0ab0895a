//! Approving, denying, cancelling and revoking: by which callers, when, and for how long.

use chrono::TimeDelta;
use sentinel_broker::{ErrorCode, ListRequests, parse_user};
use sentinel_store::{Clock, RequestId, RequestState};

use super::{CONFLICT, FORBIDDEN, NOT_FOUND, approvals, production, seconds, state};
use crate::people::{ASK, code, profile, world};
use crate::world::{World, call};

// Several approvers, and steps.

#[tokio::test]
async fn a_rule_with_two_approvals_needs_two_people() {
    let world = world(&approvals(r#"approvers: [bob, dave], approvals: 2"#));
    let request = world.request("alice", "production").await.unwrap();
    assert_eq!(request.missing, Some(2));
    let once = world.approve("bob", request.id).await.unwrap();
    assert_eq!(
        (once.state, once.missing, once.valid_until),
        (RequestState::Pending, Some(1), None)
    );
    world.clock.advance(600);
    let twice = world.approve("dave", request.id).await.unwrap();
    assert_eq!((twice.state, twice.missing), (RequestState::Approved, None));
    // The time counts from the last approval.
    assert_eq!(twice.valid_until, Some(world.clock.now() + TimeDelta::hours(1)));
    let people: Vec<_> = twice.decided.iter().map(|decision| decision.by.as_str()).collect();
    assert_eq!(people, ["bob", "dave"]);
}

#[tokio::test]
async fn a_person_counts_for_one_step_only() {
    let steps = r#"approvers: [{ approvers: [bob, dave, frank] }, { approvers: [frank] }]"#;
    let world = world(&approvals(steps));
    let request = world.request("alice", "production").await.unwrap();
    let one = world.approve("frank", request.id).await.unwrap();
    assert_eq!((one.state, one.missing), (RequestState::Pending, Some(1)));
    assert_eq!(state(&world.approve("bob", request.id).await), RequestState::Approved);

    let request = world.request("erin", "production").await.unwrap();
    world.approve("bob", request.id).await.unwrap();
    let two_peers = world.approve("dave", request.id).await.unwrap();
    assert_eq!((two_peers.state, two_peers.missing), (RequestState::Pending, Some(1)));
    assert_eq!(state(&world.approve("frank", request.id).await), RequestState::Approved);
}

#[tokio::test]
async fn an_approver_who_was_revoked_in_between_is_not_one_of_two() {
    let world = world(&approvals(r#"approvers: [bob, dave, frank], approvals: 2"#));
    let request = world.request("alice", "production").await.unwrap();
    world.approve("bob", request.id).await.unwrap();
    world.revoke_user("bob").await;
    world.reinstate_user("bob").await;
    assert_eq!(state(&world.approve("dave", request.id).await), RequestState::Pending);
    assert_eq!(state(&world.approve("frank", request.id).await), RequestState::Approved);
}

#[tokio::test]
async fn an_approver_who_was_reinstated_approves_the_same_request_again() {
    let world = world(&approvals(r#"approvers: [bob, dave], approvals: 2"#));
    let request = world.request("alice", "production").await.unwrap();
    world.approve("bob", request.id).await.unwrap();
    assert_eq!(code(&world.approve("bob", request.id).await), CONFLICT);
    world.revoke_user("bob").await;
    world.reinstate_user("bob").await;
    assert_eq!(state(&world.approve("bob", request.id).await), RequestState::Pending);
    assert_eq!(code(&world.approve("bob", request.id).await), CONFLICT);
    assert_eq!(state(&world.approve("dave", request.id).await), RequestState::Approved);
    world.vend("alice", "production").await.unwrap();
}

#[tokio::test]
async fn an_approver_who_was_removed_from_the_rule_in_between_is_not_one_of_two() {
    let world = world(&approvals(r#"approvers: [bob, dave, frank], approvals: 2"#));
    let request = world.request("alice", "production").await.unwrap();
    world.approve("bob", request.id).await.unwrap();
    world.put("main", &approvals(r#"approvers: [dave, frank], approvals: 2"#));
    assert_eq!(state(&world.approve("dave", request.id).await), RequestState::Pending);
    assert_eq!(state(&world.approve("frank", request.id).await), RequestState::Approved);
}

// Deciding: by which callers, and when.

/// The codes of approve, deny, cancel, revoke and show by one caller.
async fn codes(world: &World, user: &str, id: RequestId) -> [Option<ErrorCode>; 5] {
    [
        code(&world.approve(user, id).await),
        code(&world.deny(user, id).await),
        code(&world.cancel(user, id).await),
        code(&world.revoke_approval(user, id).await),
        code(&world.show(user, id).await),
    ]
}

#[tokio::test]
async fn a_caller_who_may_see_a_request_may_do_only_the_acts_of_their_role() {
    let world = world(ASK);
    let pending = world.request("alice", "production").await.unwrap().id;
    // The requester cannot decide, and there is no approval to revoke.
    let own =
        [code(&world.approve("alice", pending).await), code(&world.deny("alice", pending).await)];
    assert_eq!(own, [FORBIDDEN; 2]);
    assert_eq!(code(&world.revoke_approval("alice", pending).await), CONFLICT);
    // An approver cannot cancel. An operator can only revoke.
    assert_eq!(code(&world.cancel("bob", pending).await), FORBIDDEN);
    let operator = codes(&world, "carol", pending).await;
    assert_eq!(operator, [FORBIDDEN, FORBIDDEN, FORBIDDEN, CONFLICT, None]);
}

#[tokio::test]
async fn an_operator_who_may_only_list_requests_cannot_revoke_an_approval() {
    let world = world(&ASK.replace("list_requests, revoke_approval", "list_requests"));
    let approved = world.approved("alice", "production").await;
    assert_eq!(code(&world.revoke_approval("carol", approved.id).await), FORBIDDEN);
    world.vend("alice", "production").await.unwrap();
}

#[tokio::test]
async fn a_request_that_a_caller_may_not_see_is_answered_like_one_that_does_not_exist() {
    let world = world(ASK);
    let pending = world.request("alice", "production").await.unwrap().id;
    let approved = world.approved("erin", "production").await.id;
    let unknown = RequestId::new(parse_user("alice").unwrap().hash(), [7; 10]);
    let mut denials = Vec::new();
    for id in [pending, approved, unknown] {
        assert_eq!(codes(&world, "mallory", id).await, [NOT_FOUND; 5]);
        denials.push(world.show("mallory", id).await.unwrap_err());
        denials.push(world.approve("mallory", id).await.unwrap_err());
        denials.push(world.revoke_approval("mallory", id).await.unwrap_err());
    }
    // The requester gets the same words for an unknown id.
    denials.push(world.show("alice", unknown).await.unwrap_err());
    denials.dedup();
    assert_eq!(denials.len(), 1, "{denials:?}");
    // A refusal of such a request is not recorded under the name of another caller.
    assert!(world.events().iter().all(|event| event.by.as_deref() != Some("mallory")));
}

/// The policy could make the caller an approver, so that 404 would be wrong.
#[tokio::test]
async fn a_request_is_not_missing_while_the_policy_that_names_its_approvers_cannot_be_used() {
    let world = world(ASK);
    let request = world.request("alice", "production").await.unwrap();
    world.put("main", "not: [a policy");
    assert_eq!(code(&world.show("bob", request.id).await), Some(ErrorCode::PolicyError));
    assert_eq!(code(&world.approve("bob", request.id).await), Some(ErrorCode::PolicyError));
    assert_eq!(state(&world.show("alice", request.id).await), RequestState::Pending);
}

#[tokio::test]
async fn a_closed_request_changes_no_more() {
    let world = world(ASK);
    let denied = world.request("alice", "production").await.unwrap().id;
    assert_eq!(state(&world.deny("bob", denied).await), RequestState::Denied);
    let cancelled = world.request("alice", "production").await.unwrap().id;
    assert_eq!(state(&world.cancel("alice", cancelled).await), RequestState::Cancelled);
    let expired = world.request("alice", "production").await.unwrap().id;
    world.clock.advance(4 * 3600);
    for id in [denied, cancelled, expired] {
        let before = world.show("alice", id).await.unwrap();
        let by_others = [
            world.approve("dave", id).await,
            world.deny("dave", id).await,
            world.revoke_approval("dave", id).await,
        ];
        assert_eq!(by_others.map(|result| code(&result)), [CONFLICT; 3], "{:?}", before.state);
        assert_eq!(code(&world.cancel("alice", id).await), CONFLICT);
        assert_eq!(world.show("alice", id).await.unwrap(), before);
    }
}

#[tokio::test]
async fn an_approved_request_is_neither_approved_again_nor_denied_nor_cancelled() {
    let world = world(ASK);
    let approved = world.approved("alice", "production").await.id;
    assert_eq!(code(&world.approve("dave", approved).await), CONFLICT);
    assert_eq!(code(&world.deny("dave", approved).await), CONFLICT);
    assert_eq!(code(&world.cancel("alice", approved).await), CONFLICT);
    assert_eq!(state(&world.show("alice", approved).await), RequestState::Approved);
}

#[tokio::test]
async fn an_approval_after_the_deadline_is_refused() {
    let world = world(ASK);
    let request = world.request("alice", "production").await.unwrap().id;
    world.clock.advance(4 * 3600 - 1);
    let other = world.request("erin", "production").await.unwrap().id;
    assert_eq!(state(&world.approve("bob", request).await), RequestState::Approved);
    world.clock.advance(4 * 3600);
    assert_eq!(code(&world.approve("bob", other).await), CONFLICT);
}

#[tokio::test]
async fn the_last_of_several_approvals_must_be_given_before_the_deadline() {
    let world = world(&approvals(r#"approvers: [bob, dave], approvals: 2, deadline: 1h"#));
    let request = world.request("alice", "production").await.unwrap().id;
    world.clock.advance(3599);
    world.approve("bob", request).await.unwrap();
    world.clock.advance(1);
    assert_eq!(code(&world.approve("dave", request).await), CONFLICT);
    assert_eq!(code(&world.vend("alice", "production").await), Some(ErrorCode::ApprovalRequired));
}

#[tokio::test]
async fn requesters_approvers_and_operators_revoke_an_approval() {
    for user in ["alice", "bob", "dave", "carol"] {
        let world = world(ASK);
        let approved = world.approved("alice", "production").await;
        world.vend("alice", "production").await.unwrap();
        let revoked = world.revoke_approval(user, approved.id).await.unwrap();
        assert_eq!(revoked.state, RequestState::Revoked, "{user}");
        assert_eq!(revoked.valid_until, approved.valid_until);
        let refused = world.vend("alice", "production").await;
        assert_eq!(code(&refused), Some(ErrorCode::ApprovalRequired), "{user}");
    }
}

#[tokio::test]
async fn an_approval_that_has_ended_cannot_be_revoked() {
    let world = world(ASK);
    let approved = world.approved("alice", "production").await;
    world.clock.advance(2 * 3600);
    assert_eq!(code(&world.revoke_approval("carol", approved.id).await), CONFLICT);
}

#[tokio::test]
async fn a_revoked_caller_does_nothing_with_requests() {
    let world = world(ASK);
    let request = world.request("alice", "production").await.unwrap().id;
    for user in ["alice", "bob", "carol"] {
        if user == "carol" {
            let dora = ASK.replace("users: [carol]", "users: [carol, dora]");
            world.put("main", &dora);
            let target = sentinel_broker::Target::Caller(parse_user("carol").unwrap());
            let revoke = sentinel_broker::Revoke::new(target, "r");
            world.broker.revoke(&call(), &world.caller("dora"), &revoke).await.unwrap();
        } else {
            world.revoke_user(user).await;
        }
        let refused = codes(&world, user, request).await;
        assert_eq!(refused, [Some(ErrorCode::SessionRevoked); 5], "{user}");
        let list = ListRequests::default();
        let listed = world.broker.list_requests(&call(), &world.caller(user), &list).await;
        assert_eq!(code(&listed), Some(ErrorCode::SessionRevoked), "{user}");
    }
}

#[tokio::test]
async fn an_approver_who_is_revoked_on_the_profile_does_not_approve_it() {
    let world = world(ASK);
    let request = world.request("alice", "production").await.unwrap().id;
    let target =
        sentinel_broker::Target::OnProfile(parse_user("bob").unwrap(), profile("production"));
    let revoke = sentinel_broker::Revoke::new(target, "r");
    world.broker.revoke(&call(), &world.caller("carol"), &revoke).await.unwrap();
    assert_eq!(code(&world.approve("bob", request).await), Some(ErrorCode::SessionRevoked));
}

#[tokio::test]
async fn a_request_whose_role_has_changed_cannot_be_approved_and_shows_the_new_role() {
    let world = world(ASK);
    let request = world.request("alice", "production").await.unwrap().id;
    let role = "arn:aws:iam::111122223333:role/Other";
    world.put("main", &format!("{ASK}profiles:\n  production: {{ role_arn: \"{role}\" }}\n"));
    let denial = world.approve("bob", request).await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::Conflict);
    assert!(denial.message.contains("role"), "{}", denial.message);
    assert_eq!(world.show("bob", request).await.unwrap().role_arn, role);
    // It can be denied.
    assert_eq!(state(&world.deny("bob", request).await), RequestState::Denied);
}

#[tokio::test]
async fn a_caller_that_the_rule_no_longer_names_does_not_see_the_request() {
    let world = world(ASK);
    let request = world.request("alice", "production").await.unwrap().id;
    world.put("main", &ASK.replace("leads: [bob, dave, alice]", "leads: [dave]"));
    assert_eq!(codes(&world, "bob", request).await, [NOT_FOUND; 5]);
}

// Extensions.

#[tokio::test]
async fn an_extension_ends_the_maximum_after_the_beginning_of_the_first_approval() {
    let world = world(ASK);
    let first = world.approved("alice", "production").await;
    let began = world.clock.now();
    world.clock.advance(3600);
    let second = world.approved("alice", "production").await;
    assert_eq!(second.valid_until, Some(began + TimeDelta::hours(2)));
    assert_eq!(second.valid_until, first.valid_until);
}

#[tokio::test]
async fn an_extension_of_an_extension_still_counts_from_the_first_approval() {
    let world = world(ASK);
    let began = world.clock.now();
    let short = production().with_duration(seconds(1800));
    for _ in 0..4 {
        let request = world.create("alice", &short).await.unwrap();
        let approved = world.approve("bob", request.id).await.unwrap();
        assert!(approved.valid_until.unwrap() <= began + TimeDelta::hours(2));
        world.clock.advance(1700);
    }
    world.clock.advance(2 * 3600 - 4 * 1700);
    assert_eq!(code(&world.vend("alice", "production").await), Some(ErrorCode::ApprovalRequired));
}

#[tokio::test]
async fn an_approval_that_continues_one_of_the_maximum_is_refused() {
    let world = world(ASK);
    let first = world.approved("alice", "production").await;
    let next = production().with_not_before(first.valid_until);
    let next = world.create("alice", &next).await.unwrap();
    assert_eq!(code(&world.approve("bob", next.id).await), CONFLICT);
}

#[tokio::test]
async fn an_approval_that_leads_to_a_later_one_is_not_summed_above_the_maximum_either() {
    let world = world(ASK);
    let later = production().with_not_before(world.clock.now() + TimeDelta::hours(2));
    let later = world.create("alice", &later).await.unwrap();
    world.approve("bob", later.id).await.unwrap();
    let now = world.request("alice", "production").await.unwrap();
    assert_eq!(code(&world.approve("bob", now.id).await), CONFLICT);
    world.cancel("alice", now.id).await.unwrap();
    // One that ends before the later one begins is separate.
    let short = world.create("alice", &production().with_duration(seconds(3600))).await.unwrap();
    assert_eq!(state(&world.approve("bob", short.id).await), RequestState::Approved);
}

#[tokio::test]
async fn a_refusal_to_decide_again_names_the_state() {
    let world = world(ASK);
    let mut ids = Vec::new();
    for user in ["alice", "erin", "frank", "gina"] {
        ids.push(world.request(user, "production").await.unwrap().id);
    }
    world.approve("bob", ids[0]).await.unwrap();
    world.deny("bob", ids[1]).await.unwrap();
    world.cancel("frank", ids[2]).await.unwrap();
    world.clock.advance(4 * 3600);
    for ((id, user), state) in ids.into_iter().zip(["alice", "erin", "frank", "gina"]).zip([
        "approved",
        "denied",
        "cancelled",
        "expired",
    ]) {
        for refused in [
            world.approve("dave", id).await,
            world.deny("dave", id).await,
            world.cancel(user, id).await,
        ] {
            let denial = refused.unwrap_err();
            assert_eq!(denial.code, ErrorCode::Conflict, "{denial:?}");
            let expected = format!("the request is {state}, and no longer pending");
            assert_eq!(denial.message, expected);
        }
    }
}

#[tokio::test]
async fn a_stranger_sees_no_difference_between_a_request_that_is_not_governed_and_none() {
    let world = world(ASK);
    let request = world.request("alice", "production").await.unwrap();
    let ungoverned = ASK.replace("profiles: [production, staging] } }", "profiles: [staging] } }");
    world.put("main", &ungoverned);
    let hidden = world.show("erin", request.id).await.unwrap_err();
    let alice = parse_user("alice").unwrap();
    let none = world.show("erin", RequestId::new(alice.hash(), [9; 10])).await.unwrap_err();
    assert_eq!(hidden, none);
}
