//! Groups whose members are kept outside of the main document.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sentinel_broker::{ErrorCode, ListSessions, parse_user};
use sentinel_store::PolicyPath;
use sentinel_store::conformance::{CallSelector, Faults, Phase, StoreErrorKind, StoreOperation};

use crate::documents::Logged;
use crate::people;
use crate::world::{Plan, ROOT, World, call};

const MAIN: &str = r#"
version: "1"
groups_from: [oncall]
rules:
  - { name: open, effect: allow, conditions: { profiles: [sandbox] } }
  - { name: oncall, effect: allow, conditions: { profiles: [production], users: ["group:oncall"] } }
  - { name: ask, effect: require_approval, conditions: { profiles: [staging] } }
approvals:
  - { name: oncall, profiles: [staging], approvers: ["group:oncall"] }
break_glass:
  - { name: oncall, profiles: [staging], users: ["group:oncall"], reason_codes: [incident] }
operators:
  - { name: oncall, users: ["group:oncall"], may: [list_sessions] }
"#;
const OWN: &str = "version: \"1\"\nrules: [{ name: all, effect: allow }]\n";
const DENIED: Option<ErrorCode> = Some(ErrorCode::PolicyDeny);
const ERROR: Option<ErrorCode> = Some(ErrorCode::PolicyError);

fn path(group: &str) -> PolicyPath {
    PolicyPath::new(ROOT).join("groups").join(group)
}

impl World {
    fn put_members(&self, group: &str, text: &str) {
        self.policies.put(&path(group), text);
    }
}

async fn code(world: &World, user: &str, profile: &str) -> Option<ErrorCode> {
    people::code(&world.vend(user, profile).await)
}

/// The code with which a list of another caller's sessions is refused.
async fn list_others(world: &World, user: &str) -> Option<ErrorCode> {
    let listing = ListSessions::default().with_user(parse_user("erin").unwrap());
    people::code(&world.broker.list_sessions(&call(), &world.caller(user), &listing).await)
}

/// The number of reads of documents so far.
fn reads(faults: &Faults) -> usize {
    faults.calls().iter().filter(|operation| **operation == StoreOperation::Policy).count()
}

#[tokio::test]
async fn a_change_of_the_members_of_a_group_is_in_force_after_the_ttl() {
    let world = World::new(MAIN);
    world.put_members("oncall", "[alice]");
    assert_eq!(code(&world, "alice", "production").await, None);
    assert_eq!(code(&world, "bob", "production").await, DENIED);
    world.put_members("oncall", "[bob]");
    world.clock.advance(29);
    assert_eq!(code(&world, "bob", "production").await, DENIED);
    world.clock.advance(1);
    assert_eq!(code(&world, "bob", "production").await, None);
    assert_eq!(code(&world, "alice", "production").await, DENIED);
    // A change of the main document keeps the members.
    world.put("main", &MAIN.replace("[production]", "[production, other]"));
    world.clock.advance(30);
    assert_eq!(code(&world, "bob", "other").await, None);
    assert_eq!(code(&world, "alice", "other").await, DENIED);
}

#[tokio::test]
async fn the_members_of_a_group_are_users_approvers_break_glass_users_and_operators() {
    let world = people::world(MAIN);
    world.put("own", OWN);
    let uses = async |user: &str| {
        let request = world.request("erin", "staging").await.unwrap();
        let approved = world.approve(user, request.id).await;
        drop(world.cancel("erin", request.id).await);
        let opened = world.open(user, "staging").await;
        if let Ok(grant) = &opened {
            world.close(user, grant.id).await.unwrap();
        }
        [
            world.vend(user, "production").await.is_ok(),
            approved.is_ok(),
            opened.is_ok(),
            list_others(&world, user).await.is_none(),
        ]
    };
    world.put_members("oncall", "[alice]");
    assert_eq!(uses("alice").await, [true; 4]);
    assert_eq!(uses("bob").await, [false; 4]);
    world.put_members("oncall", "[]");
    assert_eq!(uses("alice").await, [false; 4]);
    let role = "arn:aws:sts::*:assumed-role/OnCall/*";
    world.put_members("oncall", &format!("[{{ principals: [\"{role}\"] }}]"));
    assert_eq!(uses("OnCall/carol").await, [true; 4]);
    assert_eq!(uses("alice").await, [false; 4]);
}

#[tokio::test]
async fn a_group_without_a_document_is_empty_and_each_change_to_this_is_logged_once() {
    let (logged, _guard) = Logged::new();
    let world = World::new(MAIN);
    let warnings = || logged.count("a group has no members: its document does not exist");
    for expected in 1..3 {
        for _ in 0..3 {
            assert_eq!(code(&world, "alice", "production").await, DENIED);
            assert_eq!(code(&world, "alice", "sandbox").await, None);
            world.clock.advance(30);
        }
        assert_eq!(warnings(), expected);
        world.put_members("oncall", "[alice]");
        assert_eq!(code(&world, "alice", "production").await, None);
        world.clock.advance(30);
        world.policies.remove(&path("oncall"));
    }
    assert_eq!(logged.count(path("oncall").as_str()), 2);
}

#[tokio::test]
async fn invalid_members_make_the_main_document_unusable_until_they_are_valid() {
    let (logged, _guard) = Logged::new();
    let world = World::new(MAIN);
    world.put("own", OWN);
    world.put_members("oncall", "[alice]");
    assert_eq!(code(&world, "alice", "production").await, None);
    world.put_members("oncall", "[alice, \"group:leads\"]");
    world.clock.advance(30);
    // Any caller can be meant by the members, so that nobody sees a difference.
    for user in ["alice", "mallory"] {
        for profile in ["production", "sandbox", "staging", "own"] {
            assert_eq!(code(&world, user, profile).await, ERROR, "{user} {profile}");
        }
        assert_eq!(list_others(&world, user).await, ERROR);
    }
    world.clock.advance(30);
    assert_eq!(code(&world, "alice", "sandbox").await, ERROR);
    assert_eq!(logged.count("the members of a group cannot be used"), 1);
    assert_eq!(logged.count("[alice, \"group:leads\"]"), 1, "the text is not in the log");
    world.put_members("oncall", "[alice]");
    world.clock.advance(30);
    assert_eq!(code(&world, "alice", "production").await, None);
    assert_eq!(code(&world, "mallory", "production").await, DENIED);
}

#[tokio::test]
async fn doubtful_members_are_used_and_logged_once() {
    let (logged, _guard) = Logged::new();
    let world = World::new(MAIN);
    world.put_members("oncall", "[alice, user/bob]");
    for _ in 0..3 {
        assert_eq!(code(&world, "alice", "production").await, None);
        world.clock.advance(30);
    }
    assert_eq!(logged.count("the members of a group have warnings"), 1);
}

/// A world with warm copies, in which only the next reads of members fail from then on.
async fn failing(failure: StoreErrorKind) -> (World, Arc<Faults>, impl Fn()) {
    let faults = Faults::new();
    let world = World::with(MAIN, Plan { hook: faults.clone(), ..Plan::default() });
    world.put_members("oncall", "[alice]");
    world.vend("alice", "production").await.unwrap();
    world.clock.advance(30);
    let before = faults.calls().len();
    world.vend("alice", "production").await.unwrap();
    let calls = faults.calls().split_off(before);
    let policy = |(_, operation): &(usize, &StoreOperation)| **operation == StoreOperation::Policy;
    let [main, members] = *calls.iter().enumerate().filter(policy).collect::<Vec<_>>() else {
        panic!("{calls:?}");
    };
    assert!(main.0 < members.0);
    let offset = members.0;
    let fail_next = {
        let faults = faults.clone();
        move || {
            let number = faults.calls().len() + offset;
            faults.fail(CallSelector::Number(number), Phase::Before, failure);
        }
    };
    (world, faults, fail_next)
}

#[tokio::test]
async fn stale_members_decide_only_during_a_failure_for_a_limited_time_and_are_recorded() {
    for (failure, later) in [
        (StoreErrorKind::Throttled, ErrorCode::RateLimited),
        (StoreErrorKind::Unavailable, ErrorCode::StoreUnavailable),
    ] {
        let (world, _, fail_next) = failing(failure).await;
        assert!(!world.decisions().pop().unwrap().policy_stale);
        for _ in 0..9 {
            world.clock.advance(30);
            fail_next();
            assert_eq!(code(&world, "alice", "production").await, None);
            assert!(world.decisions().pop().unwrap().policy_stale);
        }
        world.clock.advance(30);
        fail_next();
        assert_eq!(code(&world, "alice", "production").await, Some(later));
        // The main document could be read, and allows this profile to every caller.
        fail_next();
        assert_eq!(code(&world, "alice", "sandbox").await, Some(later));
    }
}

#[tokio::test]
async fn a_negative_answer_overrides_earlier_members() {
    for failure in [StoreErrorKind::Refused, StoreErrorKind::Corrupt] {
        let (world, _, fail_next) = failing(failure).await;
        world.clock.advance(30);
        fail_next();
        assert_eq!(code(&world, "alice", "production").await, ERROR);
    }
    let (world, _, fail_next) = failing(StoreErrorKind::NotFound).await;
    world.clock.advance(30);
    fail_next();
    assert_eq!(code(&world, "alice", "production").await, DENIED);
    assert!(!world.decisions().pop().unwrap().policy_stale);
}

#[tokio::test]
async fn concurrent_requests_share_one_read_of_the_members_of_each_group() {
    let faults = Faults::new();
    let delay = Duration::from_millis(20);
    faults.delay(CallSelector::Operation(StoreOperation::Policy), Phase::Before, delay);
    let main = MAIN.replace("[oncall]", "[oncall, leads]");
    let world = World::with(&main, Plan { hook: faults.clone(), ..Plan::default() });
    world.put_members("oncall", "[alice]");
    world.put_members("leads", "[alice]");
    let vends = join_all((0..20).map(|_| world.vend("alice", "production"))).await;
    assert!(vends.iter().all(Result::is_ok));
    assert_eq!(reads(&faults), 3);
    world.vend("alice", "production").await.unwrap();
    assert_eq!(reads(&faults), 3);
}

/// A main document with that number of groups.
fn many(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|number| format!("g{number}")).collect();
    MAIN.replace("[oncall]", &format!("[oncall, {}]", names.join(", ")))
}

#[tokio::test(start_paused = true)]
async fn the_members_of_ten_groups_are_read_at_a_time() {
    let faults = Faults::new();
    let delay = Duration::from_secs(1);
    faults.delay(CallSelector::Operation(StoreOperation::Policy), Phase::Before, delay);
    let world = World::with(&many(49), Plan { hook: faults.clone(), ..Plan::default() });
    world.put_members("oncall", "[alice]");
    let begun = tokio::time::Instant::now();
    world.vend("alice", "production").await.unwrap();
    assert_eq!(reads(&faults), 51);
    assert_eq!(begun.elapsed().as_secs(), 6);
}

#[tokio::test]
async fn a_main_document_with_more_than_fifty_groups_is_unusable_and_reads_none_of_them() {
    let (logged, _guard) = Logged::new();
    let faults = Faults::new();
    let world = World::with(&many(50), Plan { hook: faults.clone(), ..Plan::default() });
    world.put_members("oncall", "[alice]");
    for _ in 0..3 {
        assert_eq!(code(&world, "alice", "production").await, ERROR);
    }
    assert_eq!(reads(&faults), 1);
    assert_eq!(logged.count("`groups_from` has 51 names, and the maximum is 50"), 1);
}

#[tokio::test]
async fn an_unusable_main_document_is_an_error_for_the_members_of_its_groups() {
    let device = "{ profiles: [vault], device: { require_mdm: true } }";
    let main = MAIN
        .replace("  - { name: open, effect: allow, conditions: { profiles: [sandbox] } }\n", "")
        .replace("{ profiles: [staging] }", device);
    let world = World::new(&main);
    world.put_members("oncall", "[alice]");
    assert_eq!(code(&world, "alice", "production").await, ERROR);
    assert_eq!(code(&world, "mallory", "production").await, DENIED);
}

#[tokio::test]
async fn a_profile_can_be_named_like_the_folder_of_the_members() {
    let world = World::new(MAIN);
    world.put("groups", OWN);
    world.put_members("oncall", "[alice]");
    assert_eq!(code(&world, "alice", "groups").await, None);
    assert_eq!(code(&world, "alice", "production").await, None);
    // Members are no document of a profile.
    assert_eq!(code(&world, "alice", "oncall").await, DENIED);
}

#[tokio::test]
async fn the_own_document_of_a_profile_cannot_use_the_groups() {
    let world = World::new(MAIN);
    world.put_members("oncall", "[alice]");
    world.put("own", &MAIN.replace("production", "own"));
    assert_eq!(code(&world, "alice", "own").await, DENIED);
    world.put(
        "own2",
        "version: \"1\"\ngroups_from: [oncall]\nrules: [{ name: a, effect: allow }]\n",
    );
    world.clock.advance(30);
    assert_eq!(code(&world, "alice", "own2").await, ERROR);
}
