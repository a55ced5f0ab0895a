//! Opening a grant.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use sentinel_policy::{BreakGlassRule, Quota, ReasonCode};
use sentinel_store::{
    Event, EventKind, Grant, GrantFields, GrantId, GrantListing, GrantNote, GrantStore,
    LimitReached, Opening, OpeningLimit, OpeningLimits, OpeningQuota, Pages, ProfileName,
    StoreError,
};
use sentinel_wire::{ErrorCode, GrantView, is_hidden};

use crate::broker::Broker;
use crate::call::{CLEANUP_BUDGET, Call};
use crate::denial::{Denial, check_length};
use crate::identity::Caller;

/// A request to open a break-glass grant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenGrant {
    /// The profile.
    pub profile: ProfileName,
    /// The reason code.
    pub reason_code: ReasonCode,
    /// The justification that the caller entered.
    pub justification: String,
    /// The length of the grant. `None` for the maximum.
    pub duration: Option<Duration>,
}

impl OpenGrant {
    /// A request for a grant of the maximum length.
    #[must_use]
    pub fn new(
        profile: ProfileName,
        reason_code: ReasonCode,
        justification: impl Into<String>,
    ) -> Self {
        Self { profile, reason_code, justification: justification.into(), duration: None }
    }

    /// The same request with a length.
    #[must_use]
    pub fn with_duration(self, duration: impl Into<Option<Duration>>) -> Self {
        Self { duration: duration.into(), ..self }
    }
}

/// The length of a justification, in characters.
const JUSTIFICATION: std::ops::RangeInclusive<usize> = 20..=1000;
/// Minimum number of characters of a justification that are neither spaces nor hidden.
const MIN_VISIBLE: usize = 10;

impl Broker {
    /// Opens a grant, which is valid immediately.
    ///
    /// # Errors
    /// - `POLICY_DENY` if no break-glass rule names the caller, the profile and the reason code
    /// - `COOLDOWN` and `QUOTA_EXCEEDED` if a limit of the rule refuses it
    /// - `CONFLICT` if an earlier grant of the caller must be reviewed first
    /// - `INVALID_REQUEST`, `INVALID_DURATION`, `SESSION_REVOKED`, `POLICY_ERROR`, and what a failing
    ///   store means
    pub async fn open_grant(
        &self,
        call: &Call,
        caller: &Caller,
        open: &OpenGrant,
    ) -> Result<GrantView, Denial> {
        let store = self.grant_store()?;
        let deadline = call.deadline.checked_sub(CLEANUP_BUDGET).unwrap_or(call.deadline);
        let early = &Call { deadline, ..call.clone() };
        let NotOpened { denial, possible } = match self.open(early, caller, open, store).await {
            Ok(view) => return Ok(view),
            Err(not_opened) => not_opened,
        };
        let possible = match possible {
            Some(possible) => self.give_up(call, possible, store).await,
            None => None,
        };
        let event = match &possible {
            // One that may be open is recorded like one that is, so that nothing misses it.
            Some(grant) => self.opened_event(call, caller, grant),
            None => {
                let reason =
                    open.justification.chars().take(*JUSTIFICATION.end()).collect::<String>();
                self.audit
                    .event(EventKind::BreakGlassRefused, call)
                    .with_by(caller.key.to_string())
                    .with_principal(caller.principal.clone())
                    .with_user(caller.key.to_string())
                    .with_profile(open.profile.to_string())
                    .with_reason_code(open.reason_code.as_str().to_owned())
                    .with_reason(reason)
            }
        };
        self.audit.write_event(event.with_code(denial.code.as_str().to_owned()))?;
        Err(denial)
    }

    async fn open(
        &self,
        call: &Call,
        caller: &Caller,
        open: &OpenGrant,
        store: &dyn GrantStore,
    ) -> Result<GrantView, NotOpened> {
        self.not_revoked_on(call, caller, &open.profile).await?;
        let length = open.justification.chars().count();
        let visible = open.justification.chars().filter(|c| !is_hidden(*c) && !c.is_whitespace());
        if !JUSTIFICATION.contains(&length) || visible.count() < MIN_VISIBLE {
            return Err(NotOpened::from(Denial::new(
                ErrorCode::InvalidRequest,
                "`justification` has 20 to 1,000 characters, and 10 of them are visible: state what \
                 happened and what you will do",
            )));
        }
        check_length(open.duration)?;
        let now = self.now();
        let governing = self.policies.governing(call, caller, &open.profile).await?;
        let policy = &governing.document.policy;
        let rule = policy
            .break_glass_rule(&caller.in_policy(), open.profile.as_str(), open.reason_code)
            .ok_or_else(Denial::policy_deny)?;
        let length = match open.duration {
            None => rule.max_duration,
            Some(requested) if requested <= rule.max_duration => requested,
            Some(_) => {
                return Err(NotOpened::from(Denial::new(
                    ErrorCode::InvalidDuration,
                    format!(
                        "`duration_s` is at most {} for this profile",
                        rule.max_duration.as_secs()
                    ),
                )));
            }
        };
        self.no_review_missing(call, caller, store).await?;
        let role = self.role(call, &open.profile, &governing)?;
        let length = TimeDelta::from_std(length).ok();
        let expires = length.and_then(|length| now.checked_add_signed(length));
        let review_within = rule.review_within.and_then(|within| TimeDelta::from_std(within).ok());
        let grant = Grant::new(GrantFields {
            id: GrantId::new(caller.key.hash(), self.random()?),
            holder: caller.in_record(call),
            profile: open.profile.clone(),
            role_arn: role.as_str().to_owned(),
            rule: rule.name.value.clone(),
            policy_sha256: governing.document.used.sha256.clone(),
            reason_code: open.reason_code.as_str().to_owned(),
            justification: open.justification.clone(),
            created: now,
            expires: expires.unwrap_or(now),
        })
        .with_overrides_deny(rule.overrides_deny)
        .with_generation(self.settings.generation);
        let due = review_within.and_then(|within| grant.expires.checked_add_signed(within));
        let grant = grant.with_review(due, rule.review_blocks);
        let opened = call.bounded(store.open_grant(&grant, &limits(rule))).await;
        match opened {
            Ok(Opening::Opened) => {}
            Ok(Opening::Refused(reached)) => return Err(limit_reached(reached, now).into()),
            // A conflict too may be with an earlier attempt of the store, which was not acknowledged.
            Err(error) => {
                let failed = self.grant_store_failed(call, &error);
                let (denial, may_appear) = match error {
                    StoreError::Conflict(_) => (
                        Denial::conflict("too many grants are opened concurrently; try again"),
                        false,
                    ),
                    // The transaction may still be on its way.
                    StoreError::Unavailable(_) => (failed, true),
                    StoreError::NotFound(_)
                    | StoreError::Throttled(_)
                    | StoreError::Refused(_)
                    | StoreError::Corrupt(_) => (failed, false),
                };
                let possible = Possible { grant: Box::new(grant), may_appear };
                return Err(NotOpened { denial, possible: Some(possible) });
            }
        }
        let event = self
            .opened_event(call, caller, &grant)
            .with_policy(governing.document.used.clone())
            .with_policy_stale(governing.document.stale);
        if let Err(denial) = self.audit.write_event(event) {
            let possible = Possible { grant: Box::new(grant), may_appear: false };
            return Err(NotOpened { denial, possible: Some(possible) });
        }
        Ok(self.grant_view(&grant))
    }

    fn opened_event(&self, call: &Call, caller: &Caller, grant: &Grant) -> Event {
        self.grant_event(EventKind::BreakGlassOpened, call, caller, grant)
            .with_reason_code(grant.reason_code.clone())
            .with_reason(grant.justification.clone())
            .with_duration_s(
                u64::try_from((grant.expires - grant.created).num_seconds()).unwrap_or(0),
            )
            .with_valid_until(grant.expires)
    }

    /// Closes a grant that may be open, since its write failed in a way that does not show it, or since
    /// it could not be recorded. If it cannot be closed either, each vend by it is recorded. Returns the
    /// grant, or `None` if it was never open and will not be.
    async fn give_up(
        &self,
        call: &Call,
        possible: Possible,
        store: &dyn GrantStore,
    ) -> Option<Grant> {
        let Possible { grant, may_appear } = possible;
        let note = GrantNote::new(grant.holder.clone(), self.now(), None);
        let closed = match grant.close(note) {
            Some(closed) => call.bounded(store.replace_grant(&closed)).await,
            None => Ok(()),
        };
        match closed {
            Err(StoreError::NotFound(_)) => return may_appear.then_some(*grant),
            Ok(()) | Err(StoreError::Conflict(_)) => {}
            Err(
                error @ (StoreError::Throttled(_)
                | StoreError::Unavailable(_)
                | StoreError::Refused(_)
                | StoreError::Corrupt(_)),
            ) => {
                self.grant_store_failed(call, &error);
            }
        }
        // A vend may have used it already. The refusal does not depend on the result, which is logged.
        self.end_sessions(call, &grant.holder.caller, &grant.profile).await.ok();
        Some(*grant)
    }

    /// Fails if an earlier grant of the caller blocks the next one until it is reviewed.
    async fn no_review_missing(
        &self,
        call: &Call,
        caller: &Caller,
        store: &dyn GrantStore,
    ) -> Result<(), Denial> {
        let listing = GrantListing::Caller(caller.key.clone());
        let mut pages = Pages::grants(store, &listing);
        let failed = |error| self.grant_store_failed(call, &error);
        while let Some(page) = call.bounded(pages.next()).await.map_err(failed)? {
            // A grant that cannot be read may be one that must be reviewed.
            if let Some(key) = page.unreadable.first() {
                tracing::error!(request_id = call.request_id, key, "failed to read a grant row");
                return Err(Denial::store(&StoreError::Corrupt("a grant cannot be read".into())));
            }
            let now = self.now();
            if let Some(grant) =
                page.items.iter().find(|grant| grant.review_blocks && grant.awaits_review(now))
            {
                return Err(Denial::conflict(format!(
                    "your grant `{}` must be reviewed before you open another one: ask an operator \
                     with the permission `review_break_glass`",
                    grant.id
                )));
            }
        }
        Ok(())
    }
}

/// Why a grant is not opened.
struct NotOpened {
    denial: Denial,
    /// The grant, if it may be open.
    possible: Option<Possible>,
}

/// A grant that may be open.
struct Possible {
    grant: Box<Grant>,
    /// Whether the store may still open it after a read that did not find it.
    may_appear: bool,
}

impl From<Denial> for NotOpened {
    fn from(denial: Denial) -> Self {
        Self { denial, possible: None }
    }
}

fn limits(rule: &BreakGlassRule) -> OpeningLimits {
    let quota = |quota: Quota| OpeningQuota { count: quota.count, per: quota.per };
    OpeningLimits::default()
        .with_cooldown(rule.cooldown)
        .with_quota(rule.quota.map(quota))
        .with_profile_quota(rule.quota_per_profile.map(quota))
}

fn limit_reached(reached: LimitReached, now: chrono::DateTime<Utc>) -> Denial {
    let (code, message) = match reached.limit {
        OpeningLimit::Cooldown => (
            ErrorCode::Cooldown,
            "you opened a grant a short time ago; the next one can be opened after the seconds in \
             Retry-After",
        ),
        OpeningLimit::Quota => (
            ErrorCode::QuotaExceeded,
            "you have used your quota of grants; the next one can be opened after the seconds in \
             Retry-After",
        ),
        OpeningLimit::ProfileQuota => (
            ErrorCode::QuotaExceeded,
            "the quota of grants for this profile is used up; the next one can be opened after the \
             seconds in Retry-After",
        ),
    };
    let seconds = (reached.until - now).num_milliseconds().max(0).unsigned_abs().div_ceil(1000);
    Denial::new(code, message).with_retry_after(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX))
}
