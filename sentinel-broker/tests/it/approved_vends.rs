//! Vends by an approval: when it counts, for how long, and what is read for it.

use std::time::Duration;

use chrono::TimeDelta;
use sentinel_broker::{Access, CreateRequest, ErrorCode, parse_user};
use sentinel_store::conformance::{CallSelector, Faults, Phase, StoreErrorKind, StoreOperation};
use sentinel_store::{
    Clock, Gate, GateChange, Generation, GrantStore, OpeningLimits, RecordedEffect, RequestStore,
    Scope, SessionState, SessionStore,
};

use crate::people::{ASK, code, plan, profile, world};
use crate::world::{LISTED_ROLE, OTHER_ACCOUNT, Plan, World};

const NEEDED: Option<ErrorCode> = Some(ErrorCode::ApprovalRequired);
const DENIED: Option<ErrorCode> = Some(ErrorCode::PolicyDeny);
const REVOKED: Option<ErrorCode> = Some(ErrorCode::SessionRevoked);

fn production() -> CreateRequest {
    CreateRequest::new(profile("production"), "deploy")
}

async fn vends(world: &World, user: &str) -> Option<ErrorCode> {
    code(&world.vend(user, "production").await)
}

/// Refuses if the main document changes to that one after bob approved a request of alice.
async fn under(after: &str) -> Option<ErrorCode> {
    let world = world(ASK);
    world.approved("alice", "production").await;
    assert_eq!(vends(&world, "alice").await, None);
    world.put("main", after);
    vends(&world, "alice").await
}

// What an approval is for.

#[tokio::test]
async fn credentials_end_with_the_approval_and_an_inline_policy_enforces_it() {
    let world = world(ASK);
    let create = production().with_duration(Duration::from_secs(1800));
    let request = world.create("alice", &create).await.unwrap();
    let approved = world.approve("bob", request.id).await.unwrap();
    let until = approved.valid_until.unwrap();
    assert_eq!(until, world.clock.now() + TimeDelta::minutes(30));
    world.clock.advance(600);
    let vended = world.vend("alice", "production").await.unwrap();
    assert_eq!(vended.credentials.expiration, until);
    let assumed = world.issuer.requests().pop().unwrap();
    assert_eq!((assumed.end, assumed.seconds), (Some(until), 1200));
    let session = world.sessions_of("alice").await.pop().unwrap();
    assert_eq!(session.expires, until);
    // Under the minimum of STS, only the inline policy ends them in time.
    world.clock.advance(1190);
    let vended = world.vend("alice", "production").await.unwrap();
    assert_eq!(vended.credentials.expiration, until);
    let assumed = world.issuer.requests().pop().unwrap();
    assert_eq!((assumed.end, assumed.seconds), (Some(until), 900));
    world.clock.advance(10);
    assert_eq!(vends(&world, "alice").await, NEEDED);
}

#[tokio::test]
async fn an_approval_for_one_profile_never_serves_another() {
    let world = world(ASK);
    world.approved("alice", "production").await;
    assert_eq!(code(&world.vend("alice", "staging").await), NEEDED);
    assert_eq!(code(&world.vend("alice", "vault").await), DENIED);
}

#[tokio::test]
async fn an_approval_for_one_caller_never_serves_another() {
    let world = world(ASK);
    world.approved("alice", "production").await;
    for other in ["bob", "erin", "al-ice", "ci/alice", "alice/alice"] {
        assert_eq!(vends(&world, other).await, NEEDED, "{other}");
    }
    // The same person in another way is the same caller.
    let elsewhere = format!("arn:aws:iam::{OTHER_ACCOUNT}:user/alice");
    for same in ["Alice", &format!("{LISTED_ROLE}/alice"), &elsewhere] {
        assert_eq!(vends(&world, same).await, None, "{same}");
    }
}

#[tokio::test]
async fn an_approval_of_a_role_in_one_account_never_serves_the_role_in_another_account() {
    let world = world(ASK);
    let here = "arn:aws:sts::111122223333:assumed-role/ci/build-1".to_owned();
    world.approved(&here, "production").await;
    assert_eq!(vends(&world, "ci/build-2").await, None);
    let there = format!("arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/ci/build-1");
    assert_eq!(vends(&world, &there).await, NEEDED);
}

#[tokio::test]
async fn an_approval_for_a_later_time_serves_from_then_on_and_for_its_length() {
    let world = world(ASK);
    let begins = world.clock.now() + TimeDelta::hours(1);
    let create = production().with_not_before(begins).with_duration(Duration::from_secs(1200));
    let request = world.create("alice", &create).await.unwrap();
    let approved = world.approve("bob", request.id).await.unwrap();
    assert_eq!(approved.valid_until, Some(begins + TimeDelta::minutes(20)));
    world.clock.advance(3599);
    assert_eq!(vends(&world, "alice").await, NEEDED);
    world.clock.advance(1);
    let vended = world.vend("alice", "production").await.unwrap();
    assert_eq!(vended.credentials.expiration, begins + TimeDelta::minutes(20));
    world.clock.advance(1200);
    assert_eq!(vends(&world, "alice").await, NEEDED);
}

#[tokio::test]
async fn an_approval_after_not_before_counts_from_the_approval() {
    let world = world(ASK);
    let create = production().with_not_before(world.clock.now() + TimeDelta::hours(1));
    let request = world.create("alice", &create).await.unwrap();
    world.clock.advance(7200);
    let approved = world.approve("bob", request.id).await.unwrap();
    assert_eq!(approved.valid_until, Some(world.clock.now() + TimeDelta::hours(2)));
}

#[tokio::test]
async fn invariant_4_an_approval_satisfies_no_deny_and_no_requirement_of_a_session() {
    for effect in ["deny", "require_server_session, session_table: other"] {
        let first = format!(
            "rules:\n  - {{ name: first, effect: {effect}, conditions: {{ profiles: [production] }} }}\n"
        );
        assert_eq!(under(&ASK.replace("rules:\n", &first)).await, DENIED, "{effect}");
    }
}

#[tokio::test]
async fn of_several_approvals_the_one_that_ends_last_is_used() {
    let world = world(ASK);
    let short = production().with_duration(Duration::from_secs(1000));
    let short = world.create("alice", &short).await.unwrap();
    world.approve("bob", short.id).await.unwrap();
    let long = world.approved("alice", "production").await;
    let vended = world.vend("alice", "production").await.unwrap();
    assert_eq!(vended.credentials.expiration, world.clock.now() + TimeDelta::hours(1));
    assert_eq!(world.decisions().pop().unwrap().approval, Some(long.id.to_string()));
    // Without it, the other one covers the next vend.
    world.revoke_approval("bob", long.id).await.unwrap();
    world.vend("alice", "production").await.unwrap();
    assert_eq!(world.decisions().pop().unwrap().approval, Some(short.id.to_string()));
}

// Judged at use.

#[tokio::test]
async fn an_approver_that_the_rule_no_longer_names_does_not_count() {
    let without = ASK.replace("leads: [bob, dave, alice]", "leads: [dave, alice]");
    assert_eq!(under(&without).await, NEEDED);
}

#[tokio::test]
async fn an_approval_under_a_rule_that_is_removed_does_not_count() {
    let without = ASK.replace("name: leads, profiles: [production]", "name: leads, profiles: [x]");
    assert_eq!(under(&without).await, NEEDED);
}

#[tokio::test]
async fn an_approval_counts_under_another_rule_only_if_that_rule_names_the_approver() {
    let other = "approvals:\n  - { name: new, profiles: [production], approvers: [NAME] }\n";
    for (name, expected) in [("dave", NEEDED), ("bob", None)] {
        let after = ASK.replace("approvals:\n", &other.replace("NAME", name));
        assert_eq!(under(&after).await, expected, "{name}");
    }
}

#[tokio::test]
async fn an_approval_for_a_profile_that_is_no_longer_governed_does_not_count() {
    let after = ASK.replace("profiles: [production, staging] } }", "profiles: [staging] } }");
    assert_eq!(under(&after).await, DENIED);
}

#[tokio::test]
async fn an_approval_for_another_role_does_not_count() {
    let role = "profiles:\n  production: { role_arn: \"arn:aws:iam::111122223333:role/Other\" }\n";
    assert_eq!(under(&format!("{ASK}{role}")).await, NEEDED);
}

#[tokio::test]
async fn a_rule_that_requires_more_approvals_counts_those_that_were_given() {
    let two = ASK.replace("max_duration: 2h", "approvals: 2, max_duration: 2h");
    assert_eq!(under(&two).await, NEEDED);
    let steps = ASK.replacen(
        "approvers: [\"group:leads\"]",
        "approvers: [{ approvers: [bob] }, { approvers: [dave] }]",
        1,
    );
    assert_eq!(under(&steps).await, NEEDED);
}

#[tokio::test]
async fn a_shorter_maximum_ends_an_approval_that_was_longer() {
    let world = world(ASK);
    world.approved("alice", "production").await;
    let began = world.clock.now();
    world.put("main", &ASK.replace("max_duration: 2h", "max_duration: 20m"));
    let vended = world.vend("alice", "production").await.unwrap();
    assert_eq!(vended.credentials.expiration, began + TimeDelta::minutes(20));
    world.clock.advance(1200);
    assert_eq!(vends(&world, "alice").await, NEEDED);
}

#[tokio::test]
async fn a_longer_maximum_does_not_make_an_approval_longer() {
    let world = world(ASK);
    world.approved("alice", "production").await;
    world.put("main", &ASK.replace("max_duration: 2h", "max_duration: 8h"));
    world.clock.advance(7200);
    assert_eq!(vends(&world, "alice").await, NEEDED);
}

/// alice's request is approved automatically, and the main document changes afterwards.
async fn automatically_under(after: &str) -> Option<ErrorCode> {
    let automatic =
        |auto: &str| ASK.replace("max_duration: 2h", &format!("max_duration: 2h, {auto}"));
    let world = world(&automatic("auto_approve: { users: [alice] }"));
    world.request("alice", "production").await.unwrap();
    assert_eq!(vends(&world, "alice").await, None);
    world.clock.advance(600);
    world.put("main", &if after.is_empty() { ASK.to_owned() } else { automatic(after) });
    vends(&world, "alice").await
}

#[tokio::test]
async fn an_automatic_approval_is_judged_by_the_rule_in_force() {
    assert_eq!(automatically_under("auto_approve: { users: [alice, erin] }").await, None);
    assert_eq!(automatically_under("").await, NEEDED);
    assert_eq!(automatically_under("auto_approve: { users: [erin] }").await, NEEDED);
    let later =
        "auto_approve: { users: [alice], time: { hours: { start: \"12:00\", end: \"13:00\" } } }";
    assert_eq!(automatically_under(later).await, NEEDED);
    let shorter = "auto_approve: { users: [alice], max_duration: 10m }";
    assert_eq!(automatically_under(shorter).await, NEEDED);
    let shorter = "auto_approve: { users: [alice], max_duration: 11m }";
    assert_eq!(automatically_under(shorter).await, None);
}

#[tokio::test]
async fn an_automatic_approval_for_a_later_time_is_judged_at_its_creation_and_its_beginning() {
    let window = |hours: &str| {
        let time = format!("time: {{ hours: {{ {hours} }} }}");
        ASK.replace("max_duration: 2h", &format!("max_duration: 2h, auto_approve: {{ {time} }}"))
    };
    let world = world(&window("start: \"09:00\", end: \"17:00\""));
    let later = production().with_not_before(world.clock.now() + TimeDelta::hours(1));
    let created = world.create("alice", &later).await.unwrap();
    assert!(created.valid_until.is_some());
    world.clock.advance(3600);
    assert_eq!(vends(&world, "alice").await, None);
    // It was created at 10:00 and begins at 11:00.
    for (hours, expected) in [
        ("start: \"10:30\", end: \"17:00\"", NEEDED),
        ("start: \"09:00\", end: \"10:30\"", NEEDED),
        ("start: \"10:00\", end: \"11:01\"", None),
    ] {
        world.put("main", &window(hours));
        assert_eq!(vends(&world, "alice").await, expected, "{hours}");
    }
}

// People who are revoked.

#[tokio::test]
async fn what_a_revoked_approver_approved_stops_counting_for_good() {
    let world = world(ASK);
    world.approved("alice", "production").await;
    assert_eq!(vends(&world, "alice").await, None);
    world.revoke_user("bob").await;
    assert_eq!(vends(&world, "alice").await, NEEDED);
    world.reinstate_user("bob").await;
    assert_eq!(vends(&world, "alice").await, NEEDED);
    // A new approval by the same person counts.
    world.approved("alice", "production").await;
    assert_eq!(vends(&world, "alice").await, None);
}

#[tokio::test]
async fn one_of_two_approvers_who_is_revoked_is_missing() {
    let policy = ASK.replace("max_duration: 2h", "approvals: 2, max_duration: 2h");
    for user in ["bob", "dave"] {
        let world = world(&policy);
        let request = world.request("alice", "production").await.unwrap();
        world.approve("bob", request.id).await.unwrap();
        world.approve("dave", request.id).await.unwrap();
        assert_eq!(vends(&world, "alice").await, None);
        world.revoke_user(user).await;
        world.reinstate_user(user).await;
        assert_eq!(vends(&world, "alice").await, NEEDED, "{user}");
    }
}

#[tokio::test]
async fn an_approval_in_excess_of_those_required_may_lapse() {
    let two = ASK.replace("max_duration: 2h", "approvals: 2, max_duration: 2h");
    let world = world(&two);
    let request = world.request("alice", "production").await.unwrap();
    world.approve("bob", request.id).await.unwrap();
    world.approve("dave", request.id).await.unwrap();
    world.put("main", ASK);
    world.revoke_user("bob").await;
    assert_eq!(vends(&world, "alice").await, None);
    world.revoke_user("dave").await;
    assert_eq!(vends(&world, "alice").await, NEEDED);
}

#[tokio::test]
async fn a_revoked_requester_gets_nothing_by_an_approval_or_a_grant() {
    let policy = format!(
        "{ASK}break_glass:\n  - {{ name: b, profiles: [production], users: [alice], reason_codes: [incident], overrides_deny: true }}\n"
    );
    let world = world(&policy);
    world.approved("alice", "production").await;
    world.open("alice", "production").await.unwrap();
    world.revoke_user("alice").await;
    assert_eq!(vends(&world, "alice").await, REVOKED);
    assert_eq!(vends(&world, "Alice").await, REVOKED);
}

#[tokio::test]
async fn an_automatic_approval_of_a_revoked_caller_stops_counting_for_good() {
    let policy =
        ASK.replace("max_duration: 2h", "max_duration: 2h, auto_approve: { users: [alice] }");
    let world = world(&policy);
    world.request("alice", "production").await.unwrap();
    assert_eq!(vends(&world, "alice").await, None);
    world.revoke_user("alice").await;
    world.reinstate_user("alice").await;
    assert_eq!(vends(&world, "alice").await, NEEDED);
}

#[tokio::test]
async fn without_a_session_table_an_approval_counts_and_its_revocation_ends_it() {
    let world = World::with(ASK, Plan { tracked: false, ..plan() });
    let approved = world.approved("alice", "production").await;
    assert_eq!(vends(&world, "alice").await, None);
    world.revoke_approval("bob", approved.id).await.unwrap();
    assert_eq!(vends(&world, "alice").await, NEEDED);
}

// Records of another generation: tables that were restored.

/// A world over the records of another one, with a higher generation.
async fn restored(from: &World, requests: &[sentinel_store::RequestId]) -> World {
    let mut plan = plan();
    plan.settings = plan.settings.with_generation(Generation(1));
    let world = World::with(&breaks_glass(), plan);
    for id in requests {
        let request = from.requests.request(id).await.unwrap();
        world.requests.create_request(&request).await.unwrap();
    }
    world
}

/// The main document with a break-glass rule.
fn breaks_glass() -> String {
    format!(
        "{ASK}break_glass:\n  - {{ name: b, profiles: [production], users: [alice], reason_codes: [incident] }}\n"
    )
}

#[tokio::test]
async fn an_approval_and_a_grant_of_another_generation_do_not_count() {
    let before = world(&breaks_glass());
    let approved = before.approved("alice", "production").await;
    let after = restored(&before, &[approved.id]).await;
    assert_eq!(vends(&before, "alice").await, None);
    assert_eq!(vends(&after, "alice").await, NEEDED);

    let granted = before.open("alice", "production").await.unwrap();
    let grant = before.grants.grant(&granted.id).await.unwrap();
    before.revoke_approval("alice", approved.id).await.unwrap();
    after.grants.open_grant(&grant, &OpeningLimits::default()).await.unwrap();
    assert_eq!(vends(&before, "alice").await, None);
    assert_eq!(vends(&after, "alice").await, NEEDED);

    // New ones count, whatever the old ones were.
    after.approved("alice", "production").await;
    assert_eq!(vends(&after, "alice").await, None);
}

#[tokio::test]
async fn a_request_of_another_generation_cannot_be_approved_and_can_be_denied() {
    let before = world(ASK);
    let request = before.request("alice", "production").await.unwrap();
    let after = restored(&before, &[request.id]).await;
    let refused = after.approve("bob", request.id).await;
    assert_eq!(code(&refused), Some(ErrorCode::Conflict));
    assert_eq!(vends(&after, "alice").await, NEEDED);
    after.deny("bob", request.id).await.unwrap();
    after.approved("alice", "production").await;
    assert_eq!(vends(&after, "alice").await, None);
}

// Changes while the session is written.

/// What happens while alice's session is written.
#[derive(Clone, Copy, Debug)]
enum Meanwhile {
    /// Her approval is revoked, and the epoch is not raised.
    ApprovalRevoked,
    /// Her grant is closed, and the epoch is not raised.
    GrantClosed,
    ApproverRevoked,
    SheIsRevoked,
}

async fn withheld(meanwhile: Meanwhile) -> ErrorCode {
    let faults = Faults::new();
    let world = World::with(&both(), Plan { hook: faults.clone(), ..plan() });
    let (mut approval, mut grant) = (None, None);
    if matches!(meanwhile, Meanwhile::GrantClosed) {
        grant = Some(world.open("alice", "production").await.unwrap().id);
    } else {
        approval = Some(world.approved("alice", "production").await.id);
    }
    let written = CallSelector::Operation(StoreOperation::CreateSession);
    faults.delay(written, Phase::After, Duration::from_secs(2));
    let gate = CallSelector::Operation(StoreOperation::ChangeGate);
    let (vended, ()) = tokio::join!(world.vend("alice", "production"), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        match meanwhile {
            Meanwhile::ApprovalRevoked => {
                faults.fail(gate, Phase::Before, StoreErrorKind::Unavailable);
                world.revoke_approval("bob", approval.unwrap()).await.unwrap_err();
            }
            Meanwhile::GrantClosed => {
                faults.fail(gate, Phase::Before, StoreErrorKind::Unavailable);
                world.close("alice", grant.unwrap()).await.unwrap_err();
            }
            Meanwhile::ApproverRevoked => world.revoke_user("bob").await,
            Meanwhile::SheIsRevoked => world.revoke_user("alice").await,
        }
    });
    let record = world.decisions().pop().unwrap();
    assert!(record.withheld && record.effect == RecordedEffect::Deny, "{record:?}");
    assert!(record.access_key_id.is_some() && record.expiration.is_none());
    // The record names what the vend was based on.
    assert_eq!(record.approval, approval.map(|id| id.to_string()));
    assert_eq!(record.break_glass, grant.map(|id| id.to_string()));
    let session = world.sessions_of("alice").await.pop().unwrap();
    assert!(session.ended.is_some());
    vended.unwrap_err().code
}

#[tokio::test(start_paused = true)]
async fn credentials_issued_while_their_approval_is_revoked_are_withheld() {
    assert_eq!(withheld(Meanwhile::ApprovalRevoked).await, ErrorCode::PolicyDeny);
}

#[tokio::test(start_paused = true)]
async fn credentials_issued_while_their_grant_is_closed_are_withheld() {
    assert_eq!(withheld(Meanwhile::GrantClosed).await, ErrorCode::PolicyDeny);
}

#[tokio::test(start_paused = true)]
async fn credentials_issued_while_their_approver_is_revoked_are_withheld() {
    assert_eq!(withheld(Meanwhile::ApproverRevoked).await, ErrorCode::PolicyDeny);
}

#[tokio::test(start_paused = true)]
async fn approved_credentials_issued_while_their_caller_is_revoked_are_withheld() {
    assert_eq!(withheld(Meanwhile::SheIsRevoked).await, ErrorCode::SessionRevoked);
}

// Records and tags.

/// A main document with approvals and break-glass.
fn both() -> String {
    format!(
        "{ASK}break_glass:\n  - {{ name: incident, profiles: [production], users: [alice, erin], reason_codes: [incident] }}\n"
    )
}

#[tokio::test]
async fn the_session_tags_and_the_record_name_what_allowed_the_vend() {
    let world = world(&both());
    let approval = world.approved("alice", "production").await.id.to_string();
    let grant = world.open("erin", "production").await.unwrap().id.to_string();
    for (user, name, access) in [
        ("alice", "sandbox", Access::Direct),
        ("alice", "production", Access::Approval(approval)),
        ("erin", "production", Access::BreakGlass(grant)),
    ] {
        world.vend(user, name).await.unwrap();
        assert_eq!(world.issuer.requests().pop().unwrap().access, access, "{user} {name}");
        let record = world.decisions().pop().unwrap();
        let (approval, grant) = match &access {
            Access::Direct => (None, None),
            Access::Approval(id) => (Some(id.clone()), None),
            Access::BreakGlass(id) => (None, Some(id.clone())),
        };
        assert_eq!((record.approval, record.break_glass), (approval, grant), "{user} {name}");
        assert_eq!(record.effect, RecordedEffect::Allow);
    }
}

#[tokio::test]
async fn an_approval_is_preferred_to_a_grant() {
    let world = world(&both());
    world.open("alice", "production").await.unwrap();
    let approval = world.approved("alice", "production").await.id.to_string();
    world.vend("alice", "production").await.unwrap();
    assert_eq!(world.issuer.requests().pop().unwrap().access, Access::Approval(approval));
}

#[tokio::test]
async fn a_refusal_names_the_rule_that_decides_and_no_person() {
    let world = world(ASK);
    let denial = world.vend("erin", "production").await.unwrap_err();
    assert_eq!(Some(denial.code), NEEDED);
    assert!(denial.message.contains("`leads`"), "{}", denial.message);
    for name in ["bob", "dave", "alice"] {
        assert!(!denial.message.contains(name), "{}", denial.message);
    }
    let record = world.decisions().pop().unwrap();
    assert_eq!(record.effect, RecordedEffect::RequireApproval);
    assert_eq!((record.approval, record.break_glass), (None, None));
}

// What is read.

/// The calls of one vend with a warm policy cache, sorted.
async fn calls(policy: &str, user: &str, name: &str) -> Vec<StoreOperation> {
    let faults = Faults::new();
    let world = World::with(policy, Plan { hook: faults.clone(), ..Plan::default() });
    world.approved("alice", "production").await;
    if policy.contains("break_glass:") {
        world.open("erin", "production").await.unwrap();
    }
    let before = faults.calls().len();
    world.vend(user, name).await.ok();
    let mut calls = faults.calls().split_off(before);
    calls.sort_by_key(|operation| format!("{operation:?}"));
    calls
}

#[tokio::test]
async fn a_vend_reads_requests_and_grants_only_if_a_rule_makes_it_necessary() {
    use StoreOperation::{
        CountVend, CreateSession, Gate, Grant, LiveGrants, LiveRequests, Other, Request,
    };
    let assume = Other("assume_role");
    let both = both();
    // Allowed directly, or denied without a rule that overrides it.
    let direct = [CountVend, CreateSession, Gate, Gate, assume];
    assert_eq!(calls(&both, "alice", "sandbox").await, direct);
    assert_eq!(calls(&both, "alice", "vault").await, [Gate]);
    assert_eq!(calls(&both, "erin", "vault").await, [Gate]);
    // No grant is read for a caller that no break-glass rule names.
    assert_eq!(calls(&both, "frank", "production").await, [Gate, LiveRequests]);
    assert_eq!(calls(&both, "frank", "staging").await, [Gate, LiveRequests]);
    // An approval: its approver's gate, and all of it again after the session is written.
    assert_eq!(
        calls(&both, "alice", "production").await,
        [CountVend, CreateSession, Gate, Gate, Gate, Gate, LiveRequests, assume, Request]
    );
    assert_eq!(
        calls(&both, "erin", "production").await,
        [CountVend, CreateSession, Gate, Gate, Grant, LiveGrants, LiveRequests, assume]
    );
    // A rule that overrides a deny makes a read of grants necessary for the callers that it names.
    let overriding = both.replace("[incident] }", "[incident], overrides_deny: true }");
    let overriding = overriding
        .replace("[production], users: [alice, erin]", "[production, vault], users: [alice, erin]");
    assert_eq!(calls(&overriding, "erin", "vault").await, [Gate, LiveGrants]);
    assert_eq!(calls(&overriding, "frank", "vault").await, [Gate]);
    let not = overriding.replace("overrides_deny: true", "overrides_deny: false");
    assert_eq!(calls(&not, "erin", "vault").await, [Gate]);
    // Without a rule under `approvals` no request is read.
    let unapproved = ASK.replace("profiles: [staging], approvers", "profiles: [x], approvers");
    assert_eq!(calls(&unapproved, "alice", "staging").await, [Gate]);
}

#[tokio::test]
async fn invariant_5_a_denied_vend_writes_nothing() {
    let faults = Faults::new();
    let world = World::with(&both(), Plan { hook: faults.clone(), ..Plan::default() });
    for name in ["vault", "production", "staging", "unknown"] {
        world.vend("frank", name).await.unwrap_err();
    }
    assert!(!faults.calls().contains(&StoreOperation::CreateSession));
    assert_eq!(world.decisions().len(), 4);
}

// How long an approval is, next to others.

#[tokio::test]
async fn only_an_approval_that_reaches_the_beginning_of_another_is_extended_by_it() {
    let world = world(ASK);
    let began = world.clock.now();
    let hour = Duration::from_secs(3600);
    let create = production().with_duration(hour);
    let first = world.create("alice", &create).await.unwrap();
    world.approve("bob", first.id).await.unwrap();
    // It ends half an hour before this one begins.
    let later = create.clone().with_not_before(began + TimeDelta::minutes(90));
    let later = world.create("alice", &later).await.unwrap();
    let approved = world.approve("bob", later.id).await.unwrap();
    assert_eq!(approved.valid_until, Some(began + TimeDelta::minutes(150)));
}

#[tokio::test]
async fn two_approvals_together_can_be_as_long_as_the_maximum_of_the_rule() {
    let world = world(ASK);
    let began = world.clock.now();
    let create = production().with_duration(Duration::from_secs(3600));
    let later = create.clone().with_not_before(began + TimeDelta::hours(1));
    for (create, until) in [(later, 2), (create, 1)] {
        let request = world.create("alice", &create).await.unwrap();
        let approved = world.approve("bob", request.id).await.unwrap();
        assert_eq!(approved.valid_until, Some(began + TimeDelta::hours(until)));
    }
}

#[tokio::test]
async fn an_approval_that_was_longer_than_the_rule_in_force_allows_prevents_no_other_from_its_beginning()
 {
    let world = world(ASK);
    let began = world.clock.now();
    world.approved("alice", "production").await;
    world.put("main", &ASK.replace("max_duration: 2h", "max_duration: 1h"));
    let again = world.approved("alice", "production").await;
    assert_eq!(again.valid_until, Some(began + TimeDelta::hours(1)));
}

#[tokio::test]
async fn an_approval_of_another_generation_is_not_extended() {
    let before = world(ASK);
    let approved = before.approved("alice", "production").await;
    let after = restored(&before, &[approved.id]).await;
    after.clock.advance(3600);
    let again = after.approved("alice", "production").await;
    assert_eq!(again.valid_until, Some(after.clock.now() + TimeDelta::hours(2)));
}

#[tokio::test]
async fn an_approval_can_begin_now_and_at_the_deadline_of_its_request_at_the_latest() {
    let world = world(ASK);
    let now = production().with_not_before(world.clock.now());
    world.create("erin", &now).await.unwrap();
    let deadline = world.clock.now() + TimeDelta::hours(4);
    let late = production().with_not_before(deadline + TimeDelta::seconds(1));
    assert_eq!(code(&world.create("alice", &late).await), Some(ErrorCode::InvalidRequest));
    world.create("alice", &production().with_not_before(deadline)).await.unwrap();
}

/// The gate of the requester has no room for another profile.
#[tokio::test]
async fn revoking_an_approval_ends_all_sessions_of_a_caller_with_a_full_gate() {
    let world = world(ASK);
    let approved = world.approved("alice", "production").await;
    assert_eq!(vends(&world, "alice").await, None);
    let alice = parse_user("alice").unwrap();
    for number in 0..Gate::MAX_PROFILES {
        let scope = Scope::Profile(profile(&format!("p{number}")));
        world.sessions.change_gate(&alice, &GateChange::end_sessions(scope)).await.unwrap();
    }
    world.revoke_approval("bob", approved.id).await.unwrap();
    let gate = world.sessions.gate(&alice).await.unwrap();
    let session = world.sessions_of("alice").await.pop().unwrap();
    let state = session.state(&gate, Generation(0), world.clock.now());
    assert_eq!(state, SessionState::Revoked);
    assert_eq!(gate.whole.epoch.0, 1);
}
