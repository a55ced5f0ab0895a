//! Creating, deciding, revoking and listing requests.

use std::num::NonZeroUsize;
use std::time::Duration;

use chrono::TimeDelta;
use sentinel_broker::{CreateRequest, ErrorCode, ListRequests, RequestView, parse_user};
use sentinel_store::{Clock, Cursor, EventKind, RequestId, RequestState};
use sentinel_wire::RequestAction;

use crate::people::{ASK, Requested, code, plan, profile, world};
use crate::world::{ACCOUNT, LISTED_ROLE, OTHER_ACCOUNT, Plan, World, call};

const FORBIDDEN: Option<ErrorCode> = Some(ErrorCode::Forbidden);
const CONFLICT: Option<ErrorCode> = Some(ErrorCode::Conflict);
const NOT_FOUND: Option<ErrorCode> = Some(ErrorCode::NotFound);
const INVALID: Option<ErrorCode> = Some(ErrorCode::InvalidRequest);

fn state(request: &Requested) -> RequestState {
    request.as_ref().unwrap().state
}

/// The main document with another rule for production.
fn approvals(rule: &str) -> String {
    ASK.replace(
        r#"approvers: ["group:leads"], max_duration: 2h, deadline: 4h }"#,
        &format!("{rule} }}"),
    )
}

/// A rule with automatic approvals.
const AUTOMATIC: &str = r#"approvers: [bob], max_duration: 2h, deadline: 4h,
    auto_approve: { users: [alice], time: { hours: { start: "09:00", end: "17:00" } },
                    max_duration: 30m }"#;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn production() -> CreateRequest {
    CreateRequest::new(profile("production"), "deploy")
}

// Not their own.

/// alice, who is in the group of approvers, requests as `requester` and approves as `approver`.
async fn approves_own(requester: &str, approver: &str) -> Option<ErrorCode> {
    let world = world(ASK);
    let request = world.request(requester, "production").await.unwrap();
    let refused = code(&world.approve(approver, request.id).await);
    assert_eq!(state(&world.show(requester, request.id).await), RequestState::Pending);
    assert_eq!(code(&world.vend(requester, "production").await), Some(ErrorCode::ApprovalRequired));
    refused
}

#[tokio::test]
async fn invariant_4_no_caller_approves_their_own_request_through_a_group() {
    assert_eq!(approves_own("alice", "alice").await, FORBIDDEN);
}

#[tokio::test]
async fn invariant_4_no_caller_approves_their_own_request_through_a_session_of_a_listed_role() {
    let session = format!("{LISTED_ROLE}/alice");
    assert_eq!(approves_own("alice", &session).await, FORBIDDEN);
    assert_eq!(approves_own(&session, "alice").await, FORBIDDEN);
}

#[tokio::test]
async fn invariant_4_no_caller_approves_their_own_request_through_another_session_name() {
    let policy = approvals(r#"approvers: ["deployer/*"]"#);
    let world = world(&policy);
    let request = world.request("deployer/build-1", "production").await.unwrap();
    let refused = world.approve("deployer/build-2", request.id).await;
    assert_eq!(code(&refused), FORBIDDEN);
}

/// The main document in which the approvers are the sessions of a permission set.
fn permission_set(name: &str) -> String {
    let members = format!(
        "leads: [{{ principals: [\"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_{name}_*/*\"] }}]"
    );
    ASK.replace("leads: [bob, dave, alice]", &members)
}

#[tokio::test]
async fn invariant_4_no_caller_approves_their_own_request_through_a_group_of_principals() {
    let world = world(&permission_set("Admins"));
    let (alice, bob) = (format!("{LISTED_ROLE}/alice"), format!("{LISTED_ROLE}/bob"));
    let request = world.request("alice", "production").await.unwrap().id;
    assert_eq!(code(&world.approve(&alice, request).await), FORBIDDEN);
    // bob is an approver only with the permission set.
    assert_eq!(code(&world.approve("bob", request).await), NOT_FOUND);
    assert_eq!(state(&world.approve(&bob, request).await), RequestState::Approved);
    world.vend("alice", "production").await.unwrap();
}

#[tokio::test]
async fn an_approver_is_judged_at_use_by_the_principal_that_approved() {
    let world = world(&permission_set("Admins"));
    let bob = format!("{LISTED_ROLE}/bob");
    let request = world.request("alice", "production").await.unwrap().id;
    world.approve(&bob, request).await.unwrap();
    for (policy, expected) in [
        (permission_set("Other"), Some(ErrorCode::ApprovalRequired)),
        (permission_set("Admins"), None),
        // A rule that names the person counts it as well.
        (ASK.to_owned(), None),
    ] {
        world.put("main", &policy);
        assert_eq!(code(&world.vend("alice", "production").await), expected);
    }
}

#[tokio::test]
async fn invariant_4_no_caller_approves_their_own_request_in_another_case() {
    let policy = ASK.replace("[bob, dave, alice]", "[bob, dave, alice, Alice, ALICE]");
    for (requester, approver) in [
        ("Alice".to_owned(), "alice".to_owned()),
        ("alice".to_owned(), "ALICE".to_owned()),
        (format!("{LISTED_ROLE}/ALICE"), format!("{LISTED_ROLE}/alice")),
    ] {
        let world = world(&policy);
        let request = world.request(&requester, "production").await.unwrap();
        assert_eq!(code(&world.approve(&approver, request.id).await), FORBIDDEN);
    }
}

#[tokio::test]
async fn invariant_4_no_caller_approves_their_own_request_from_another_account() {
    let elsewhere = format!("arn:aws:iam::{OTHER_ACCOUNT}:user/alice");
    assert_eq!(approves_own("alice", &elsewhere).await, FORBIDDEN);
    let listed = format!("arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/{LISTED_ROLE}/alice");
    assert_eq!(approves_own(&listed, "alice").await, FORBIDDEN);
}

#[tokio::test]
async fn invariant_4_no_caller_is_the_second_of_two_approvers_of_their_own_request() {
    let world = world(&approvals(r#"approvers: ["group:leads"], approvals: 2"#));
    let request = world.request("alice", "production").await.unwrap();
    let once = world.approve("bob", request.id).await.unwrap();
    assert_eq!((once.state, once.missing), (RequestState::Pending, Some(1)));
    for own in ["alice".to_owned(), format!("{LISTED_ROLE}/Alice")] {
        // `Alice` is not an approver either. The message differs, the code does not.
        assert_eq!(code(&world.approve(&own, request.id).await), FORBIDDEN);
    }
    assert_eq!(code(&world.vend("alice", "production").await), Some(ErrorCode::ApprovalRequired));
    assert_eq!(state(&world.approve("dave", request.id).await), RequestState::Approved);
    world.vend("alice", "production").await.unwrap();
}

#[tokio::test]
async fn one_person_is_not_two_approvers_in_another_case_account_or_session() {
    let policy = approvals(r#"approvers: [bob, BOB, "deployer/*"], approvals: 2"#);
    let world = world(&policy);
    let request = world.request("alice", "production").await.unwrap();
    world.approve("bob", request.id).await.unwrap();
    let elsewhere = format!("arn:aws:iam::{OTHER_ACCOUNT}:user/bob");
    for again in ["bob", "BOB", &format!("{LISTED_ROLE}/bob"), &elsewhere] {
        assert_eq!(code(&world.approve(again, request.id).await), CONFLICT, "{again}");
    }
    assert_eq!(state(&world.approve("deployer/one", request.id).await), RequestState::Approved);
}

#[tokio::test]
async fn two_sessions_of_a_role_are_one_approver() {
    let world = world(&approvals(r#"approvers: ["deployer/*"], approvals: 2"#));
    let request = world.request("alice", "production").await.unwrap();
    world.approve("deployer/one", request.id).await.unwrap();
    assert_eq!(code(&world.approve("deployer/two", request.id).await), CONFLICT);
}

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

// Records.

#[tokio::test]
async fn every_change_of_a_request_has_exactly_one_event_with_its_ids() {
    let world = world(&approvals(r#"approvers: [bob, dave], approvals: 2"#));
    let denied = world.request("alice", "production").await.unwrap().id;
    world.deny("bob", denied).await.unwrap();
    let cancelled = world.request("alice", "production").await.unwrap().id;
    world.cancel("alice", cancelled).await.unwrap();
    let revoked = world.request("alice", "production").await.unwrap().id;
    world.approve("bob", revoked).await.unwrap();
    world.approve("dave", revoked).await.unwrap();
    world.revoke_approval("carol", revoked).await.unwrap();
    let events = world.events();
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            let by = event.by.as_deref().unwrap();
            (event.event, event.approval.as_deref().unwrap(), by, event.state.as_deref())
        })
        .collect();
    let (denied, cancelled, revoked) =
        (denied.to_string(), cancelled.to_string(), revoked.to_string());
    assert_eq!(
        seen,
        [
            (EventKind::RequestCreated, denied.as_str(), "alice", Some("pending")),
            (EventKind::RequestDenied, &denied, "bob", Some("denied")),
            (EventKind::RequestCreated, &cancelled, "alice", Some("pending")),
            (EventKind::RequestCancelled, &cancelled, "alice", Some("cancelled")),
            (EventKind::RequestCreated, &revoked, "alice", Some("pending")),
            (EventKind::RequestApproved, &revoked, "bob", Some("pending")),
            (EventKind::RequestApproved, &revoked, "dave", Some("approved")),
            (EventKind::RequestRevoked, &revoked, "carol", Some("revoked")),
        ]
    );
    for event in events {
        assert_eq!(event.request_id.as_deref(), Some("request-1"));
        assert_eq!(event.user.as_deref(), Some("alice"));
        assert_eq!(event.profile.as_deref(), Some("production"));
        assert_eq!((event.rule.as_deref(), event.code), (Some("leads"), None));
        assert!(event.principal.is_some() && event.account.is_some() && event.role_arn.is_some());
    }
}

#[tokio::test]
async fn an_automatic_approval_has_one_event_with_its_end() {
    let world = world(&approvals(AUTOMATIC));
    let request = world.request("alice", "production").await.unwrap();
    let events = world.events();
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(
        (event.event, event.state.as_deref()),
        (EventKind::RequestApproved, Some("approved"))
    );
    assert_eq!(event.valid_until, request.valid_until);
    assert_eq!(event.approval, Some(request.id.to_string()));
    assert!(event.policy.is_some());
}

#[tokio::test]
async fn a_refused_decision_has_one_event_with_its_code() {
    let world = world(ASK);
    let request = world.request("alice", "production").await.unwrap().id;
    world.approve("alice", request).await.unwrap_err();
    world.cancel("bob", request).await.unwrap_err();
    let events = world.events().split_off(1);
    let seen: Vec<_> = events
        .iter()
        .map(|event| (event.event, event.by.as_deref().unwrap(), event.code.as_deref().unwrap()))
        .collect();
    let refused = EventKind::OperationRefused;
    assert_eq!(seen, [(refused, "alice", "FORBIDDEN"), (refused, "bob", "FORBIDDEN")]);
}

// Lists.

/// All pages of a list.
async fn listed(world: &World, user: &str, query: &ListRequests) -> Vec<RequestView> {
    let (mut requests, mut query) = (Vec::new(), query.clone());
    for _ in 0..100 {
        let list = world.broker.list_requests(&call(), &world.caller(user), &query).await.unwrap();
        requests.extend(list.requests);
        let Some(next) = list.next else { return requests };
        query = query.with_cursor(Cursor(next));
    }
    panic!("the list has no end");
}

/// The requester, the profile and the state of each request, sorted.
fn summary(requests: &[RequestView]) -> Vec<(&str, &str, RequestState)> {
    let mut summary: Vec<_> = requests
        .iter()
        .map(|request| (request.user.as_str(), request.profile.as_str(), request.state))
        .collect();
    summary.sort_by_key(|(user, profile, _)| (*user, *profile));
    summary
}

/// Requests of several people, with pages of two.
async fn crowd() -> World {
    let policy = ASK.replace(
        "profiles: [staging], approvers: [\"group:leads\"]",
        "profiles: [staging], approvers: [dave]",
    );
    let world = World::with(&policy, Plan { page_size: NonZeroUsize::new(2).unwrap(), ..plan() });
    for user in ["alice", "erin", "frank", "bob"] {
        world.request(user, "production").await.unwrap();
        world.request(user, "staging").await.unwrap();
    }
    let denied = world.request("gina", "production").await.unwrap();
    world.deny("bob", denied.id).await.unwrap();
    world
}

#[tokio::test]
async fn callers_list_their_own_requests_and_the_pending_ones_that_they_may_decide() {
    use RequestState::{Denied, Pending};
    let world = crowd().await;
    let all = ListRequests::default();
    let bob = listed(&world, "bob", &all).await;
    assert_eq!(
        summary(&bob),
        [
            ("alice", "production", Pending),
            ("bob", "production", Pending),
            ("bob", "staging", Pending),
            ("erin", "production", Pending),
            ("frank", "production", Pending),
        ]
    );
    let erin = listed(&world, "erin", &all).await;
    assert_eq!(summary(&erin), [("erin", "production", Pending), ("erin", "staging", Pending)]);
    assert_eq!(summary(&listed(&world, "gina", &all).await), [("gina", "production", Denied)]);
    assert!(listed(&world, "mallory", &all).await.is_empty());
}

#[tokio::test]
async fn each_request_is_in_a_list_once() {
    let world = crowd().await;
    for (user, number) in [("alice", 5), ("bob", 5), ("dave", 8), ("carol", 8)] {
        let mut ids: Vec<_> =
            listed(&world, user, &ListRequests::default()).await.iter().map(|it| it.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), number, "{user}");
    }
}

#[tokio::test]
async fn lists_are_filtered_by_profile_state_and_caller() {
    use RequestState::{Denied, Pending};
    let world = crowd().await;
    let all = ListRequests::default();
    let staging = all.clone().with_profile(profile("staging"));
    assert_eq!(summary(&listed(&world, "bob", &staging).await), [("bob", "staging", Pending)]);
    let denied = all.clone().with_state(Denied);
    assert_eq!(summary(&listed(&world, "gina", &denied).await), [("gina", "production", Denied)]);
    assert!(listed(&world, "bob", &denied).await.is_empty());
    let own = all.with_user(parse_user("bob").unwrap());
    let own = listed(&world, "bob", &own).await;
    assert_eq!(summary(&own), [("bob", "production", Pending), ("bob", "staging", Pending)]);
}

#[tokio::test]
async fn only_operators_list_the_requests_of_another_caller() {
    let world = crowd().await;
    let ginas = ListRequests::default().with_user(parse_user("gina").unwrap());
    let found = listed(&world, "carol", &ginas).await;
    assert_eq!(summary(&found), [("gina", "production", RequestState::Denied)]);
    for user in ["bob", "mallory"] {
        let refused = world.broker.list_requests(&call(), &world.caller(user), &ginas).await;
        assert_eq!(code(&refused), FORBIDDEN, "{user}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_shows_nothing_of_another_caller() {
    let world = crowd().await;
    let all = ListRequests::default();
    let carol = world.caller("carol");
    let mut cursors =
        vec!["x".to_owned(), "own:x".to_owned(), "others:x".to_owned(), ":".to_owned()];
    for query in [all.clone(), all.clone().with_user(parse_user("alice").unwrap())] {
        let mut query = query;
        while let Some(next) =
            world.broker.list_requests(&call(), &carol, &query).await.unwrap().next
        {
            cursors.extend([next.clone(), format!("own:{next}"), format!("others:{next}")]);
            query = query.with_cursor(Cursor(next));
        }
    }
    let alices = world.broker.list_requests(&call(), &world.caller("alice"), &all).await.unwrap();
    cursors.extend(alices.next);
    assert!(cursors.len() > 10);
    let mut refused = 0;
    for cursor in cursors {
        let query = all.clone().with_cursor(Cursor(cursor.clone()));
        match world.broker.list_requests(&call(), &world.caller("mallory"), &query).await {
            Ok(list) => assert!(list.requests.is_empty(), "{cursor}"),
            Err(denial) => {
                assert_eq!(denial.code, ErrorCode::InvalidRequest, "{cursor}");
                refused += 1;
            }
        }
    }
    assert!(refused > 5);
}

#[tokio::test]
async fn a_list_shows_expired_requests_as_expired_to_their_requester_and_not_to_approvers() {
    let world = crowd().await;
    world.clock.advance(4 * 3600);
    let production = ListRequests::default().with_profile(profile("production"));
    let erin = listed(&world, "erin", &production).await;
    assert_eq!(summary(&erin), [("erin", "production", RequestState::Expired)]);
    let bob = listed(&world, "bob", &production).await;
    assert_eq!(summary(&bob), [("bob", "production", RequestState::Expired)]);
}

#[tokio::test]
async fn configured_operators_list_and_revoke_with_an_invalid_policy_and_approve_nothing() {
    let mut plan = plan();
    let root = "arn:aws:iam::111122223333:user/root-of-trust";
    plan.settings.operators = vec![sentinel_broker::OperatorArn::parse(root).unwrap()];
    let world = World::with(ASK, plan);
    let approved = world.approved("alice", "production").await.id;
    let pending = world.request("erin", "production").await.unwrap().id;
    world.put("staging", "version: \"1\"\nrules: [{ name: all, effect: allow }]\n");
    world.put("main", "not: [a policy");
    let erins = ListRequests::default().with_user(parse_user("erin").unwrap());
    assert_eq!(listed(&world, "root-of-trust", &erins).await.len(), 1);
    // The list of pending requests has an end as well.
    listed(&world, "root-of-trust", &ListRequests::default()).await;
    let production = ListRequests::default().with_profile(profile("production"));
    assert_eq!(listed(&world, "root-of-trust", &production).await.len(), 1);
    world.show("root-of-trust", pending).await.unwrap();
    for id in [approved, pending] {
        assert_eq!(code(&world.approve("root-of-trust", id).await), FORBIDDEN);
        assert_eq!(code(&world.deny("root-of-trust", id).await), FORBIDDEN);
    }
    let revoked = world.revoke_approval("root-of-trust", approved).await.unwrap();
    assert_eq!(revoked.state, RequestState::Revoked);
    // No other caller can read the request.
    for user in ["bob", "carol", "mallory"] {
        let unknown = RequestId::new(parse_user("alice").unwrap().hash(), [7; 10]);
        assert!(world.show(user, pending).await.is_err());
        assert_eq!(code(&world.show(user, unknown).await), NOT_FOUND);
    }
}
