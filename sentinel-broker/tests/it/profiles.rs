//! The profiles that a caller sees.

use std::time::Duration;

use sentinel_broker::ErrorCode;
use sentinel_store::conformance::{CallSelector, Faults, Phase, StoreErrorKind, StoreOperation};

use crate::world::{Plan, World, call};

const MAIN: &str = r#"
version: "1"
rules:
  - { name: never, effect: deny, conditions: { users: [mallory] } }
  - { name: prod, effect: allow, conditions: { profiles: [production], users: [alice] } }
  - { name: stage, effect: require_approval, conditions: { profiles: [staging] } }
"#;

async fn names(world: &World, user: &str) -> Vec<(String, String)> {
    let list = world.broker.profiles(&call(), &world.caller(user)).await.unwrap();
    assert_eq!(list.root, "/sentinel/policies");
    list.profiles.into_iter().map(|profile| (profile.name, profile.policy_path)).collect()
}

#[tokio::test]
async fn a_caller_sees_the_profiles_available_under_some_circumstance() {
    let world = World::new(MAIN);
    world.put("dev", "version: \"1\"\nrules: [{ name: all, effect: allow }]\n");
    world.put("broken", "rules: [");
    let main = "/sentinel/policies/main".to_owned();
    let dev = ("dev".to_owned(), "/sentinel/policies/dev".to_owned());
    assert_eq!(
        names(&world, "alice").await,
        [
            dev.clone(),
            ("production".to_owned(), main.clone()),
            ("staging".to_owned(), main.clone())
        ]
    );
    assert_eq!(names(&world, "bob").await, [dev.clone(), ("staging".to_owned(), main)]);
    assert_eq!(names(&world, "mallory").await, [dev]);
}

const OPEN: &str = "version: \"1\"\nrules: [{ name: all, effect: allow }]\n";

/// The number of single reads of documents, and the number of lists.
fn reads(faults: &Faults) -> (usize, usize) {
    let calls = faults.calls();
    let count = |wanted| calls.iter().filter(|operation| **operation == wanted).count();
    (count(StoreOperation::Policy), count(StoreOperation::List))
}

#[tokio::test]
async fn a_list_of_profiles_reads_no_document_that_was_listed_with_its_text() {
    let faults = Faults::new();
    let world = World::with(MAIN, Plan { hook: faults.clone(), ..Plan::default() });
    for number in 0..30 {
        world.put(&format!("p{number}"), OPEN);
    }
    assert_eq!(names(&world, "mallory").await.len(), 30);
    // The main document alone.
    assert_eq!(reads(&faults), (1, 1));
    // Within the TTL nothing is read. After it, the same calls are made.
    world.clock.advance(29);
    assert_eq!(names(&world, "alice").await.len(), 32);
    assert_eq!(reads(&faults), (1, 1));
    world.clock.advance(1);
    assert_eq!(names(&world, "alice").await.len(), 32);
    assert_eq!(reads(&faults), (2, 2));
}

#[tokio::test]
async fn a_listed_document_is_as_old_as_the_list() {
    let faults = Faults::new();
    let world = World::with(MAIN, Plan { hook: faults.clone(), ..Plan::default() });
    world.put("own", OPEN);
    world.put("other", OPEN);
    // Lists both documents, and uses one.
    world.vend("bob", "own").await.unwrap();
    world.clock.advance(20);
    world.put("other", &OPEN.replace("allow", "deny"));
    // The copy of the other one is 20 seconds old, and the TTL is 30.
    world.vend("bob", "other").await.unwrap();
    assert_eq!(reads(&faults), (1, 1));
    world.clock.advance(10);
    world.vend("bob", "other").await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_listed_text_replaces_no_copy_that_was_read_after_the_list_began() {
    let faults = Faults::new();
    faults.delay(
        CallSelector::Operation(StoreOperation::List),
        Phase::After,
        Duration::from_secs(1),
    );
    let mut plan = Plan { hook: faults.clone(), ..Plan::default() };
    plan.settings.policy_cache_ttl = Duration::from_secs(1);
    let world = World::with(MAIN, plan);
    let (call, alice) = (call(), world.caller("alice"));
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.clock.advance(2);
        world.put("main", &MAIN.replace("users: [alice]", "users: [bob]"));
        assert_eq!(
            world.vend("alice", "production").await.unwrap_err().code,
            ErrorCode::PolicyDeny
        );
    };
    // The list contains the main document as it was before it was changed.
    let (list, ()) = tokio::join!(world.broker.profiles(&call, &alice), meanwhile);
    list.unwrap();
    faults.fail(
        CallSelector::Operation(StoreOperation::Policy),
        Phase::Before,
        StoreErrorKind::Unavailable,
    );
    world.clock.advance(2);
    let denial = world.vend("alice", "production").await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::PolicyDeny);
    assert!(world.decisions().pop().unwrap().policy_stale);
}
