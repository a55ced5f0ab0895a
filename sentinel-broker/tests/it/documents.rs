//! Which document governs a profile, and how old a copy may be.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use sentinel_broker::ErrorCode;
use sentinel_store::PolicyPath;
use sentinel_store::conformance::{CallSelector, Faults, Phase, StoreErrorKind, StoreOperation};

use crate::world::{ALICE, Plan, ROOT, World};

const OPEN: &str = "version: \"1\"\nrules: [{ name: all, effect: allow }]\n";
const SHUT: &str = "version: \"1\"\nrules: [{ name: none, effect: deny }]\n";

async fn code(world: &World, user: &str, profile: &str) -> Option<ErrorCode> {
    world.vend(user, profile).await.err().map(|denial| denial.code)
}

#[tokio::test]
async fn the_main_document_governs_its_own_name_and_the_profiles_it_describes_or_names() {
    let main = r#"
version: "1"
profiles: { described: {} }
rules:
  - { name: named, effect: allow, conditions: { profiles: [named, "pattern-*"] } }
  - { name: deny, effect: deny, conditions: { profiles: [denied] } }
  - { name: unless, effect: allow, conditions: { users: [alice] }, unless: { profiles: [other] } }
"#;
    let world = World::new(main);
    for name in ["main", "described", "named", "pattern-x", "denied", "other"] {
        world.put(name, if name == "main" { main } else { SHUT });
    }
    // Governed by the main document, which allows; their own documents deny.
    for profile in ["main", "described", "named"] {
        assert_eq!(code(&world, "alice", profile).await, None, "{profile}");
    }
    // Named by a pattern, by a deny or under `unless` only: their own documents.
    for profile in ["pattern-x", "denied", "other"] {
        assert_eq!(code(&world, "alice", profile).await, Some(ErrorCode::PolicyDeny), "{profile}");
    }
}

#[tokio::test]
async fn an_unusable_document_vends_none_of_its_profiles() {
    for unusable in [
        "rules: [",
        "version: \"2\"\nrules: []\n",
        // The document of a single profile may contain neither a role nor operators.
        "version: \"1\"\nprofiles: { own: { role_arn: \"arn:aws:iam::111122223333:role/x\" } }\nrules: [{ name: a, effect: allow }]\n",
        "version: \"1\"\nrules: [{ name: a, effect: allow }]\noperators: [{ name: o, users: [alice], may: [revoke] }]\n",
        // Without device facts a deny on a device would apply to no caller.
        "version: \"1\"\nrules: [{ name: a, effect: deny, conditions: { device: { require_mdm: true } } }, { name: b, effect: allow }]\n",
    ] {
        let world = World::new(ALICE);
        world.put("own", unusable);
        assert_eq!(code(&world, "alice", "own").await, Some(ErrorCode::PolicyError), "{unusable}");
        assert_eq!(code(&world, "alice", "production").await, None);
    }
    let world = World::new("rules: [");
    world.put("own", OPEN);
    assert_eq!(code(&world, "alice", "own").await, Some(ErrorCode::PolicyError));
}

/// The log of this thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logged(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Logged {
    /// The log from now until the guard is dropped.
    pub(crate) fn new() -> (Self, tracing::subscriber::DefaultGuard) {
        let logged = Self::default();
        let writer = logged.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        (logged, tracing::subscriber::set_default(subscriber.finish()))
    }

    pub(crate) fn count(&self, text: &str) -> usize {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().matches(text).count()
    }
}

#[tokio::test]
async fn the_warnings_of_a_document_are_logged_once_for_each_version() {
    let (logged, _guard) = Logged::new();
    let doubtful = "  - { name: sdk, effect: deny, conditions: { mode: [credential_process] } }\n";
    let main = ALICE.replace("rules:\n", &format!("rules:\n{doubtful}"));
    let world = World::new(&main);
    for _ in 0..3 {
        world.vend("alice", "production").await.unwrap();
        world.clock.advance(3_600);
    }
    assert_eq!(logged.count("warning[not-in-server]: the rule `sdk` never matches"), 1);
    world.put("main", &format!("{main}# changed\n"));
    world.vend("alice", "production").await.unwrap();
    assert_eq!(logged.count("warning[not-in-server]"), 2);
}

#[tokio::test]
async fn without_a_main_document_no_credentials_are_vended_unless_none_is_required() {
    for (required, expected) in [(true, Some(ErrorCode::PolicyError)), (false, None)] {
        let mut plan = Plan::default();
        plan.settings.main_document_required = required;
        let world = World::with(ALICE, plan);
        world.policies.remove(&PolicyPath::new(ROOT).join("main"));
        world.put("own", OPEN);
        assert_eq!(code(&world, "alice", "own").await, expected);
    }
}

/// A world with a warm cache, whose policy store then fails in that way.
async fn failing(plan: Plan, faults: &Arc<Faults>, failure: StoreErrorKind) -> World {
    let world = World::with(ALICE, Plan { hook: faults.clone(), ..plan });
    world.vend("alice", "production").await.unwrap();
    faults.fail(CallSelector::Operation(StoreOperation::Policy), Phase::Before, failure);
    world
}

#[tokio::test]
async fn a_stale_copy_decides_only_during_a_failure_for_a_limited_time_and_is_recorded() {
    for (failure, later) in [
        (StoreErrorKind::Throttled, ErrorCode::RateLimited),
        (StoreErrorKind::Unavailable, ErrorCode::StoreUnavailable),
    ] {
        let faults = Faults::new();
        let world = failing(Plan::default(), &faults, failure).await;
        world.clock.advance(29);
        assert_eq!(code(&world, "alice", "production").await, None);
        assert!(!world.decisions().pop().unwrap().policy_stale);
        world.clock.advance(1);
        assert_eq!(code(&world, "alice", "production").await, None);
        assert!(world.decisions().pop().unwrap().policy_stale);
        world.clock.advance(269);
        assert_eq!(code(&world, "alice", "production").await, None);
        world.clock.advance(1);
        assert_eq!(code(&world, "alice", "production").await, Some(later));
    }
}

#[tokio::test]
async fn a_store_that_refuses_overrides_any_copy() {
    for failure in [StoreErrorKind::Refused, StoreErrorKind::Corrupt, StoreErrorKind::NotFound] {
        let faults = Faults::new();
        let world = failing(Plan::default(), &faults, failure).await;
        world.clock.advance(31);
        assert_eq!(code(&world, "alice", "production").await, Some(ErrorCode::PolicyError));
    }
}

#[tokio::test]
async fn stale_copies_can_be_disabled() {
    let faults = Faults::new();
    let mut plan = Plan::default();
    plan.settings.policy_max_age = Duration::ZERO;
    let world = failing(plan, &faults, StoreErrorKind::Unavailable).await;
    world.clock.advance(31);
    assert_eq!(code(&world, "alice", "production").await, Some(ErrorCode::StoreUnavailable));
}

#[tokio::test]
async fn a_copy_is_not_fresh_after_the_clock_was_set_back() {
    let faults = Faults::new();
    let world = failing(Plan::default(), &faults, StoreErrorKind::Unavailable).await;
    world.clock.advance(-3600);
    assert_eq!(code(&world, "alice", "production").await, Some(ErrorCode::StoreUnavailable));
}

#[tokio::test]
async fn a_change_is_in_force_after_the_ttl() {
    let world = World::new(ALICE);
    assert_eq!(code(&world, "bob", "production").await, Some(ErrorCode::PolicyDeny));
    world.put("main", &ALICE.replace("alice", "bob"));
    assert_eq!(code(&world, "bob", "production").await, Some(ErrorCode::PolicyDeny));
    world.clock.advance(30);
    assert_eq!(code(&world, "bob", "production").await, None);
}

#[tokio::test]
async fn concurrent_requests_share_one_read_of_each_document() {
    let faults = Faults::new();
    faults.delay(
        CallSelector::Operation(StoreOperation::Policy),
        Phase::Before,
        Duration::from_millis(20),
    );
    let plan = Plan { hook: faults.clone(), ..Plan::default() };
    let world = World::with(ALICE, plan);
    world.put("staging", OPEN);
    let vends = (0..40).map(|n| {
        let profile = if n % 2 == 0 { "production" } else { "staging" };
        world.vend("alice", profile)
    });
    assert!(join_all(vends).await.iter().all(Result::is_ok));
    let calls = faults.calls();
    let count = |wanted| calls.iter().filter(|operation| **operation == wanted).count();
    // The list contains the other document.
    assert_eq!((count(StoreOperation::Policy), count(StoreOperation::List)), (1, 1));
}

#[tokio::test]
async fn an_unknown_name_causes_no_read() {
    let faults = Faults::new();
    let world = World::with(ALICE, Plan { hook: faults.clone(), ..Plan::default() });
    for n in 0..20 {
        assert_eq!(code(&world, "alice", &format!("guess-{n}")).await, Some(ErrorCode::PolicyDeny));
    }
    let calls = faults.calls();
    let count = |wanted| calls.iter().filter(|operation| **operation == wanted).count();
    assert_eq!((count(StoreOperation::Policy), count(StoreOperation::List)), (1, 1));
}

#[tokio::test]
async fn a_decision_is_stale_when_the_choice_of_its_document_was_stale() {
    let faults = Faults::new();
    let world = World::with(ALICE, Plan { hook: faults.clone(), ..Plan::default() });
    world.put("own", OPEN);
    world.vend("alice", "own").await.unwrap();
    world.clock.advance(31);
    faults.fail(
        CallSelector::Operation(StoreOperation::List),
        Phase::Before,
        StoreErrorKind::Throttled,
    );
    world.vend("alice", "own").await.unwrap();
    assert!(world.decisions().pop().unwrap().policy_stale);
}

/// Documents that cannot be used, and that allow `own` to alice and nothing to mallory.
const UNUSABLE: [&str; 3] = [
    "version: \"1\"\nprofiles: { own: { role_arn: \"arn:aws:iam::111122223333:role/x\" } }\nrules: \
     [{ name: a, effect: allow, conditions: { users: [alice] } }]\n",
    "version: \"1\"\nrules: [{ name: a, effect: allow, conditions: { users: [alice] } }]\n\
     operators: [{ name: o, users: [mallory], may: [revoke] }]\n",
    "version: \"1\"\nrules: [{ name: a, effect: require_approval, conditions: { users: [alice], \
     device: { require_mdm: true } } }]\n",
];

#[tokio::test]
async fn an_unusable_document_does_not_reveal_that_it_exists() {
    for unusable in UNUSABLE {
        let world = World::new(ALICE);
        world.put("own", unusable);
        let nowhere = world.vend("mallory", "nowhere").await.unwrap_err();
        assert_eq!(nowhere.code, ErrorCode::PolicyDeny);
        assert_eq!(world.vend("mallory", "own").await.unwrap_err(), nowhere, "{unusable}");
        assert_eq!(world.decisions().pop().unwrap().code, "POLICY_DENY");
        // A caller that a rule could allow must see that the document is invalid.
        assert_eq!(code(&world, "alice", "own").await, Some(ErrorCode::PolicyError), "{unusable}");
    }
}

#[tokio::test]
async fn the_role_of_another_profile_does_not_reveal_that_a_document_exists() {
    let world = World::new(
        "version: \"1\"\nprofiles: { a: { role_arn: \
         \"arn:aws:iam::111122223333:role/SentinelProtected-own\" } }\nrules: [{ name: no, effect: deny }]\n",
    );
    world.put("own", &OPEN.replace("allow", "allow, conditions: { users: [alice] }"));
    let nowhere = world.vend("mallory", "nowhere").await.unwrap_err();
    assert_eq!(world.vend("mallory", "own").await.unwrap_err(), nowhere);
    assert_eq!(code(&world, "alice", "own").await, Some(ErrorCode::PolicyError));
}

#[tokio::test]
async fn an_unusable_main_document_reveals_no_profiles_of_other_callers() {
    // Conditions on devices, about which the server has no facts.
    let main = "version: \"1\"\nrules:\n  - { name: a, effect: require_approval, conditions: { \
                profiles: [production], users: [alice], device: { require_mdm: true } } }\n";
    let world = World::new(main);
    world.put("own", &OPEN.replace("allow", "allow, conditions: { users: [alice] }"));
    for (user, profile, expected) in [
        ("alice", "production", ErrorCode::PolicyError),
        ("alice", "own", ErrorCode::PolicyError),
        ("alice", "nowhere", ErrorCode::PolicyDeny),
        ("mallory", "production", ErrorCode::PolicyDeny),
        ("mallory", "own", ErrorCode::PolicyDeny),
        ("mallory", "nowhere", ErrorCode::PolicyDeny),
    ] {
        assert_eq!(code(&world, user, profile).await, Some(expected), "{user} {profile}");
    }
}

#[tokio::test]
async fn a_document_that_is_not_a_policy_is_an_error_for_every_caller() {
    let world = World::new(ALICE);
    world.put("own", "rules: [");
    for user in ["alice", "mallory"] {
        assert_eq!(code(&world, user, "own").await, Some(ErrorCode::PolicyError), "{user}");
    }
}
