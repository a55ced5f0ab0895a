//! The quota and the cooldown, one opening after another.

use std::time::Duration;

use super::{
    FreshGrants, GrantsUnderTest, LENGTH, at, caller, closed, grant_for, open_list, quota,
};
use crate::{
    Grant, GrantStore, LimitReached, Opening, OpeningLimit, OpeningLimits, StoreError,
    conformance::report::{Checked, Stop, ensure_eq, ensure_error},
};

const NO_LIMITS: OpeningLimits = OpeningLimits { cooldown: None, quota: None, profile_quota: None };

/// Opens a grant of Alice for `production`.
async fn open_at(
    store: &dyn GrantStore,
    number: u16,
    seconds: i64,
    limits: &OpeningLimits,
) -> Result<Opening, Stop> {
    let grant = grant_for(&caller("alice")?, "production", number, seconds)?;
    Ok(store.open_grant(&grant, limits).await?)
}

fn refused(limit: OpeningLimit, until: i64) -> Opening {
    Opening::Refused(LimitReached { limit, until: at(until) })
}

pub(super) async fn without_limits_every_grant_is_opened(subject: &dyn GrantsUnderTest) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    for number in 0..12 {
        ensure_eq!(open_at(&store, number, 0, &NO_LIMITS).await?, Opening::Opened);
    }
    Ok(())
}

pub(super) async fn a_quota_counts_openings_in_a_sliding_window(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let limits = NO_LIMITS.with_quota(quota(2, 100));
    let steps = [
        (0, Opening::Opened),
        (60, Opening::Opened),
        (60, refused(OpeningLimit::Quota, 100)),
        (99, refused(OpeningLimit::Quota, 100)),
        (100, Opening::Opened),
        (159, refused(OpeningLimit::Quota, 160)),
        (160, Opening::Opened),
        (161, refused(OpeningLimit::Quota, 200)),
    ];
    for (number, (seconds, expected)) in (0..).zip(steps) {
        ensure_eq!(open_at(&store, number, seconds, &limits).await?, expected);
    }
    Ok(())
}

pub(super) async fn a_quota_counts_closed_grants(subject: &dyn GrantsUnderTest) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let limits = NO_LIMITS.with_quota(quota(1, 100));
    let first = grant_for(&caller("alice")?, "production", 1, 0)?;
    ensure_eq!(store.open_grant(&first, &limits).await?, Opening::Opened);
    store.replace_grant(&closed(&first, 1)?).await?;
    ensure_eq!(open_at(&store, 2, 2, &limits).await?, refused(OpeningLimit::Quota, 100));
    Ok(())
}

pub(super) async fn a_cooldown_counts_from_the_last_opening(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let limits = NO_LIMITS.with_cooldown(Duration::from_secs(60)).with_quota(quota(9, 1000));
    let steps = [
        (0, Opening::Opened),
        (0, refused(OpeningLimit::Cooldown, 60)),
        (59, refused(OpeningLimit::Cooldown, 60)),
        (60, Opening::Opened),
        (119, refused(OpeningLimit::Cooldown, 120)),
        (500, Opening::Opened),
    ];
    for (number, (seconds, expected)) in (0..).zip(steps) {
        ensure_eq!(open_at(&store, number, seconds, &limits).await?, expected);
    }
    Ok(())
}

pub(super) async fn limits_are_counted_per_caller_and_rule(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let limits = NO_LIMITS.with_quota(quota(1, 100));
    for (number, (name, rule, expected)) in (0..).zip([
        ("alice", "emergency", Opening::Opened),
        ("Alice", "emergency", Opening::Opened),
        ("bob", "emergency", Opening::Opened),
        ("alice", "Emergency", Opening::Opened),
        ("alice", "other", Opening::Opened),
        ("alice", "emergency", refused(OpeningLimit::Quota, 100)),
        ("alice", "other", refused(OpeningLimit::Quota, 100)),
    ]) {
        // The profile makes no difference.
        let on = if number % 2 == 0 { "production" } else { "staging" };
        let grant = Grant { rule: rule.to_owned(), ..grant_for(&caller(name)?, on, number, 0)? };
        ensure_eq!(store.open_grant(&grant, &limits).await?, expected);
    }
    Ok(())
}

pub(super) async fn a_quota_of_a_profile_counts_the_openings_of_all_callers(
    subject: &dyn GrantsUnderTest,
) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let limits = NO_LIMITS.with_profile_quota(quota(2, 100)).with_quota(quota(2, 1000));
    for (number, (name, on, seconds, expected)) in (0..).zip([
        ("alice", "production", 0, Opening::Opened),
        ("bob", "staging", 0, Opening::Opened),
        ("bob", "production", 50, Opening::Opened),
        ("carol", "production", 60, refused(OpeningLimit::ProfileQuota, 100)),
        ("carol", "production", 100, Opening::Opened),
        ("alice", "production", 120, refused(OpeningLimit::ProfileQuota, 150)),
        // The quota of the caller is counted as well.
        ("bob", "production", 300, refused(OpeningLimit::Quota, 1000)),
        ("alice", "production", 300, Opening::Opened),
    ]) {
        let grant = grant_for(&caller(name)?, on, number, seconds)?;
        ensure_eq!(store.open_grant(&grant, &limits).await?, expected);
    }
    Ok(())
}

pub(super) async fn a_refused_opening_writes_nothing(subject: &dyn GrantsUnderTest) -> Checked {
    let FreshGrants { store, backdoor: _backdoor } = subject.fresh().await;
    let alice = caller("alice")?;
    let both = NO_LIMITS.with_quota(quota(1, 100)).with_profile_quota(quota(2, 100));
    let none = NO_LIMITS.with_quota(quota(0, 100));
    let none_on_profile = NO_LIMITS.with_profile_quota(quota(0, 100));
    for (number, limits) in [(1, none), (2, none_on_profile)] {
        let grant = grant_for(&alice, "production", number, 0)?;
        let opening = store.open_grant(&grant, &limits).await?;
        ensure_eq!(matches!(opening, Opening::Refused(_)), true);
        ensure_error!(store.grant(&grant.id).await, StoreError::NotFound(_));
        ensure_eq!(store.live_grants(&alice, &grant.profile, at(0)).await?.len(), 0);
        ensure_eq!(super::all(&store, &open_list(0)).await?.len(), 0);
    }
    // Neither of the ledgers counts a refused opening, which can be tried again.
    ensure_eq!(open_at(&store, 1, 0, &both).await?, Opening::Opened);
    ensure_eq!(open_at(&store, 2, 0, &both).await?, refused(OpeningLimit::Quota, 100));
    let his = grant_for(&caller("bob")?, "production", 1, 0)?;
    ensure_eq!(store.open_grant(&his, &both).await?, Opening::Opened);
    Ok(())
}

pub(super) async fn a_ledger_outlives_its_grants(subject: &dyn GrantsUnderTest) -> Checked {
    let fresh = subject.fresh().await;
    let week = 7 * 24 * LENGTH;
    let limits = NO_LIMITS.with_quota(quota(1, 14 * 24 * 3600));
    ensure_eq!(open_at(&fresh.store, 1, 0, &limits).await?, Opening::Opened);
    if !fresh.backdoor()?.purge(at(week)).await {
        return Err(Stop::NotOffered);
    }
    let opening = open_at(&fresh.store, 2, week, &limits).await?;
    ensure_eq!(opening, refused(OpeningLimit::Quota, 2 * week));
    ensure_eq!(open_at(&fresh.store, 3, 2 * week, &limits).await?, Opening::Opened);
    Ok(())
}
