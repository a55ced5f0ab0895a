//! The ledger of break-glass openings: quota and cooldown, decided in the transaction that opens a
//! grant.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sentinel_wire::GrantId;
use serde::{Deserialize, Serialize};

/// The openings of one caller, or on one profile. A missing ledger is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Ledger {
    /// The openings that a limit may still count, the oldest first.
    pub openings: Vec<LedgerEntry>,
}

/// One opening.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LedgerEntry {
    /// The grant.
    pub grant: GrantId,
    /// The break-glass rule. Limits are counted per rule.
    pub rule: String,
    /// When the grant was opened.
    pub at: DateTime<Utc>,
    /// The time until which the limits of that time count the opening.
    pub counts_until: DateTime<Utc>,
}

/// An opening that the ledgers have to allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a ledger needs each of them")]
pub struct OpeningAttempt<'a> {
    /// The grant.
    pub grant: GrantId,
    /// The break-glass rule.
    pub rule: &'a str,
    /// When the grant is opened.
    pub at: DateTime<Utc>,
}

/// The limits of a break-glass rule. By default, there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpeningLimits {
    /// The time that must pass between two openings of a caller. `None` if there is no minimum.
    pub cooldown: Option<Duration>,
    /// The quota of a caller. `None` if there is none.
    pub quota: Option<OpeningQuota>,
    /// The quota of all callers together on the profile. `None` if there is none.
    pub profile_quota: Option<OpeningQuota>,
}

/// A number of openings within a window of time, closed grants included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a quota is a number and a window")]
pub struct OpeningQuota {
    /// Maximum number of openings within the window.
    pub count: u32,
    /// Window length. The quota counts openings that fall within it.
    pub per: Duration,
}

/// Why a grant cannot be opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a limit has a kind and an end")]
pub struct LimitReached {
    /// The limit.
    pub limit: OpeningLimit,
    /// The time from which the limit allows an opening.
    pub until: DateTime<Utc>,
}

/// A limit on openings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a caller must handle every limit")]
pub enum OpeningLimit {
    /// The time between two openings of a caller.
    Cooldown,
    /// The number of openings of a caller.
    Quota,
    /// The number of openings on a profile.
    ProfileQuota,
}

impl OpeningLimits {
    /// The same limits with a time between two openings of a caller.
    #[must_use]
    pub fn with_cooldown(self, cooldown: impl Into<Option<Duration>>) -> Self {
        Self { cooldown: cooldown.into(), ..self }
    }

    /// The same limits with a quota of a caller.
    #[must_use]
    pub fn with_quota(self, quota: impl Into<Option<OpeningQuota>>) -> Self {
        Self { quota: quota.into(), ..self }
    }

    /// The same limits with a quota of all callers together on the profile.
    #[must_use]
    pub fn with_profile_quota(self, quota: impl Into<Option<OpeningQuota>>) -> Self {
        Self { profile_quota: quota.into(), ..self }
    }
}

/// The time that an opening stays in a ledger at least, so that limits that become longer count it.
const KEPT: TimeDelta = TimeDelta::days(90);

/// Maximum number of openings in a ledger, which is one record. Those that no limit counts are
/// dropped first. A ledger that is full of others refuses.
const MAX_ENTRIES: usize = 500;

/// The longest window and cooldown that a ledger counts.
const LONGEST: TimeDelta = TimeDelta::days(3650);

impl Ledger {
    /// The ledger of the holder after the opening.
    ///
    /// # Errors
    /// [`LimitReached`] if the cooldown or the quota of the caller refuses it.
    pub fn open_for_caller(
        &self,
        opening: &OpeningAttempt<'_>,
        limits: &OpeningLimits,
    ) -> Result<Self, LimitReached> {
        if let Some(cooldown) = limits.cooldown {
            let newest = self.of_rule(opening.rule).map(|entry| entry.at).max();
            if let Some(until) = newest.map(|newest| after(newest, cooldown))
                && opening.at < until
            {
                return Err(LimitReached { limit: OpeningLimit::Cooldown, until });
            }
        }
        self.open(opening, limits.quota, limits.cooldown, OpeningLimit::Quota)
    }

    /// The ledger of the profile after the opening.
    ///
    /// # Errors
    /// [`LimitReached`] if the quota of the profile refuses it.
    pub fn open_for_profile(
        &self,
        opening: &OpeningAttempt<'_>,
        limits: &OpeningLimits,
    ) -> Result<Self, LimitReached> {
        self.open(opening, limits.profile_quota, None, OpeningLimit::ProfileQuota)
    }

    fn of_rule<'a>(&'a self, rule: &'a str) -> impl Iterator<Item = &'a LedgerEntry> {
        self.openings.iter().filter(move |entry| entry.rule == rule)
    }

    fn open(
        &self,
        opening: &OpeningAttempt<'_>,
        quota: Option<OpeningQuota>,
        cooldown: Option<Duration>,
        limit: OpeningLimit,
    ) -> Result<Self, LimitReached> {
        let now = opening.at;
        if let Some(OpeningQuota { count, per }) = quota {
            let mut counted: Vec<_> = self
                .of_rule(opening.rule)
                .map(|entry| after(entry.at, per))
                .filter(|end| now < *end)
                .collect();
            counted.sort_unstable();
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            // With `count` openings in the window, one must leave it before another is opened.
            if let Some(leaves) = counted.len().checked_sub(count) {
                let until = counted.get(leaves).copied().unwrap_or(DateTime::<Utc>::MAX_UTC);
                return Err(LimitReached { limit, until });
            }
        }
        let counted_for = quota.map(|quota| quota.per).max(cooldown).unwrap_or_default();
        let mut openings: Vec<_> = self
            .openings
            .iter()
            .filter(|entry| now < entry.counts_until.max(entry.at + KEPT))
            .cloned()
            .collect();
        if openings.len() >= MAX_ENTRIES {
            openings.retain(|entry| now < entry.counts_until);
        }
        if openings.len() >= MAX_ENTRIES {
            let until = openings.iter().map(|entry| entry.counts_until).min();
            return Err(LimitReached { limit, until: until.unwrap_or(now) });
        }
        openings.push(LedgerEntry {
            grant: opening.grant,
            rule: opening.rule.to_owned(),
            at: now,
            counts_until: after(now, counted_for),
        });
        Ok(Self { openings })
    }
}

/// The time that long after `at`.
fn after(at: DateTime<Utc>, length: Duration) -> DateTime<Utc> {
    let length = TimeDelta::from_std(length).unwrap_or(LONGEST).min(LONGEST);
    at.checked_add_signed(length).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
