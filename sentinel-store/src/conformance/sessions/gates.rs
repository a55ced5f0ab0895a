//! Gates, and what a revocation and a reinstatement change.

use super::{FreshSessions, SessionsUnderTest, at, caller, profile, reinstate, revoke};
use crate::{
    Epoch, Epochs, Gate, GateChange, GateState, Scope, StoreError,
    conformance::report::{Checked, Stop, ensure, ensure_eq, ensure_error},
};

pub(super) async fn a_missing_gate_is_open(subject: &dyn SessionsUnderTest) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    ensure_eq!(store.gate(&alice).await?, Gate::open(alice));
    Ok(())
}

pub(super) async fn revoking_raises_the_epoch_and_blocks(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    let mut expected = Gate::open(alice.clone());
    for until in [Some(at(60)), None] {
        let change = revoke(Scope::Caller, until);
        expected.apply(&change)?;
        ensure_eq!(store.change_gate(&alice, &change).await?, expected);
        ensure_eq!(store.gate(&alice).await?, expected);
    }
    ensure_eq!(expected.whole.epoch, Epoch(2));
    ensure!(expected.blocked(at(1_000_000)).is_some(), "the block has an end");
    Ok(())
}

pub(super) async fn a_profile_is_revoked_without_the_others(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, production, staging) =
        (caller("alice")?, profile("production")?, profile("staging")?);
    store.change_gate(&alice, &revoke(Scope::Profile(production.clone()), None)).await?;
    let gate = store.gate(&alice).await?;
    ensure_eq!(gate.epochs(&production), Epochs { caller: Epoch(0), profile: Epoch(1) });
    ensure_eq!(gate.epochs(&staging), Epochs::default());
    ensure!(gate.blocked_on(&production, at(1)).is_some(), "the profile is not blocked");
    ensure!(gate.blocked_on(&staging, at(1)).is_none(), "another profile is blocked");
    ensure!(gate.blocked(at(1)).is_none(), "the caller is blocked as a whole");
    Ok(())
}

pub(super) async fn a_longer_block_stays_and_replaces_a_shorter_one(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    // The end of each revocation, and the expected end of the block.
    let steps = [
        (Some(at(100)), Some(at(100))),
        (Some(at(50)), Some(at(100))),
        (Some(at(200)), Some(at(200))),
        (None, None),
        (Some(at(300)), None),
    ];
    for (until, expected) in steps {
        store.change_gate(&alice, &revoke(Scope::Caller, until)).await?;
        let block = store.gate(&alice).await?.whole.block;
        ensure_eq!(block.map(|block| block.until), Some(expected));
    }
    ensure_eq!(store.gate(&alice).await?.whole.epoch, Epoch(5));
    Ok(())
}

pub(super) async fn reinstating_lifts_the_block_and_keeps_the_epoch(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, production) = (caller("alice")?, profile("production")?);
    for scope in [Scope::Caller, Scope::Profile(production.clone())] {
        store.change_gate(&alice, &revoke(scope.clone(), None)).await?;
        let gate = store.change_gate(&alice, &reinstate(scope.clone())).await?;
        ensure_eq!(gate.state(&scope).epoch, Epoch(1));
        ensure_eq!(gate.state(&scope).block, None);
        ensure_eq!(store.gate(&alice).await?, gate);
    }
    let gate = store.gate(&alice).await?;
    ensure_eq!(gate.epochs(&production), Epochs { caller: Epoch(1), profile: Epoch(1) });
    Ok(())
}

pub(super) async fn reinstating_an_open_gate_writes_nothing(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, production) = (caller("alice")?, profile("production")?);
    let open = Gate::open(alice.clone());
    for scope in [Scope::Caller, Scope::Profile(production.clone())] {
        ensure_eq!(store.change_gate(&alice, &reinstate(scope)).await?, open);
        ensure_eq!(store.gate(&alice).await?, open);
    }
    let revoked = store.change_gate(&alice, &revoke(Scope::Profile(production), None)).await?;
    let staging = Scope::Profile(profile("staging")?);
    ensure_eq!(store.change_gate(&alice, &reinstate(staging)).await?, revoked);
    ensure_eq!(store.gate(&alice).await?, revoked);
    Ok(())
}

pub(super) async fn ending_sessions_raises_the_epoch_and_blocks_nothing(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let (alice, production) = (caller("alice")?, profile("production")?);
    for scope in [Scope::Profile(production.clone()), Scope::Caller] {
        for epoch in [1, 2] {
            let change = GateChange::end_sessions(scope.clone());
            let gate = store.change_gate(&alice, &change).await?;
            ensure_eq!(gate.state(&scope), GateState::new(Epoch(epoch)));
            ensure_eq!(store.gate(&alice).await?, gate);
        }
    }
    let gate = store.gate(&alice).await?;
    ensure_eq!(gate.epochs(&production), Epochs { caller: Epoch(2), profile: Epoch(2) });
    ensure_eq!(gate.epochs(&profile("staging")?).profile, Epoch(0));
    Ok(())
}

pub(super) async fn ending_sessions_keeps_a_block_in_force(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    for (scope, until) in
        [(Scope::Profile(profile("production")?), Some(at(60))), (Scope::Caller, None)]
    {
        let blocked = store.change_gate(&alice, &revoke(scope.clone(), until)).await?;
        let ended = store.change_gate(&alice, &GateChange::end_sessions(scope.clone())).await?;
        ensure_eq!(ended.state(&scope).block, blocked.state(&scope).block);
        ensure_eq!(ended.state(&scope).epoch, Epoch(2));
        ensure_eq!(store.gate(&alice).await?, ended);
    }
    Ok(())
}

pub(super) async fn a_full_gate_refuses_another_profile_and_accepts_the_caller(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    let on = |number: usize| Ok::<_, Stop>(Scope::Profile(profile(&format!("p{number}"))?));
    for number in 0..Gate::MAX_PROFILES {
        store.change_gate(&alice, &revoke(on(number)?, None)).await?;
    }
    let full = store.gate(&alice).await?;
    let one_more = revoke(on(Gate::MAX_PROFILES)?, None);
    ensure_error!(store.change_gate(&alice, &one_more).await, StoreError::Conflict(_));
    ensure_eq!(store.gate(&alice).await?, full);
    store.change_gate(&alice, &revoke(on(0)?, None)).await?;
    store.change_gate(&alice, &revoke(Scope::Caller, None)).await?;
    ensure!(store.gate(&alice).await?.blocked(at(1)).is_some(), "the caller is not blocked");
    Ok(())
}

pub(super) async fn similar_caller_keys_are_distinguished(
    subject: &dyn SessionsUnderTest,
) -> Checked {
    let FreshSessions { store, backdoor: _backdoor } = subject.fresh().await;
    let long = "x".repeat(512);
    let longer = "x".repeat(511) + "y";
    // A store might confuse each of these with another one by truncating, case folding,
    // normalizing or escaping it, or by reading a separator in it.
    let keys = [
        "alice",
        "Alice",
        "a.lice",
        "al-ice",
        "alice ",
        "111122223333/alice",
        "alice/production",
        "alice#gate",
        "%61lice",
        "gate",
        "..",
        "\u{e9}",
        "e\u{301}",
        "\u{1f511}",
        "' OR 1=1 --",
        "{\"caller\":\"alice\"}",
        &long,
        &longer,
    ];
    for (index, key) in keys.iter().enumerate() {
        let scope = Scope::Caller;
        for _ in 0..=index {
            store.change_gate(&caller(key)?, &revoke(scope.clone(), None)).await?;
        }
    }
    for (index, key) in keys.iter().enumerate() {
        let gate = store.gate(&caller(key)?).await?;
        ensure_eq!(gate.caller.as_str(), *key);
        ensure_eq!(usize::try_from(gate.whole.epoch.0), Ok(index + 1));
    }
    Ok(())
}
