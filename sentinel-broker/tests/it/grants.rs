//! Opening, closing, reviewing and listing grants, and vends by them.

use std::num::NonZeroUsize;
use std::time::Duration;

use chrono::TimeDelta;
use sentinel_broker::{ErrorCode, GrantView, ListGrants, OpenGrant, OperatorArn, parse_user};
use sentinel_policy::ReasonCode;
use sentinel_store::conformance::{CallSelector, Faults, Phase, StoreOperation};
use sentinel_store::{Clock, Cursor, EventKind, GrantId, GrantState, GrantStore};

use crate::people::{ASK, WHY, code, plan, profile, world};
use crate::world::{LISTED_ROLE, OTHER_ACCOUNT, Plan, World, call};

const FORBIDDEN: Option<ErrorCode> = Some(ErrorCode::Forbidden);
const CONFLICT: Option<ErrorCode> = Some(ErrorCode::Conflict);
const NOT_FOUND: Option<ErrorCode> = Some(ErrorCode::NotFound);
const DENIED: Option<ErrorCode> = Some(ErrorCode::PolicyDeny);
const COOLDOWN: Option<ErrorCode> = Some(ErrorCode::Cooldown);
const QUOTA: Option<ErrorCode> = Some(ErrorCode::QuotaExceeded);

/// A main document in which alice and bob break glass, with more keys in their rule.
fn rule(more: &str) -> String {
    format!(
        "{ASK}break_glass:\n  - name: incident\n    profiles: [\"*\"]\n    users: [alice, bob]\n    \
         reason_codes: [incident, security]\n{more}"
    )
}

fn open(name: &str) -> OpenGrant {
    OpenGrant::new(profile(name), ReasonCode::Incident, WHY)
}

// Opening.

#[tokio::test]
async fn a_grant_is_open_immediately_for_the_length_of_its_rule() {
    let world = world(&rule("    max_duration: 20m\n"));
    assert_eq!(code(&world.vend("alice", "production").await), Some(ErrorCode::ApprovalRequired));
    let grant = world.open("alice", "production").await.unwrap();
    assert_eq!((grant.state, grant.rule.as_str()), (GrantState::Active, "incident"));
    assert_eq!(grant.expires, world.clock.now() + TimeDelta::minutes(20));
    assert_eq!((grant.reason_code.as_str(), grant.justification.as_str()), ("incident", WHY));
    let vended = world.vend("alice", "production").await.unwrap();
    assert_eq!(vended.credentials.expiration, grant.expires);
    assert_eq!(world.issuer.requests()[0].end, Some(grant.expires));
    world.clock.advance(20 * 60);
    assert_eq!(code(&world.vend("alice", "production").await), Some(ErrorCode::ApprovalRequired));
}

#[tokio::test]
async fn only_the_callers_profiles_and_reason_codes_of_a_rule_break_glass() {
    let world = world(&rule("").replace("[\"*\"]", "[production]"));
    for user in ["erin", "Alice", "ci/alice"] {
        assert_eq!(code(&world.open(user, "production").await), DENIED, "{user}");
    }
    for name in ["staging", "unknown"] {
        assert_eq!(code(&world.open("alice", name).await), DENIED, "{name}");
    }
    for reason in ReasonCode::ALL {
        let named = [ReasonCode::Incident, ReasonCode::Security].contains(&reason);
        let expected = if named { None } else { DENIED };
        let open = OpenGrant::new(profile("production"), reason, WHY);
        assert_eq!(code(&world.open_for("alice", &open).await), expected, "{reason:?}");
    }
}

#[tokio::test]
async fn a_justification_has_20_to_1000_characters() {
    let world = world(&rule(""));
    for (length, expected) in [(19, true), (20, false), (1000, false), (1001, true)] {
        // Characters of two bytes.
        let open = OpenGrant::new(profile("production"), ReasonCode::Incident, "é".repeat(length));
        let refused = code(&world.open_for("alice", &open).await);
        assert_eq!(refused, expected.then_some(ErrorCode::InvalidRequest), "{length}");
    }
}

#[tokio::test]
async fn ten_characters_of_a_justification_are_visible() {
    let world = world(&rule(""));
    for (visible, filler, expected) in
        [(9, " ", true), (9, "\u{200b}", true), (10, "\u{3164}", false)]
    {
        let text = format!("{}{}", "x".repeat(visible), filler.repeat(20));
        let open = OpenGrant::new(profile("production"), ReasonCode::Incident, text);
        let refused = code(&world.open_for("alice", &open).await);
        assert_eq!(refused, expected.then_some(ErrorCode::InvalidRequest), "{visible} {filler:?}");
    }
}

#[tokio::test]
async fn the_requested_length_is_at_most_that_of_the_rule_and_not_zero() {
    let world = world(&rule("    max_duration: 20m\n"));
    for (seconds, expected) in [(1201, true), (0, true), (1200, false), (60, false)] {
        let open = open("production").with_duration(Duration::from_secs(seconds));
        let opened = world.open_for("alice", &open).await;
        assert_eq!(code(&opened), expected.then_some(ErrorCode::InvalidDuration), "{seconds}");
        if let Ok(grant) = opened {
            assert_eq!(grant.expires - grant.created, TimeDelta::seconds(seconds as i64));
        }
    }
}

#[tokio::test]
async fn a_revoked_caller_opens_no_grant_and_the_attempt_is_recorded() {
    let world = world(&rule(""));
    world.revoke_user("alice").await;
    let refused = world.open("alice", "production").await;
    assert_eq!(code(&refused), Some(ErrorCode::SessionRevoked));
    let event = world.events().pop().unwrap();
    assert_eq!(event.event, EventKind::BreakGlassRefused);
    assert_eq!(event.code.as_deref(), Some("SESSION_REVOKED"));
}

#[tokio::test]
async fn a_grant_does_not_open_a_gate() {
    let world = world(&rule("    overrides_deny: true\n"));
    world.open("alice", "production").await.unwrap();
    world.revoke_user("alice").await;
    let refused = world.vend("alice", "production").await;
    assert_eq!(code(&refused), Some(ErrorCode::SessionRevoked));
}

#[tokio::test]
async fn without_a_grant_store_grants_are_not_found_and_the_message_names_the_variable() {
    let world = World::with(&rule(""), Plan { grants: false, ..plan() });
    let denial = world.open("alice", "production").await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::NotFound);
    assert!(denial.message.contains("SENTINEL_BREAKGLASS_TABLE"));
    assert_eq!(code(&world.vend("alice", "production").await), Some(ErrorCode::ApprovalRequired));
}

// Limits.

#[tokio::test]
async fn a_cooldown_counts_from_the_opening_also_of_a_closed_grant() {
    let world = world(&rule("    cooldown: 30m\n"));
    let first = world.open("alice", "production").await.unwrap();
    world.close("alice", first.id).await.unwrap();
    world.clock.advance(1799);
    let denial = world.open("alice", "staging").await.unwrap_err();
    assert_eq!((denial.code, denial.retry_after), (ErrorCode::Cooldown, Some(1)));
    // Each caller has a separate cooldown.
    world.open("bob", "production").await.unwrap();
    world.clock.advance(1);
    world.open("alice", "staging").await.unwrap();
}

#[tokio::test]
async fn a_cooldown_is_of_the_caller_key() {
    let world =
        world(&rule("    cooldown: 30m\n").replace("[alice, bob]", "[alice, Alice, ALICE]"));
    world.open("alice", "production").await.unwrap();
    let elsewhere = format!("arn:aws:iam::{OTHER_ACCOUNT}:user/alice");
    for other in ["ALICE", &format!("{LISTED_ROLE}/Alice"), &elsewhere] {
        assert_eq!(code(&world.open(other, "production").await), COOLDOWN, "{other}");
    }
}

#[tokio::test]
async fn a_quota_slides_and_counts_closed_grants() {
    let world = world(&rule("    quota: { count: 2, per: 1h }\n"));
    let first = world.open("alice", "production").await.unwrap();
    world.close("alice", first.id).await.unwrap();
    world.clock.advance(1200);
    world.open("alice", "production").await.unwrap();
    world.clock.advance(1200);
    let denial = world.open("alice", "staging").await.unwrap_err();
    assert_eq!((denial.code, denial.retry_after), (ErrorCode::QuotaExceeded, Some(1200)));
    world.clock.advance(1199);
    assert_eq!(code(&world.open("alice", "production").await), QUOTA);
    world.clock.advance(1);
    world.open("alice", "production").await.unwrap();
    assert_eq!(code(&world.open("alice", "production").await), QUOTA);
}

#[tokio::test]
async fn a_quota_per_profile_counts_all_callers_together() {
    let world = world(&rule("    quota_per_profile: { count: 2, per: 1h }\n"));
    world.open("alice", "production").await.unwrap();
    world.open("bob", "production").await.unwrap();
    for user in ["alice", "bob"] {
        assert_eq!(code(&world.open(user, "production").await), QUOTA, "{user}");
        world.open(user, "staging").await.unwrap();
    }
}

#[tokio::test]
async fn a_refused_opening_is_not_counted() {
    let world = world(&rule("    quota: { count: 1, per: 1h }\n"));
    assert_eq!(
        code(
            &world
                .open_for("alice", &OpenGrant::new(profile("production"), ReasonCode::Other, WHY))
                .await
        ),
        DENIED
    );
    world.open("alice", "production").await.unwrap();
    world.clock.advance(3599);
    assert_eq!(code(&world.open("alice", "production").await), QUOTA);
    world.clock.advance(1);
    world.open("alice", "production").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_twenty_concurrent_openings_exactly_the_quota_is_open() {
    for (limit, expected) in [("    quota: { count: 3, per: 1h }\n", 3), ("    cooldown: 1m\n", 1)]
    {
        let world = std::sync::Arc::new(world(&rule(limit)));
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let world = std::sync::Arc::clone(&world);
                tokio::spawn(async move { world.open("alice", "production").await })
            })
            .collect();
        let mut opened = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => opened += 1,
                Err(denial) => {
                    assert!([QUOTA, COOLDOWN].contains(&Some(denial.code)), "{denial}");
                    assert!(denial.retry_after.is_some());
                }
            }
        }
        assert_eq!(opened, expected);
        let count = |kind| world.kinds().iter().filter(|it| **it == kind).count();
        assert_eq!(count(EventKind::BreakGlassOpened), expected);
        assert_eq!(count(EventKind::BreakGlassRefused), 20 - expected);
    }
}

// What a grant overrides.

#[tokio::test]
async fn a_grant_overrides_a_deny_only_if_its_rule_allows_it() {
    for (overrides, expected) in [(false, DENIED), (true, None)] {
        let policy = rule(&format!("    overrides_deny: {overrides}\n"));
        // `vault` is denied by a rule. No rule matches `attic`, which the policy names.
        let policy = format!("{policy}profiles:\n  attic: {{ max_duration: 10m }}\n");
        let world = world(&policy);
        for name in ["vault", "attic"] {
            assert_eq!(code(&world.vend("alice", name).await), DENIED, "{name}");
            let grant = world.open("alice", name).await.unwrap();
            assert_eq!(grant.overrides_deny, overrides);
            assert_eq!(code(&world.vend("alice", name).await), expected, "{name} {overrides}");
        }
    }
}

#[tokio::test]
async fn a_grant_that_overrides_a_deny_is_capped_by_the_profile() {
    let policy = rule("    overrides_deny: true\n    max_duration: 1h\n");
    let policy = format!(
        "{policy}profiles:\n  attic: {{ max_duration: 10m }}\n  vault: {{ max_duration: 5m }}\n  production: {{ max_duration: 7m }}\n"
    );
    let world = world(&policy);
    for (name, minutes) in [("attic", 10), ("vault", 5), ("production", 7)] {
        world.open("alice", name).await.unwrap();
        let vended = world.vend("alice", name).await.unwrap();
        let expected = world.clock.now() + TimeDelta::minutes(minutes);
        assert_eq!(vended.credentials.expiration, expected, "{name}");
    }
}

#[tokio::test]
async fn a_grant_never_overrides_a_requirement_of_server_mode_or_a_session() {
    let rules = "rules:\n  - { name: tracked, effect: require_server_session, conditions: { profiles: [ledger] }, session_table: other-table }\n";
    let policy = rule("    overrides_deny: true\n").replace("rules:\n", rules);
    let world = world(&policy);
    world.open("alice", "ledger").await.unwrap();
    assert_eq!(code(&world.vend("alice", "ledger").await), DENIED);
    let record = world.decisions().pop().unwrap();
    assert_eq!((record.rule.as_deref(), record.break_glass), (Some("tracked"), None));
}

#[tokio::test]
async fn a_grant_for_one_profile_caller_or_time_never_serves_another() {
    let world = world(&rule("    max_duration: 20m\n"));
    world.open("alice", "production").await.unwrap();
    let needed = Some(ErrorCode::ApprovalRequired);
    assert_eq!(code(&world.vend("alice", "staging").await), needed);
    for other in ["bob", "erin", "ci/alice"] {
        assert_eq!(code(&world.vend(other, "production").await), needed, "{other}");
    }
    world.clock.advance(1199);
    world.vend("alice", "production").await.unwrap();
    world.clock.advance(1);
    assert_eq!(code(&world.vend("alice", "production").await), needed);
}

// At use.

/// alice opens a grant for `name` under one policy and vends by it under another one.
async fn under(before: &str, after: &str, name: &str) -> Result<i64, ErrorCode> {
    let world = world(before);
    world.open("alice", name).await.unwrap();
    world.vend("alice", name).await.unwrap();
    world.put("main", after);
    let vended = world.vend("alice", name).await.map_err(|denial| denial.code)?;
    Ok((vended.credentials.expiration - world.clock.now()).num_seconds())
}

#[tokio::test]
async fn a_grant_is_judged_by_the_rule_in_force_when_it_is_used() {
    let needed = Err(ErrorCode::ApprovalRequired);
    let policy = rule("    max_duration: 40m\n");
    assert_eq!(under(&policy, &policy, "production").await, Ok(2400));
    // The caller, the reason code, the profile or the whole rule is removed.
    let without = policy.replace("users: [alice, bob]", "users: [bob]");
    assert_eq!(under(&policy, &without, "production").await, needed);
    let without = policy.replace("[incident, security]", "[security]");
    assert_eq!(under(&policy, &without, "production").await, needed);
    let without = policy.replace("[\"*\"]", "[staging]");
    assert_eq!(under(&policy, &without, "production").await, needed);
    assert_eq!(under(&policy, ASK, "production").await, needed);
    // A shorter maximum.
    let shorter = policy.replace("max_duration: 40m", "max_duration: 10m");
    assert_eq!(under(&policy, &shorter, "production").await, Ok(600));
    // A longer one does not make it longer.
    let longer = policy.replace("max_duration: 40m", "max_duration: 50m");
    assert_eq!(under(&policy, &longer, "production").await, Ok(2400));
    // Another role.
    let role = "profiles:\n  production: { role_arn: \"arn:aws:iam::111122223333:role/Other\" }\n";
    assert_eq!(under(&policy, &format!("{policy}{role}"), "production").await, needed);
    // The profile is no longer governed.
    let gone = policy.replace("profiles: [production, staging] } }", "profiles: [staging] } }");
    assert_eq!(under(&policy, &gone, "production").await, Err(ErrorCode::PolicyDeny));
}

#[tokio::test]
async fn a_rule_that_no_longer_overrides_a_deny_is_judged_at_use_and_one_that_does_now_too() {
    let (with, without) = (rule("    overrides_deny: true\n"), rule(""));
    assert_eq!(under(&with, &with, "vault").await, Ok(3600));
    assert_eq!(under(&with, &without, "vault").await, Err(ErrorCode::PolicyDeny));
    let world = world(&without);
    world.open("alice", "vault").await.unwrap();
    world.put("main", &with);
    assert_eq!(code(&world.vend("alice", "vault").await), DENIED);
}

/// Two rules by reason code, each of which overrides a deny or does not.
fn by_reason(incident: bool, security: bool) -> String {
    format!(
        "{ASK}break_glass:\n\
         \x20 - {{ name: i, profiles: [vault], users: [alice], reason_codes: [incident], overrides_deny: {incident} }}\n\
         \x20 - {{ name: s, profiles: [vault], users: [alice], reason_codes: [security], overrides_deny: {security}, max_duration: 10m }}\n"
    )
}

#[tokio::test]
async fn a_grant_overrides_a_deny_only_by_the_rule_of_its_own_reason_code() {
    let world = world(&by_reason(true, false));
    world.open("alice", "vault").await.unwrap();
    world.vend("alice", "vault").await.unwrap();
    world.put("main", &by_reason(false, true));
    assert_eq!(code(&world.vend("alice", "vault").await), DENIED);
}

#[tokio::test]
async fn a_longer_grant_that_overrides_no_deny_does_not_hide_one_that_does() {
    let world = world(&by_reason(false, true));
    world.open("alice", "vault").await.unwrap();
    assert_eq!(code(&world.vend("alice", "vault").await), DENIED);
    let open = OpenGrant::new(profile("vault"), ReasonCode::Security, WHY);
    let grant = world.open_for("alice", &open).await.unwrap();
    let vended = world.vend("alice", "vault").await.unwrap();
    assert_eq!(vended.credentials.expiration, grant.expires);
    assert_eq!(world.decisions().pop().unwrap().break_glass, Some(grant.id.to_string()));
}

// Closing.

#[tokio::test]
async fn holders_and_operators_close_a_grant_and_its_sessions_end() {
    use sentinel_store::{Generation, verify_session};
    for user in ["alice", "carol"] {
        let world = world(&rule(""));
        let grant = world.open("alice", "production").await.unwrap();
        let id = world.vend("alice", "production").await.unwrap().session.unwrap();
        let closed = world.close(user, grant.id).await.unwrap();
        assert_eq!((closed.state, closed.closed.unwrap().by.as_str()), (GrantState::Closed, user));
        let needed = Some(ErrorCode::ApprovalRequired);
        assert_eq!(code(&world.vend("alice", "production").await), needed);
        let check =
            verify_session(&*world.sessions, &id.reveal(), None, Generation(0), &*world.clock)
                .await;
        assert!(check.is_err(), "{user}");
        // The caller is not blocked.
        world.open("alice", "production").await.unwrap();
        world.vend("alice", "production").await.unwrap();
    }
}

#[tokio::test]
async fn a_grant_that_a_caller_may_not_see_is_answered_like_one_that_does_not_exist() {
    let world = world(&rule("    review_within: 1h\n"));
    let grant = world.open("alice", "production").await.unwrap().id;
    let unknown = GrantId::new(parse_user("alice").unwrap().hash(), [7; 10]);
    let mut denials = Vec::new();
    for user in ["bob", "mallory"] {
        for id in [grant, unknown] {
            denials.push(world.close(user, id).await.unwrap_err());
            denials.push(world.review(user, id).await.unwrap_err());
        }
    }
    denials.push(world.close("alice", unknown).await.unwrap_err());
    denials.push(world.close("carol", unknown).await.unwrap_err());
    denials.dedup();
    assert_eq!(denials.len(), 1, "{denials:?}");
    assert_eq!(Some(denials[0].code), NOT_FOUND);
}

#[tokio::test]
async fn an_operator_who_may_only_list_grants_does_not_close_or_review_them() {
    let only = rule("").replace("close_break_glass, review_break_glass", "list_sessions");
    let only = only.replace("list_sessions, revoke,", "revoke,");
    let world = world(&only);
    let grant = world.open("alice", "production").await.unwrap().id;
    assert_eq!(code(&world.close("carol", grant).await), FORBIDDEN);
    let event = world.events().pop().unwrap();
    assert_eq!(event.event, EventKind::OperationRefused);
    assert_eq!((event.break_glass, event.approval), (Some(grant.to_string()), None));
    world.close("alice", grant).await.unwrap();
    assert_eq!(code(&world.review("carol", grant).await), FORBIDDEN);
}

#[tokio::test]
async fn an_expired_grant_cannot_be_closed_and_closing_twice_is_repeated() {
    let world = world(&rule("    max_duration: 20m\n"));
    let closed = world.open("alice", "production").await.unwrap().id;
    let expired = world.open("alice", "production").await.unwrap().id;
    let first = world.close("alice", closed).await.unwrap();
    assert_eq!(world.close("carol", closed).await.unwrap(), first);
    world.clock.advance(1200);
    assert_eq!(code(&world.close("alice", expired).await), CONFLICT);
    assert_eq!(code(&world.close("carol", expired).await), CONFLICT);
}

#[tokio::test]
async fn closing_one_of_two_grants_leaves_the_other_one_usable() {
    let world = world(&rule(""));
    let first = world.open("alice", "production").await.unwrap();
    let second = world.open("alice", "production").await.unwrap();
    world.close("alice", first.id).await.unwrap();
    world.vend("alice", "production").await.unwrap();
    assert_eq!(world.decisions().pop().unwrap().break_glass, Some(second.id.to_string()));
}

// Reviewing.

#[tokio::test]
async fn operators_review_a_grant_when_it_is_over_and_only_once() {
    let world = world(&rule("    max_duration: 20m\n    review_within: 72h\n"));
    let grant = world.open("alice", "production").await.unwrap();
    assert_eq!(grant.review_due, Some(grant.expires + TimeDelta::hours(72)));
    assert_eq!(code(&world.review("carol", grant.id).await), CONFLICT);
    world.clock.advance(1200);
    let reviewed = world.review("carol", grant.id).await.unwrap();
    let note = reviewed.reviewed.unwrap();
    assert_eq!((note.by.as_str(), note.comment.as_deref()), ("carol", Some("fine")));
    assert_eq!(code(&world.review("carol", grant.id).await), CONFLICT);
}

#[tokio::test]
async fn no_holder_reviews_their_own_grant_even_as_an_operator() {
    let policy =
        rule("    review_blocks: true\n").replace("users: [carol]", "users: [carol, alice, Alice]");
    let world = world(&policy);
    let grant = world.open("alice", "production").await.unwrap().id;
    world.close("alice", grant).await.unwrap();
    for own in ["alice".to_owned(), format!("{LISTED_ROLE}/Alice")] {
        assert_eq!(code(&world.review(&own, grant).await), FORBIDDEN, "{own}");
    }
    assert_eq!(code(&world.open("alice", "production").await), CONFLICT);
}

#[tokio::test]
async fn a_grant_that_awaits_its_review_blocks_the_next_opening_of_its_holder() {
    let world = world(&rule("    max_duration: 20m\n    review_blocks: true\n"));
    let first = world.open("alice", "production").await.unwrap().id;
    // While it is active, a second one for another profile is possible.
    let second = world.open("alice", "staging").await.unwrap().id;
    world.clock.advance(1200);
    let denial = world.open("alice", "production").await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::Conflict);
    assert!(
        denial.message.contains(&first.to_string()) || denial.message.contains(&second.to_string())
    );
    world.open("bob", "production").await.unwrap();
    world.review("carol", first).await.unwrap();
    assert_eq!(code(&world.open("alice", "production").await), CONFLICT);
    world.review("carol", second).await.unwrap();
    world.open("alice", "production").await.unwrap();
}

#[tokio::test]
async fn a_grant_that_cannot_be_read_may_block_the_next_opening() {
    let world = world(&rule("    review_blocks: true\n"));
    let of_bob = world.open("bob", "production").await.unwrap().id;
    let of_bob = world.grants.grant(&of_bob).await.unwrap();
    let alice = world.caller("alice").key.hash();
    world.grants.plant_grant(GrantId::new(alice, [1; 10]), of_bob);
    let denial = world.open("alice", "production").await.unwrap_err();
    assert_eq!(denial.code, ErrorCode::StoreUnavailable);
    assert_eq!(world.events().last().unwrap().event, EventKind::BreakGlassRefused);
}

// Records.

#[tokio::test]
async fn every_change_of_a_grant_has_exactly_one_event_with_its_ids() {
    let world = world(&rule("    review_within: 1h\n"));
    let grant = world.open("alice", "production").await.unwrap();
    world.close("carol", grant.id).await.unwrap();
    world.review("carol", grant.id).await.unwrap();
    let events = world.events();
    let seen: Vec<_> =
        events.iter().map(|event| (event.event, event.by.as_deref().unwrap())).collect();
    assert_eq!(
        seen,
        [
            (EventKind::BreakGlassOpened, "alice"),
            (EventKind::BreakGlassClosed, "carol"),
            (EventKind::BreakGlassReviewed, "carol"),
        ]
    );
    for event in &events {
        assert_eq!(event.break_glass, Some(grant.id.to_string()));
        assert_eq!(event.request_id.as_deref(), Some("request-1"));
        assert_eq!(event.user.as_deref(), Some("alice"));
        assert_eq!(event.profile.as_deref(), Some("production"));
        assert_eq!((event.rule.as_deref(), &event.code), (Some("incident"), &None));
    }
    assert_eq!(events[0].reason.as_deref(), Some(WHY));
    assert_eq!(events[0].reason_code.as_deref(), Some("incident"));
    assert_eq!((events[0].duration_s, events[0].valid_until), (Some(3600), Some(grant.expires)));
    assert_eq!(events[1].epoch, Some(1));
}

#[tokio::test]
async fn a_refused_opening_has_one_event_with_its_code() {
    let world = world(&rule("    quota: { count: 1, per: 1h }\n"));
    world.open("mallory", "production").await.unwrap_err();
    world.open("alice", "production").await.unwrap();
    world.open("alice", "production").await.unwrap_err();
    let seen: Vec<_> =
        world.events().into_iter().map(|event| (event.event, event.by, event.code)).collect();
    let (refused, text) = (EventKind::BreakGlassRefused, |text: &str| Some(text.to_owned()));
    assert_eq!(
        seen,
        [
            (refused, text("mallory"), text("POLICY_DENY")),
            (EventKind::BreakGlassOpened, text("alice"), None),
            (refused, text("alice"), text("QUOTA_EXCEEDED")),
        ]
    );
}

// Lists.

async fn listed(world: &World, user: &str, query: &ListGrants) -> Vec<GrantView> {
    let (mut grants, mut query) = (Vec::new(), query.clone());
    for _ in 0..100 {
        let list = world.broker.list_grants(&call(), &world.caller(user), &query).await.unwrap();
        grants.extend(list.grants);
        let Some(next) = list.next else { return grants };
        query = query.with_cursor(Cursor(next));
    }
    panic!("the list has no end");
}

/// Grants of two people, with pages of two.
async fn crowd() -> World {
    let plan = Plan { page_size: NonZeroUsize::new(2).unwrap(), ..plan() };
    let world = World::with(&rule(""), plan);
    for user in ["alice", "bob"] {
        for name in ["production", "staging", "vault"] {
            world.open(user, name).await.unwrap();
        }
        let closed = world.open(user, "production").await.unwrap();
        world.close(user, closed.id).await.unwrap();
    }
    world
}

#[tokio::test]
async fn callers_list_their_own_grants_and_operators_the_open_ones_of_all_callers() {
    let world = crowd().await;
    let all = ListGrants::default();
    let own = listed(&world, "alice", &all).await;
    assert!(own.len() == 4 && own.iter().all(|grant| grant.user == "alice"), "{own:?}");
    let open = listed(&world, "carol", &all).await;
    assert!(open.len() == 6 && open.iter().all(|grant| grant.state == GrantState::Active));
    assert!(listed(&world, "mallory", &all).await.is_empty());
    let closed = all.clone().with_state(GrantState::Closed).with_profile(profile("production"));
    let closed = listed(&world, "alice", &closed).await;
    assert!(closed.len() == 1 && closed[0].state == GrantState::Closed, "{closed:?}");
    let staging = all.clone().with_profile(profile("staging"));
    let listed_profiles = listed(&world, "alice", &staging).await;
    assert!(listed_profiles.len() == 1 && listed_profiles[0].profile == profile("staging"));
    let own = all.clone().with_user(parse_user("bob").unwrap());
    assert_eq!(listed(&world, "bob", &own).await.len(), 4);
    let alices = all.with_user(parse_user("alice").unwrap());
    assert_eq!(listed(&world, "carol", &alices).await.len(), 4);
    for user in ["bob", "mallory"] {
        let refused = world.broker.list_grants(&call(), &world.caller(user), &alices).await;
        assert_eq!(code(&refused), FORBIDDEN, "{user}");
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_shows_nothing_of_another_caller() {
    let world = crowd().await;
    let all = ListGrants::default();
    let mut cursors = vec!["x".to_owned()];
    for (user, query) in [
        ("carol", all.clone()),
        ("carol", all.clone().with_user(parse_user("alice").unwrap())),
        ("bob", all.clone()),
    ] {
        let list = world.broker.list_grants(&call(), &world.caller(user), &query).await.unwrap();
        cursors.push(list.next.unwrap());
    }
    for cursor in cursors {
        let query = all.clone().with_cursor(Cursor(cursor));
        let refused = world.broker.list_grants(&call(), &world.caller("mallory"), &query).await;
        assert_eq!(code(&refused), Some(ErrorCode::InvalidRequest));
    }
}

#[tokio::test]
async fn configured_operators_list_and_close_with_an_invalid_policy_and_do_not_review() {
    let mut plan = plan();
    let root = "arn:aws:iam::111122223333:user/root-of-trust";
    plan.settings.operators = vec![OperatorArn::parse(root).unwrap()];
    let world = World::with(&rule("    review_blocks: true\n"), plan);
    let grant = world.open("alice", "production").await.unwrap().id;
    world.put("main", "not: [a policy");
    assert_eq!(listed(&world, "root-of-trust", &ListGrants::default()).await.len(), 1);
    let closed = world.close("root-of-trust", grant).await.unwrap();
    assert_eq!(closed.state, GrantState::Closed);
    let refused = world.review("root-of-trust", grant).await;
    assert_eq!(code(&refused), Some(ErrorCode::PolicyError));
    world.put("main", &rule("    review_blocks: true\n"));
    assert_eq!(code(&world.review("root-of-trust", grant).await), FORBIDDEN);
}

#[tokio::test]
async fn an_operator_learns_that_the_policy_cannot_be_read_and_not_that_a_grant_is_missing() {
    let world = world(&rule(""));
    let grant = world.open("alice", "production").await.unwrap().id;
    let unknown = GrantId::new(parse_user("alice").unwrap().hash(), [7; 10]);
    world.put("main", "not: [a policy");
    for id in [grant, unknown] {
        for user in ["carol", "mallory"] {
            assert_eq!(code(&world.close(user, id).await), Some(ErrorCode::PolicyError), "{user}");
        }
    }
    // The holder closes it all the same.
    world.close("alice", grant).await.unwrap();
}

/// An opening fails half a second before its deadline, and the grant is closed in that time.
#[tokio::test(start_paused = true)]
async fn an_opening_that_runs_out_of_time_closes_its_grant_before_the_deadline() {
    let faults = Faults::new();
    let never = Duration::from_secs(3600);
    faults.delay(CallSelector::Operation(StoreOperation::OpenGrant), Phase::After, never);
    let slow = Duration::from_millis(400);
    faults.delay(CallSelector::Operation(StoreOperation::ReplaceGrant), Phase::Before, slow);
    let world = World::with(&rule(""), Plan { hook: faults.clone(), ..plan() });
    let started = tokio::time::Instant::now();
    let refused = world.open("alice", "production").await;
    assert_eq!(code(&refused), Some(ErrorCode::StoreUnavailable));
    // The deadline of the call is after 25 seconds.
    assert_eq!(started.elapsed().as_millis(), 24_900);
    faults.clear();
    let all = listed(&world, "alice", &ListGrants::default()).await;
    assert!(all.len() == 1 && all[0].state == GrantState::Closed, "{all:?}");
}
