//! Listing, revoking and reinstating.

use std::time::Duration;

use proptest::prelude::*;
use sentinel_broker::{
    ErrorCode, ListGrants, ListSessions, OperatorArn, Reinstate, Revoke, Target, parse_user,
};
use sentinel_store::conformance::{CallSelector, Faults, Phase, StoreErrorKind, StoreOperation};
use sentinel_store::{
    CallerKey, Clock, Cursor, EventKind, Gate, Generation, ProfileName, RecordedEffect,
    SessionHandle, SessionState, SessionStore, VerifyError, verify_session,
};

use crate::world::{ALICE, Plan, World, call};

fn key(text: &str) -> CallerKey {
    parse_user(text).unwrap()
}

fn production() -> ProfileName {
    ProfileName::parse("production").unwrap()
}

#[tokio::test]
async fn a_revocation_refuses_the_session_immediately_and_new_ones_until_reinstated() {
    let world = World::new(ALICE);
    let id = world.vend("alice", "production").await.unwrap().session.unwrap();
    let carol = world.caller("carol");
    let target = Target::Session(id.handle);
    let revoked = world
        .broker
        .revoke(&call(), &carol, &Revoke::new(target.clone(), "lost laptop"))
        .await
        .unwrap();
    assert_eq!((revoked.user.as_str(), revoked.epoch, revoked.blocked_until), ("alice", 1, None));
    assert_eq!(revoked.profile, Some(production()));

    let check =
        verify_session(&*world.sessions, &id.reveal(), None, Generation(0), &*world.clock).await;
    assert!(matches!(check, Err(VerifyError::Refused(_))));
    let denial = world.vend("alice", "production").await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::SessionRevoked);
    let record = world.decisions().pop().unwrap();
    assert_eq!((record.effect, record.code.as_str()), (RecordedEffect::Deny, "SESSION_REVOKED"));

    let target = Target::OnProfile(key("alice"), production());
    let back = world
        .broker
        .reinstate(&call(), &carol, &Reinstate::new(target.clone(), "found it"))
        .await
        .unwrap();
    assert_eq!(back.epoch, 1);
    world.vend("alice", "production").await.unwrap();
    let check =
        verify_session(&*world.sessions, &id.reveal(), None, Generation(0), &*world.clock).await;
    assert!(check.is_err(), "an old session was revived");
    let names: Vec<_> = world.events().iter().map(|event| event.event).collect();
    assert_eq!(names, [EventKind::Revocation, EventKind::Reinstatement]);
}

#[tokio::test]
async fn a_revocation_for_a_time_ends_by_itself() {
    let world = World::new(ALICE);
    let carol = world.caller("carol");
    let target = Target::Caller(key("alice"));
    let length = Some(Duration::from_secs(60));
    let revoked = world
        .broker
        .revoke(&call(), &carol, &Revoke::new(target.clone(), "wait").with_length(length))
        .await
        .unwrap();
    assert_eq!(revoked.blocked_until, Some(world.clock.now() + chrono::TimeDelta::seconds(60)));
    world.clock.advance(59);
    assert_eq!(
        world.vend("alice", "production").await.unwrap_err().code,
        ErrorCode::SessionRevoked
    );
    world.clock.advance(1);
    world.vend("alice", "production").await.unwrap();
}

#[tokio::test]
async fn non_operators_cannot_revoke_reinstate_or_list_others() {
    let world = World::new(ALICE);
    let alice = world.caller("alice");
    let target = Target::Caller(key("bob"));
    let denial =
        world.broker.revoke(&call(), &alice, &Revoke::new(target.clone(), "r")).await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::Forbidden);
    let denial = world
        .broker
        .reinstate(&call(), &alice, &Reinstate::new(target.clone(), "r"))
        .await
        .unwrap_err();
    assert_eq!(denial.code, ErrorCode::Forbidden);
    let query = ListSessions::default().with_user(key("bob"));
    let denial = world.broker.list_sessions(&call(), &alice, &query).await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::Forbidden);
}

#[tokio::test]
async fn callers_list_their_own_sessions_and_operators_all_sessions() {
    let policy = ALICE.replace("users: [alice]", "users: [alice, bob]");
    let world = World::new(&policy);
    for user in ["alice", "alice", "bob"] {
        world.vend(user, "production").await.unwrap();
    }
    let all = ListSessions::default();
    let own = world.broker.list_sessions(&call(), &world.caller("bob"), &all).await.unwrap();
    assert_eq!(own.sessions.len(), 1);
    let everybodys = world.broker.list_sessions(&call(), &world.caller("carol"), &all).await;
    let everybodys = everybodys.unwrap();
    assert_eq!(everybodys.sessions.len(), 3);
    assert!(everybodys.sessions.iter().all(|session| session.state == SessionState::Active));
    let revoked = all.with_state(SessionState::Revoked);
    let carol = world.caller("carol");
    world
        .broker
        .revoke(&call(), &carol, &Revoke::new(Target::Caller(key("alice")), "r"))
        .await
        .unwrap();
    let revoked = world.broker.list_sessions(&call(), &carol, &revoked).await.unwrap();
    assert_eq!(revoked.sessions.len(), 2);
}

#[tokio::test]
async fn a_caller_revoked_as_a_whole_is_refused_on_every_route_even_as_an_operator() {
    let policy = ALICE.replace("users: [carol]", "users: [carol, dora]");
    let world = World::new(&policy);
    let (carol, dora) = (world.caller("carol"), world.caller("dora"));
    let target = Target::Caller(key("dora"));
    world.broker.revoke(&call(), &carol, &Revoke::new(target.clone(), "r")).await.unwrap();
    let broker = &world.broker;
    let other = Target::Caller(key("alice"));
    let codes = [
        broker.profiles(&call(), &dora).await.unwrap_err().code,
        broker.whoami(&call(), &dora).await.unwrap_err().code,
        broker.list_sessions(&call(), &dora, &ListSessions::default()).await.unwrap_err().code,
        broker.revoke(&call(), &dora, &Revoke::new(other.clone(), "r")).await.unwrap_err().code,
        broker
            .reinstate(&call(), &dora, &Reinstate::new(target.clone(), "r"))
            .await
            .unwrap_err()
            .code,
        world.vend("dora", "production").await.unwrap_err().code,
    ];
    assert_eq!(codes, [ErrorCode::SessionRevoked; 6]);
}

#[tokio::test]
async fn operators_cannot_reinstate_themselves() {
    let world = World::new(ALICE);
    let carol = world.caller("carol");
    let target = Target::OnProfile(key("carol"), production());
    world.broker.revoke(&call(), &carol, &Revoke::new(target.clone(), "r")).await.unwrap();
    let denial = world
        .broker
        .reinstate(&call(), &carol, &Reinstate::new(target.clone(), "r"))
        .await
        .unwrap_err();
    assert_eq!(denial.code, ErrorCode::Forbidden);
}

#[tokio::test]
async fn configured_operators_revoke_when_the_policy_is_invalid_and_never_reinstate() {
    let mut plan = Plan::default();
    let operators = [
        "arn:aws:iam::111122223333:user/root-of-trust",
        "arn:aws:iam::111122223333:role/oncall",
        "arn:aws:sts::111122223333:assumed-role/ci/build-7",
    ];
    let operators = operators.map(|arn| OperatorArn::parse(arn).unwrap()).to_vec();
    plan.settings = plan.settings.with_operators(operators);
    let world = World::with("not: [a policy", plan);
    let target = Target::Caller(key("alice"));
    for user in ["root-of-trust", "oncall/anything"] {
        let caller = world.caller(user);
        world.broker.revoke(&call(), &caller, &Revoke::new(target.clone(), "r")).await.unwrap();
        let everything = ListSessions::default();
        world.broker.list_sessions(&call(), &caller, &everything).await.unwrap();
        let denial = world
            .broker
            .reinstate(&call(), &caller, &Reinstate::new(target.clone(), "r"))
            .await
            .unwrap_err();
        assert_eq!(denial.code, ErrorCode::PolicyError);
    }
    // Every caller that can assume `ci` can choose the session name `build-7`.
    let denial = world
        .broker
        .revoke(&call(), &world.caller("ci/build-7"), &Revoke::new(target.clone(), "r"))
        .await;
    assert_eq!(denial.unwrap_err().code, ErrorCode::PolicyError);
}

#[tokio::test]
async fn a_list_reports_that_it_may_be_incomplete_while_the_policy_cannot_be_used() {
    let plan = || {
        let mut plan = Plan::default();
        let none = Duration::ZERO;
        plan.settings = plan.settings.with_policy_ages(none, none);
        plan
    };
    let main = ALICE.replace("may: [", "may: [list_break_glass, ");
    for (policy, own_only) in [(main.as_str(), false), ("not: [a policy", true)] {
        let world = World::with(policy, plan());
        let carol = world.caller("carol");
        let (call, all) = (call(), ListSessions::default());
        let sessions = world.broker.list_sessions(&call, &carol, &all).await.unwrap();
        let all = ListGrants::default();
        let grants = world.broker.list_grants(&call, &carol, &all).await.unwrap();
        assert_eq!((sessions.own_only, grants.own_only), (own_only, own_only));
        // What names its caller is complete.
        let mut own = ListSessions::default();
        own.user = Some(key("carol"));
        assert!(!world.broker.list_sessions(&call, &carol, &own).await.unwrap().own_only);
    }
}

#[tokio::test]
async fn without_a_session_table_operations_on_sessions_are_not_found() {
    let world = World::with(ALICE, Plan { tracked: false, ..Plan::default() });
    let carol = world.caller("carol");
    let denial = world.broker.list_sessions(&call(), &carol, &ListSessions::default()).await;
    let denial = denial.unwrap_err();
    assert_eq!(denial.code, ErrorCode::NotFound);
    assert!(denial.message.contains("SENTINEL_SESSION_TABLE"), "{}", denial.message);
}

#[test]
fn a_user_is_a_name_or_an_account_and_a_role() {
    assert_eq!(key("Alice").as_str(), "alice");
    assert_eq!(key("111122223333/CI").as_str(), "111122223333/CI");
    for malformed in ["", "ci/build-7", "111122223333/", "111122223333/a/b", "a b", "al*"] {
        assert_eq!(parse_user(malformed), None, "{malformed}");
    }
}

#[tokio::test]
async fn no_caller_is_reinstated_without_a_record() {
    let faults = Faults::new();
    let world = World::with(ALICE, Plan::faulty(&faults));
    let carol = world.caller("carol");
    let target = Target::Caller(key("alice"));
    world.broker.revoke(&call(), &carol, &Revoke::new(target.clone(), "r")).await.unwrap();
    faults.fail(
        CallSelector::Operation(StoreOperation::Write),
        Phase::Before,
        StoreErrorKind::Unavailable,
    );
    let denial = world
        .broker
        .reinstate(&call(), &carol, &Reinstate::new(target.clone(), "r"))
        .await
        .unwrap_err();
    assert_eq!(denial.code, ErrorCode::StoreUnavailable);
    faults.clear();
    let denial = world.vend("alice", "production").await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::SessionRevoked);
}

#[tokio::test]
async fn a_revocation_is_in_force_even_if_its_record_fails_and_the_refusal_requests_a_retry() {
    let faults = Faults::new();
    let world = World::with(ALICE, Plan::faulty(&faults));
    let carol = world.caller("carol");
    let target = Target::Caller(key("alice"));
    faults.fail(
        CallSelector::Operation(StoreOperation::Write),
        Phase::Before,
        StoreErrorKind::Unavailable,
    );
    let denial =
        world.broker.revoke(&call(), &carol, &Revoke::new(target.clone(), "r")).await.unwrap_err();
    assert!(denial.message.contains("repeat it"), "{}", denial.message);
    faults.clear();
    let denial = world.vend("alice", "production").await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::SessionRevoked);
}

#[tokio::test]
async fn a_change_that_fails_is_recorded_as_failed() {
    let faults = Faults::new();
    let world = World::with(ALICE, Plan::faulty(&faults));
    let carol = world.caller("carol");
    let target = Target::Caller(key("alice"));
    faults.fail(
        CallSelector::Operation(StoreOperation::ChangeGate),
        Phase::Before,
        StoreErrorKind::Unavailable,
    );
    world.broker.revoke(&call(), &carol, &Revoke::new(target.clone(), "r")).await.unwrap_err();
    let event = world.events().pop().unwrap();
    assert_eq!(
        (event.event, event.code.as_deref()),
        (EventKind::Revocation, Some("STORE_UNAVAILABLE"))
    );
    assert_eq!(event.principal.as_deref(), Some("arn:aws:iam::111122223333:user/carol"));
}

#[tokio::test]
async fn an_operator_of_a_stale_copy_can_revoke_but_not_reinstate() {
    let faults = Faults::new();
    let world = World::with(ALICE, Plan::faulty(&faults));
    let carol = world.caller("carol");
    let target = Target::Caller(key("alice"));
    world.broker.revoke(&call(), &carol, &Revoke::new(target.clone(), "r")).await.unwrap();
    world.clock.advance(60);
    faults.fail(
        CallSelector::Operation(StoreOperation::Policy),
        Phase::Before,
        StoreErrorKind::Unavailable,
    );
    world.broker.revoke(&call(), &carol, &Revoke::new(target.clone(), "r")).await.unwrap();
    let denial = world
        .broker
        .reinstate(&call(), &carol, &Reinstate::new(target.clone(), "r"))
        .await
        .unwrap_err();
    assert_eq!(denial.code, ErrorCode::StoreUnavailable);
}

#[tokio::test]
async fn refused_operations_are_recorded() {
    let world = World::new(ALICE);
    let alice = world.caller("alice");
    let target = Target::Caller(key("bob"));
    world.broker.revoke(&call(), &alice, &Revoke::new(target.clone(), "r")).await.unwrap_err();
    let event = world.events().pop().unwrap();
    assert_eq!((event.event, event.by.as_deref()), (EventKind::OperationRefused, Some("alice")));
}

#[tokio::test]
async fn a_full_gate_is_a_conflict_that_names_the_remedy() {
    let world = World::new(ALICE);
    let carol = world.caller("carol");
    let on = |number: usize| {
        Target::OnProfile(key("alice"), ProfileName::parse(&format!("p{number}")).unwrap())
    };
    for number in 0..Gate::MAX_PROFILES {
        world.broker.revoke(&call(), &carol, &Revoke::new(on(number), "r")).await.unwrap();
    }
    let one_more = on(Gate::MAX_PROFILES);
    let denial = world
        .broker
        .revoke(&call(), &carol, &Revoke::new(one_more.clone(), "r"))
        .await
        .unwrap_err();
    assert_eq!((denial.code, denial.code.status()), (ErrorCode::Conflict, 409));
    assert!(denial.message.contains("revoke the caller as a whole"), "{}", denial.message);
    assert_eq!(world.events().pop().unwrap().code.as_deref(), Some("CONFLICT"));
    let whole = Target::Caller(key("alice"));
    world.broker.revoke(&call(), &carol, &Revoke::new(whole.clone(), "r")).await.unwrap();
    assert_eq!(
        world.vend("alice", "production").await.unwrap_err().code,
        ErrorCode::SessionRevoked
    );
}

#[tokio::test]
async fn reinstating_profiles_that_were_never_revoked_does_not_fill_a_gate() {
    let world = World::new(ALICE);
    let carol = world.caller("carol");
    for number in 0..=Gate::MAX_PROFILES {
        let profile = ProfileName::parse(&format!("p{number}")).unwrap();
        let target = Target::OnProfile(key("alice"), profile);
        world
            .broker
            .reinstate(&call(), &carol, &Reinstate::new(target.clone(), "r"))
            .await
            .unwrap();
    }
    let target = Target::OnProfile(key("alice"), production());
    world.broker.revoke(&call(), &carol, &Revoke::new(target.clone(), "r")).await.unwrap();
    assert_eq!(
        world.vend("alice", "production").await.unwrap_err().code,
        ErrorCode::SessionRevoked
    );
}

#[tokio::test]
async fn a_revocation_reports_whether_the_caller_is_known() {
    let world = World::new(ALICE);
    let carol = world.caller("carol");
    let known = async |user: &str| {
        let target = Target::Caller(key(user));
        world.broker.revoke(&call(), &carol, &Revoke::new(target.clone(), "r")).await.unwrap().known
    };
    assert_eq!(known("alicce").await, Some(false));
    // The caller key was revoked before.
    assert_eq!(known("alicce").await, Some(true));
    world.vend("alice", "production").await.unwrap();
    assert_eq!(known("ALICE").await, Some(true));
}

#[tokio::test]
async fn a_revocation_by_user_reads_nothing_of_the_caller_before_it_is_done() {
    let faults = Faults::new();
    let world = World::with(ALICE, Plan::faulty(&faults));
    let carol = world.caller("carol");
    world.vend("alice", "production").await.unwrap();
    let before = faults.calls().len();
    // The partition is overloaded: lists and reads of sessions fail.
    faults.fail(
        CallSelector::Operation(StoreOperation::Sessions),
        Phase::Before,
        StoreErrorKind::Throttled,
    );
    let target = Target::Caller(key("alice"));
    let revoked =
        world.broker.revoke(&call(), &carol, &Revoke::new(target.clone(), "r")).await.unwrap();
    assert_eq!((revoked.epoch, revoked.known), (1, None));
    let calls = faults.calls().split_off(before);
    // For the operator: the gate, and the policy. For the caller: the write, and only
    // then the list.
    let change = calls.iter().position(|call| *call == StoreOperation::ChangeGate).unwrap();
    assert_eq!(calls[..change].iter().filter(|call| **call == StoreOperation::Gate).count(), 1);
    assert!(!calls[..change].contains(&StoreOperation::Sessions));
    assert!(!calls[..change].contains(&StoreOperation::Session));
}

/// One call of an operator.
#[derive(Clone, Debug)]
enum Step {
    Revoke(Option<u16>, Option<u64>),
    Reinstate(Option<u16>),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let profile = || proptest::option::of(0..300_u16);
    let step = prop_oneof![
        4 => (profile(), proptest::option::of(1..100_u64)).prop_map(|(on, length)| Step::Revoke(on, length)),
        4 => profile().prop_map(Step::Reinstate),
        1 => (1..200_i64).prop_map(Step::Wait),
    ];
    // Repetitions of a step fill a gate.
    let run = (step, 1..80_u16).prop_map(|(step, times)| {
        (0..times)
            .map(move |number| match &step {
                Step::Revoke(Some(on), length) => Step::Revoke(Some(on + number), *length),
                Step::Reinstate(Some(on)) => Step::Reinstate(Some(on + number)),
                Step::Revoke(None, _) | Step::Reinstate(None) | Step::Wait(_) => step.clone(),
            })
            .collect::<Vec<_>>()
    });
    proptest::collection::vec(run, 0..8).prop_map(|runs| runs.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// After any calls of operators, a caller can be revoked as a whole, and gets
    /// no credentials then.
    #[test]
    fn no_sequence_of_operator_calls_makes_revoking_a_caller_impossible(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new(ALICE);
            let carol = world.caller("carol");
            let target = |on: Option<u16>| match on {
                None => Target::Caller(key("alice")),
                Some(on) => Target::OnProfile(
                    key("alice"),
                    ProfileName::parse(&format!("p{on}")).unwrap(),
                ),
            };
            for step in steps {
                let done = match step {
                    Step::Wait(seconds) => {
                        world.clock.advance(seconds);
                        continue;
                    }
                    Step::Revoke(on, length) => {
                        let length = length.map(Duration::from_secs);
                        world.broker.revoke(&call(), &carol, &Revoke::new(target(on), "r").with_length(length)).await
                    }
                    Step::Reinstate(on) => {
                        world.broker.reinstate(&call(), &carol, &Reinstate::new(target(on), "r")).await
                    }
                };
                if let Err(denial) = done {
                    prop_assert_eq!(denial.code, ErrorCode::Conflict);
                }
            }
            let revoked = world.broker.revoke(&call(), &carol, &Revoke::new(target(None), "r")).await;
            prop_assert!(revoked.is_ok(), "{:?}", revoked);
            let denial = world.vend("alice", "production").await.unwrap_err();
            prop_assert_eq!(denial.code, ErrorCode::SessionRevoked);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_damaged_gate_does_not_hide_the_sessions_of_others() {
    let policy = ALICE.replace("users: [alice]", "users: [alice, bob]");
    let world = World::new(&policy);
    world.vend("alice", "production").await.unwrap();
    world.vend("bob", "production").await.unwrap();
    let mallory = CallerKey::parse("mallory").unwrap();
    world.sessions.plant_gate(&key("alice"), Gate::open(mallory));
    let all = ListSessions::default();
    let listed = world.broker.list_sessions(&call(), &world.caller("carol"), &all).await.unwrap();
    assert_eq!((listed.sessions.len(), listed.unreadable), (1, 1));
    assert_eq!(listed.sessions[0].user, "bob");
}

#[tokio::test]
async fn a_damaged_session_does_not_hide_the_others() {
    let world = World::new(ALICE);
    let damaged = world.vend("alice", "production").await.unwrap().session.unwrap();
    let whole = world.vend("alice", "production").await.unwrap().session.unwrap();
    let (other, _) = world.sessions.session(&whole.handle).await.unwrap();
    world.sessions.plant_session(damaged.handle, other);
    let own = ListSessions::default();
    let listed = world.broker.list_sessions(&call(), &world.caller("alice"), &own).await.unwrap();
    assert_eq!((listed.sessions.len(), listed.unreadable), (1, 1));
    assert_eq!(listed.sessions[0].session, whole.handle);
}

#[tokio::test]
async fn a_gate_has_the_beginning_of_the_reason_and_the_record_all_of_it() {
    // The 256th byte is within a character.
    let long = format!("x{}", "é".repeat(200));
    let beginning = format!("x{}", "é".repeat(127));
    for (reason, kept) in [("lost laptop", "lost laptop"), (&long, &beginning)] {
        let world = World::new(ALICE);
        let carol = world.caller("carol");
        let revoke = Revoke::new(Target::Caller(key("alice")), reason);
        world.broker.revoke(&call(), &carol, &revoke).await.unwrap();
        let gate = world.sessions.gate(&key("alice")).await.unwrap();
        assert_eq!(gate.whole.block.unwrap().reason, kept);
        assert_eq!(world.events().pop().unwrap().reason.as_deref(), Some(reason));
    }
}

#[tokio::test]
async fn a_list_can_be_of_one_profile() {
    let policy = ALICE.replace("profiles: [production]", "profiles: [production, staging]");
    let world = World::new(&policy);
    for profile in ["production", "staging", "staging"] {
        world.vend("alice", profile).await.unwrap();
    }
    let query = ListSessions::default().with_profile(production());
    let listed = world.broker.list_sessions(&call(), &world.caller("alice"), &query).await.unwrap();
    let profiles: Vec<_> = listed.sessions.iter().map(|session| session.profile.as_str()).collect();
    assert_eq!(profiles, ["production"]);
}

#[tokio::test]
async fn a_cursor_of_another_list_is_an_invalid_request_and_a_failing_store_is_not() {
    let faults = Faults::new();
    let world = World::with(ALICE, Plan::faulty(&faults));
    let alice = world.caller("alice");
    let listed = CallSelector::Operation(StoreOperation::Sessions);
    for (failure, with_cursor, without) in [
        (StoreErrorKind::NotFound, ErrorCode::InvalidRequest, ErrorCode::StoreUnavailable),
        (StoreErrorKind::Conflict, ErrorCode::InvalidRequest, ErrorCode::StoreUnavailable),
        (StoreErrorKind::Throttled, ErrorCode::RateLimited, ErrorCode::RateLimited),
        (StoreErrorKind::Corrupt, ErrorCode::StoreUnavailable, ErrorCode::StoreUnavailable),
    ] {
        faults.clear();
        faults.fail(listed, Phase::Before, failure);
        let cursor = ListSessions::default().with_cursor(Cursor("elsewhere".to_owned()));
        for (query, expected) in [(cursor, with_cursor), (ListSessions::default(), without)] {
            let denial = world.broker.list_sessions(&call(), &alice, &query).await.unwrap_err();
            assert_eq!(denial.code, expected, "{failure:?} {query:?}");
        }
    }
}

#[tokio::test]
async fn revoking_a_session_that_does_not_exist_or_for_too_long_changes_nothing() {
    let faults = Faults::new();
    let world = World::with(ALICE, Plan::faulty(&faults));
    let carol = world.caller("carol");
    let unknown = SessionHandle::new(key("alice").hash(), [7; 10]);
    let unknown = Revoke::new(Target::Session(unknown), "r");
    let whole = Revoke::new(Target::Caller(key("alice")), "r");
    let forever = whole.clone().with_length(Duration::MAX);
    for (revoke, expected) in
        [(&unknown, ErrorCode::NotFound), (&forever, ErrorCode::InvalidRequest)]
    {
        let refused = world.broker.revoke(&call(), &carol, revoke).await;
        assert_eq!(refused.unwrap_err().code, expected, "{revoke:?}");
    }
    for (operation, revoke, failure, expected) in [
        (
            StoreOperation::Session,
            &unknown,
            StoreErrorKind::Unavailable,
            ErrorCode::StoreUnavailable,
        ),
        (StoreOperation::ChangeGate, &whole, StoreErrorKind::Throttled, ErrorCode::RateLimited),
    ] {
        faults.clear();
        faults.fail(CallSelector::Operation(operation), Phase::Before, failure);
        let refused = world.broker.revoke(&call(), &carol, revoke).await;
        assert_eq!(refused.unwrap_err().code, expected, "{operation:?}");
    }
    assert_eq!(world.sessions.gate(&key("alice")).await.unwrap(), Gate::open(key("alice")));
}

#[tokio::test]
async fn a_list_fails_if_a_gate_of_it_cannot_be_read() {
    let faults = Faults::new();
    let world = World::with(ALICE, Plan::faulty(&faults));
    world.vend("alice", "production").await.unwrap();
    let before = faults.calls().len();
    let all = ListSessions::default();
    world.broker.list_sessions(&call(), &world.caller("carol"), &all).await.unwrap();
    let calls = faults.calls().split_off(before);
    // The last read of a gate is that of the listed session.
    let last = calls.iter().rposition(|call| *call == StoreOperation::Gate).unwrap();
    let number = faults.calls().len() + last;
    faults.fail(CallSelector::Number(number), Phase::Before, StoreErrorKind::Throttled);
    let refused = world.broker.list_sessions(&call(), &world.caller("carol"), &all).await;
    assert_eq!(refused.unwrap_err().code, ErrorCode::RateLimited);
}
