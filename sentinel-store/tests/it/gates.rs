//! Gates, and the states of sessions that follow from them.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use sentinel_store::{
    Block, Epoch, Epochs, Gate, GateAction, GateChange, Generation, Scope, SessionState, StoreError,
};

use crate::fixtures::{at, caller, profile, revoke, session};

fn scopes() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Caller), "[ab]".prop_map(|name| Scope::Profile(profile(&name))),]
}

fn changes() -> impl Strategy<Value = GateChange> {
    let until = prop::option::of((0_i64..100).prop_map(at));
    let revoking = (until, 0_i64..100).prop_map(|(until, now)| {
        GateAction::Revoke(Block::new("carol", at(now)).with_until(until))
    });
    let action = prop_oneof![
        3 => revoking,
        1 => Just(GateAction::EndSessions),
        1 => Just(GateAction::Reinstate),
    ];
    (scopes(), action).prop_map(|(scope, action)| GateChange::new(scope, action))
}

fn gates() -> impl Strategy<Value = Gate> {
    prop::collection::vec(changes(), 0..12).prop_map(|changes| {
        let mut gate = Gate::open(caller("alice"));
        changes.iter().for_each(|change| {
            gate.apply(change).unwrap();
        });
        gate
    })
}

const fn raises_the_epoch(action: &GateAction) -> bool {
    match action {
        GateAction::Revoke(_) | GateAction::EndSessions => true,
        GateAction::Reinstate => false,
    }
}

/// The end of the block that is in force at `now`. `None` without a block, and the latest
/// possible time for a block without an end.
fn blocked_until(gate: &Gate, scope: &Scope, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let state = gate.state(scope);
    state.blocked(now).map(|block| block.until.unwrap_or(DateTime::<Utc>::MAX_UTC))
}

proptest! {
    /// A revocation, or an end of sessions, raises the epoch of its scope by one, and no change lowers an epoch: a
    /// revoked session remains invalid.
    #[test]
    fn epochs_only_rise(gate in gates(), change in changes()) {
        let mut after = gate.clone();
        after.apply(&change).unwrap();
        for scope in [Scope::Caller, Scope::Profile(profile("a")), Scope::Profile(profile("b"))] {
            let raised = scope == change.scope && raises_the_epoch(&change.action);
            prop_assert_eq!(
                after.state(&scope).epoch,
                Epoch(gate.state(&scope).epoch.0 + u64::from(raised))
            );
        }
    }

    /// After a revocation, its scope is blocked at least as long as before, and at least as
    /// long as requested.
    #[test]
    fn a_revocation_never_shortens_a_block(gate in gates(), change in changes()) {
        let GateAction::Revoke(block) = &change.action else { return Ok(()) };
        let mut after = gate.clone();
        after.apply(&change).unwrap();
        let now = block.at;
        let until = blocked_until(&after, &change.scope, now);
        prop_assert!(until >= blocked_until(&gate, &change.scope, now));
        let requested = block.until.unwrap_or(DateTime::<Utc>::MAX_UTC);
        prop_assert!(requested <= now || until >= Some(requested));
    }

    /// Ending sessions changes no block.
    #[test]
    fn ending_sessions_keeps_every_block(gate in gates(), ended in scopes()) {
        let mut after = gate.clone();
        after.apply(&GateChange::end_sessions(ended)).unwrap();
        for scope in [Scope::Caller, Scope::Profile(profile("a")), Scope::Profile(profile("b"))] {
            prop_assert_eq!(after.state(&scope).block, gate.state(&scope).block);
        }
    }

    /// Reinstating lifts the block of its scope and no other.
    #[test]
    fn reinstating_lifts_one_block(gate in gates(), scope in scopes()) {
        let mut after = gate.clone();
        after.apply(&GateChange::reinstate(scope.clone())).unwrap();
        prop_assert_eq!(after.state(&scope).block, None);
        for other in [Scope::Caller, Scope::Profile(profile("a")), Scope::Profile(profile("b"))] {
            if other != scope {
                prop_assert_eq!(after.state(&other), gate.state(&other));
            }
        }
    }

    /// A change of one profile affects no other profile. A change of the caller affects
    /// all.
    #[test]
    fn a_change_affects_only_its_scope(gate in gates(), change in changes()) {
        let mut after = gate.clone();
        after.apply(&change).unwrap();
        for name in ["a", "b", "c"] {
            let profile = profile(name);
            let affected = raises_the_epoch(&change.action)
                && (change.scope == Scope::Caller || change.scope == Scope::Profile(profile.clone()));
            prop_assert_eq!(after.epochs(&profile) != gate.epochs(&profile), affected);
        }
    }

    /// A gate is read from JSON as it was written.
    #[test]
    fn a_gate_is_read_from_json_as_it_was_written(gate in gates()) {
        let text = serde_json::to_string(&gate).unwrap();
        prop_assert_eq!(serde_json::from_str::<Gate>(&text).unwrap(), gate);
    }
}

#[test]
fn a_block_ends_at_the_instant_it_names() {
    let mut gate = Gate::open(caller("alice"));
    gate.apply(&revoke(Scope::Caller, Some(at(60)))).unwrap();
    assert!(gate.blocked(at(59)).is_some());
    assert!(gate.blocked(at(60)).is_none());
    assert!(gate.blocked_on(&profile("production"), at(59)).is_some());
}

/// The gate shows who revoked last, unless an earlier revocation lasts longer.
#[test]
fn a_block_is_replaced_by_one_that_lasts_as_long() {
    for (first, second, kept) in [
        (Some(60), Some(60), "second"),
        (Some(60), Some(61), "second"),
        (Some(61), Some(60), "first"),
        (Some(60), None, "second"),
        (None, Some(60), "first"),
    ] {
        let mut gate = Gate::open(caller("alice"));
        for (by, until) in [("first", first), ("second", second)] {
            let block = Block::new(by, at(0)).with_until(until.map(at));
            gate.apply(&GateChange::revoke(Scope::Caller, block)).unwrap();
        }
        assert_eq!(gate.whole.block.unwrap().by, kept, "{first:?} {second:?}");
    }
}

#[test]
fn the_state_of_a_session_follows_from_its_times_and_its_gate() {
    use SessionState::{Active, Ended, Expired, Revoked};
    let alice = caller("alice");
    let open = Gate::open(alice.clone());
    let revoked = |scope| {
        let mut gate = open.clone();
        gate.apply(&revoke(scope, Some(at(1)))).unwrap();
        gate
    };
    let whole = revoked(Scope::Caller);
    let production = revoked(Scope::Profile(profile("production")));
    let staging = revoked(Scope::Profile(profile("staging")));
    let other_callers = Gate::open(caller("bob"));

    let plain = session(&alice, 1);
    let mut ended = plain.clone();
    ended.ended = Some(at(1));
    // Created under a gate with another history, as after a restore of the table.
    let mut ahead = plain.clone();
    ahead.epochs = Epochs { caller: Epoch(1), profile: Epoch(0) };

    let (zero, one) = (Generation(0), Generation(1));
    let table = [
        (&plain, &open, zero, at(0), Active),
        (&plain, &open, zero, at(3599), Active),
        (&plain, &open, zero, at(3600), Expired),
        (&plain, &open, zero, at(9999), Expired),
        // Created later than now, by a clock that is ahead. The creation time is not used.
        (&plain, &open, zero, at(-60), Active),
        (&plain, &staging, zero, at(0), Active),
        (&plain, &production, zero, at(0), Revoked),
        (&plain, &whole, zero, at(0), Revoked),
        // The block has ended, the epoch stays.
        (&plain, &whole, zero, at(2), Revoked),
        (&plain, &other_callers, zero, at(0), Revoked),
        (&plain, &open, one, at(0), Revoked),
        (&plain, &open, one, at(9999), Revoked),
        (&ended, &open, zero, at(0), Ended),
        (&ended, &open, zero, at(9999), Ended),
        (&ended, &whole, zero, at(0), Revoked),
        (&ahead, &open, zero, at(0), Revoked),
        (&ahead, &whole, zero, at(0), Active),
    ];
    for (row, (session, gate, generation, now, expected)) in table.into_iter().enumerate() {
        assert_eq!(session.state(gate, generation, now), expected, "row {row}");
    }
}

#[test]
fn a_session_of_an_older_or_newer_generation_is_revoked() {
    let alice = caller("alice");
    let gate = Gate::open(alice.clone());
    for (made, read) in [(0, 1), (1, 0), (u64::MAX, 0)] {
        let mut session = session(&alice, 1);
        session.generation = Generation(made);
        assert_eq!(session.state(&gate, Generation(read), at(0)), SessionState::Revoked);
        assert_eq!(session.state(&gate, Generation(made), at(0)), SessionState::Active);
    }
}

#[test]
fn a_full_gate_can_still_be_revoked() {
    let mut gate = Gate::open(caller("alice"));
    let on = |number: usize| Scope::Profile(profile(&format!("p{number}")));
    for number in 0..Gate::MAX_PROFILES {
        gate.apply(&revoke(on(number), None)).unwrap();
    }
    let full = gate.clone();
    let one_more = gate.apply(&revoke(on(Gate::MAX_PROFILES), None));
    assert!(matches!(one_more, Err(StoreError::Conflict(_))), "{one_more:?}");
    assert_eq!(gate, full);
    gate.apply(&revoke(on(0), None)).unwrap();
    gate.apply(&revoke(Scope::Caller, None)).unwrap();
    assert!(gate.blocked(at(1)).is_some());
}

#[test]
fn reinstating_an_open_gate_changes_nothing() {
    let mut gate = Gate::open(caller("alice"));
    let open = gate.clone();
    for number in 0..=Gate::MAX_PROFILES {
        let scope = Scope::Profile(profile(&format!("p{number}")));
        let reinstate = GateChange::reinstate(scope);
        assert!(!gate.apply(&reinstate).unwrap());
    }
    assert_eq!(gate, open);
    gate.apply(&revoke(Scope::Profile(profile("production")), None)).unwrap();
}

/// Every backend can store the largest possible gate. An item of DynamoDB has at most 400
/// KB.
#[test]
fn the_largest_gate_is_smaller_than_an_item_of_dynamodb() {
    let block = Block::new("x".repeat(512), DateTime::<Utc>::MAX_UTC)
        // As much of a reason as the broker keeps in a gate.
        .with_reason("\u{1}".repeat(256))
        .with_until(DateTime::<Utc>::MAX_UTC);
    let mut gate = Gate::open(caller(&"x".repeat(512)));
    gate.apply(&GateChange::revoke(Scope::Caller, block.clone())).unwrap();
    for number in 0..Gate::MAX_PROFILES {
        let scope = Scope::Profile(profile(&format!("{number:0>64}")));
        gate.apply(&GateChange::revoke(scope, block.clone())).unwrap();
    }
    // JSON escapes control characters sixfold, and so is the larger form.
    let size = serde_json::to_string(&gate).unwrap().len();
    assert!(size < 500_000, "{size}");
    let item = size - 5 * 256 * (Gate::MAX_PROFILES + 1);
    assert!(item < 300_000, "{item}");
}
