//! What a refusal states as the next step: when a window opens, and whether the caller can break glass.
//! Nothing in it depends on another caller.

use sentinel_broker::{Denial, ErrorCode};

use crate::people::{plan, world};
use crate::world::{Plan, World};

/// The clock shows Monday, 2026-03-02, 10:00 in UTC.
const WINDOWS: &str = r#"
version: "1"
rules:
  - { name: left-the-company, effect: deny, conditions: { users: [mallory] } }
  - name: nights
    effect: allow
    conditions:
      profiles: [night]
      users: [alice, mallory]
      time: { hours: { start: "22:00", end: "06:00" }, timezone: Europe/Berlin }
  - name: weekend
    effect: require_approval
    conditions: { profiles: [weekend, unapproved], users: [alice], time: { days: [saturday] } }
  - name: tomorrow
    effect: require_approval
    conditions: { profiles: [tomorrow], users: [alice], time: { days: [tuesday] } }
  - name: elsewhere
    effect: allow
    conditions: { profiles: [elsewhere], source_ip: [198.51.100.0/24], time: { days: [tuesday] } }
approvals:
  - { name: leads, profiles: [weekend, tomorrow], approvers: [bob], deadline: 24h }
"#;

async fn refused(world: &World, user: &str, profile: &str) -> Denial {
    world.vend(user, profile).await.unwrap_err()
}

#[tokio::test]
async fn a_denial_names_the_time_at_which_a_window_opens_if_the_time_is_the_only_reason() {
    let world = world(WINDOWS);
    let denial = refused(&world, "alice", "night").await;
    assert_eq!(denial.code, ErrorCode::PolicyDeny);
    assert!(denial.message.contains("it allows it at 2026-03-02T21:00:00Z"), "{denial}");
    assert!(!denial.message.contains("nights"), "{denial}");
    // It is right: denied one second before, and allowed then.
    world.clock.advance(11 * 3600 - 1);
    let before = refused(&world, "alice", "night").await;
    assert!(before.message.contains("2026-03-02T21:00:00Z"), "{before}");
    world.clock.advance(1);
    world.vend("alice", "night").await.unwrap();
}

#[tokio::test]
async fn a_denial_names_the_next_time_at_which_an_approval_can_allow_it() {
    let world = world(WINDOWS);
    let near = refused(&world, "alice", "tomorrow").await.message;
    assert!(near.contains("at 2026-03-03T00:00:00Z with an approval"), "{near}");
    assert!(near.contains("`not_before`; the approvals rule `leads` decides"), "{near}");
    // A request for a time after the deadline would be refused.
    let far = refused(&world, "alice", "weekend").await.message;
    assert!(far.contains("2026-03-07T00:00:00Z") && !far.contains("not_before"), "{far}");
    for message in [near, far] {
        assert!(!message.contains("bob"), "{message}");
    }
    // Without a rule that decides, no person can approve it.
    let unapproved = refused(&world, "alice", "unapproved").await;
    assert_eq!(unapproved, refused(&world, "alice", "unheard-of").await);
}

#[tokio::test]
async fn a_denial_names_no_window_of_others_and_none_that_another_condition_closes() {
    let world = world(WINDOWS);
    let unknown = refused(&world, "bob", "unheard-of").await;
    for (user, profile) in
        [("bob", "night"), ("bob", "weekend"), ("mallory", "night"), ("alice", "elsewhere")]
    {
        assert_eq!(refused(&world, user, profile).await, unknown, "{user} {profile}");
    }
}

const EMERGENCIES: &str = r#"
version: "1"
rules:
  - { name: ask, effect: require_approval, conditions: { profiles: [production], users: [alice, bob] } }
  - { name: sealed, effect: allow, conditions: { profiles: [vault, closed], users: [unknown] } }
approvals:
  - { name: leads, profiles: [production], approvers: [dave] }
break_glass:
  - { name: approvals, profiles: [production], users: [alice], reason_codes: [incident, security] }
  - { name: denials, profiles: [vault], users: [alice], reason_codes: [incident], overrides_deny: true }
  - { name: useless, profiles: [closed], users: [alice], reason_codes: [incident] }
"#;

#[tokio::test]
async fn a_refusal_names_break_glass_only_if_a_grant_of_the_caller_would_change_it() {
    let world = world(EMERGENCIES);
    let own = refused(&world, "alice", "production").await;
    assert_eq!(own.code, ErrorCode::ApprovalRequired);
    let emergency = "(`sentinel break-glass open`) and a reason code, `incident` or `security`";
    assert!(own.message.contains("`leads`") && own.message.contains(emergency), "{own}");
    let denied = refused(&world, "alice", "vault").await;
    assert_eq!(denied.code, ErrorCode::PolicyDeny);
    assert!(denied.message.contains("and the reason code `incident`"), "{denied}");
    let others = refused(&world, "bob", "production").await;
    assert!(!others.message.contains("break-glass"), "{others}");
    let unknown = refused(&world, "bob", "unheard-of").await;
    assert_eq!(refused(&world, "bob", "vault").await, unknown);
    assert_eq!(refused(&world, "alice", "closed").await, unknown);
    // Nor if grants cannot be opened at all.
    let none = World::with(EMERGENCIES, Plan { grants: false, ..plan() });
    assert_eq!(refused(&none, "alice", "vault").await, unknown);
}
