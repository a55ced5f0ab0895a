//! Break-glass grants: the record, its transitions, and the trait of their stores.
//!
//! Not here: which callers can open one. The broker judges that by the policy in force. `ledger` has the
//! quota and the cooldown.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sentinel_wire::{GrantId, GrantState};
use serde::{Deserialize, Serialize};

use crate::{
    CallerKey, Cursor, Generation, LimitReached, OpeningAttempt, OpeningLimits, Person,
    ProfileName, RecordPage, StoreError,
};

/// A stored break-glass grant.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Grant {
    /// The id, which contains the hash of the holder's caller key.
    pub id: GrantId,
    /// Number of changes. Each change is conditional on the number that its writer read.
    pub revision: u64,
    /// The person who opened it.
    pub holder: Person,
    /// The profile.
    pub profile: ProfileName,
    /// The role of the profile when the grant was opened.
    pub role_arn: String,
    /// The break-glass rule that governed when the grant was opened. The rule in force decides.
    pub rule: String,
    /// The SHA-256 of the policy document in force at that time, in hexadecimal.
    pub policy_sha256: String,
    /// The reason code.
    pub reason_code: String,
    /// The justification that the holder entered.
    pub justification: String,
    /// Whether the grant also overrides a deny.
    pub overrides_deny: bool,
    /// The time at which the grant was opened.
    pub created: DateTime<Utc>,
    /// The time at which the grant ends, unless it is closed before.
    pub expires: DateTime<Utc>,
    /// The generation of the deployment that opened the grant. The grant counts only if it equals the
    /// reader's. A record without one has generation 0.
    #[serde(default)]
    pub generation: Generation,
    /// The person who closed it. `None` unless it was closed.
    #[serde(deserialize_with = "Option::deserialize")]
    pub closed: Option<GrantNote>,
    /// The time by which an operator must review it. `None` if the rule sets none.
    #[serde(deserialize_with = "Option::deserialize")]
    pub review_due: Option<DateTime<Utc>>,
    /// Whether the holder can open no other grant before the review.
    pub review_blocks: bool,
    /// The operator who reviewed it. `None` unless it was reviewed.
    #[serde(deserialize_with = "Option::deserialize")]
    pub reviewed: Option<GrantNote>,
}

/// The closing or the review of a grant by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GrantNote {
    /// The person.
    pub by: Person,
    /// The time.
    pub at: DateTime<Utc>,
    /// The person's comment. `None` if there is none.
    #[serde(deserialize_with = "Option::deserialize")]
    pub comment: Option<String>,
}

impl GrantNote {
    /// The closing or the review by that person, at that time.
    #[must_use]
    pub const fn new(by: Person, at: DateTime<Utc>, comment: Option<String>) -> Self {
        Self { by, at, comment }
    }
}

/// The fields that every grant has: the arguments of [`Grant::new`].
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a grant without one of them cannot be judged")]
pub struct GrantFields {
    /// The id, which contains the hash of the holder's caller key.
    pub id: GrantId,
    /// The person who opens it.
    pub holder: Person,
    /// The profile.
    pub profile: ProfileName,
    /// The role of the profile.
    pub role_arn: String,
    /// The break-glass rule that governs.
    pub rule: String,
    /// The SHA-256 of the policy document in force, in hexadecimal.
    pub policy_sha256: String,
    /// The reason code.
    pub reason_code: String,
    /// The justification that the holder entered.
    pub justification: String,
    /// The time at which the grant is opened.
    pub created: DateTime<Utc>,
    /// The time at which the grant ends, unless it is closed before.
    pub expires: DateTime<Utc>,
}

impl Grant {
    /// A grant that is open, overrides no deny and needs no review.
    #[must_use]
    pub fn new(fields: GrantFields) -> Self {
        let GrantFields {
            id,
            holder,
            profile,
            role_arn,
            rule,
            policy_sha256,
            reason_code,
            justification,
            created,
            expires,
        } = fields;
        Self {
            id,
            revision: 0,
            holder,
            profile,
            role_arn,
            rule,
            policy_sha256,
            reason_code,
            justification,
            overrides_deny: false,
            created,
            expires,
            generation: Generation::default(),
            closed: None,
            review_due: None,
            review_blocks: false,
            reviewed: None,
        }
    }

    /// The same grant, which also overrides a deny or not.
    #[must_use]
    pub fn with_overrides_deny(self, overrides_deny: bool) -> Self {
        Self { overrides_deny, ..self }
    }

    /// The same grant, which an operator must review by then. With `blocks`, the holder can open no
    /// other grant before that.
    #[must_use]
    pub fn with_review(self, due: impl Into<Option<DateTime<Utc>>>, blocks: bool) -> Self {
        Self { review_due: due.into(), review_blocks: blocks, ..self }
    }

    /// The same grant, opened by a deployment of that generation.
    #[must_use]
    pub fn with_generation(self, generation: Generation) -> Self {
        Self { generation, ..self }
    }

    /// The opening of this grant, for the ledgers.
    #[must_use]
    pub fn opening(&self) -> OpeningAttempt<'_> {
        OpeningAttempt { grant: self.id, rule: &self.rule, at: self.created }
    }

    /// The state at `now`.
    #[must_use]
    pub fn state(&self, now: DateTime<Utc>) -> GrantState {
        if self.closed.is_some() {
            GrantState::Closed
        } else if now >= self.expires {
            GrantState::Expired
        } else {
            GrantState::Active
        }
    }

    /// The time until which the grant can be used. `None` if it is closed.
    #[must_use]
    pub fn live_until(&self) -> Option<DateTime<Utc>> {
        self.closed.is_none().then_some(self.expires)
    }

    /// Whether the rule requires a review, and no operator reviewed the grant.
    #[must_use]
    pub const fn needs_review(&self) -> bool {
        (self.review_due.is_some() || self.review_blocks) && self.reviewed.is_none()
    }

    /// Whether the grant is for that profile, and can be used after `now`.
    #[must_use]
    pub fn is_live_on(&self, profile: &ProfileName, now: DateTime<Utc>) -> bool {
        self.profile == *profile && self.live_until().is_some_and(|until| now < until)
    }

    /// Whether a review is missing at `now`: the rule requires one, the grant is over, and no
    /// operator reviewed it.
    #[must_use]
    pub fn awaits_review(&self, now: DateTime<Utc>) -> bool {
        self.needs_review() && self.state(now) != GrantState::Active
    }

    /// The next revision, closed. `None` if the grant is not active at the time of the note.
    #[must_use]
    pub fn close(&self, note: GrantNote) -> Option<Self> {
        (self.state(note.at) == GrantState::Active)
            .then(|| Self { closed: Some(note), ..self.next() })
    }

    /// The next revision, reviewed. `None` if the grant is still active at the time of the note, or
    /// was reviewed before.
    #[must_use]
    pub fn review(&self, note: GrantNote) -> Option<Self> {
        (self.state(note.at) != GrantState::Active && self.reviewed.is_none())
            .then(|| Self { reviewed: Some(note), ..self.next() })
    }

    fn next(&self) -> Self {
        Self { revision: self.revision.saturating_add(1), ..self.clone() }
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("id", &self.id)
            .field("revision", &self.revision)
            .field("profile", &self.profile)
            .field("closed", &self.closed.is_some())
            .finish_non_exhaustive()
    }
}

/// The grants that are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrantListing {
    /// The grants of one caller, in every state. The read is strongly consistent: it contains every
    /// grant whose write was acknowledged.
    Caller(CallerKey),
    /// The grants of all callers that are neither closed nor expired at `now`. The newest may be
    /// missing.
    Open {
        /// The time of the list.
        now: DateTime<Utc>,
    },
}

/// A page of grants.
pub type GrantPage = RecordPage<Grant>;

/// The result of opening a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller must handle both results")]
pub enum Opening {
    /// The grant is open.
    Opened,
    /// A limit refuses it, and nothing was written.
    Refused(LimitReached),
}

/// Stores break-glass grants, and the ledger of their openings.
///
/// # Contract
/// - Every read is strongly consistent: it includes every write that was acknowledged
///   before, except in [`GrantListing::Open`].
/// - A write that was acknowledged is durable, to the degree that the backend documents.
/// - A stored grant with another id than the requested one, or with a holder whose hash is not in
///   the id, is `Corrupt`.
/// - A list omits rows that cannot be read and reports their keys.
/// - A grant may be removed some time after it has expired, and neither before nor while it
///   [needs a review](Grant::needs_review). The ledger remembers an opening for as long as a limit
///   counts it.
/// - A write that failed with another error than `NotFound` or `Conflict` may have taken effect.
#[async_trait]
pub trait GrantStore: fmt::Debug + Send + Sync {
    /// Opens a grant, if the ledgers of the holder and, if `limits` has a quota for it, of the
    /// profile allow it: one transaction on the grant and the ledgers. Of any number of concurrent
    /// openings, as many are opened as the limits allow. A lost race is retried.
    /// [`StoreError::Conflict`] if the races do not end, or if there is a grant with this id.
    /// [`StoreError::Refused`] if the id does not contain the hash of the holder.
    async fn open_grant(
        &self,
        grant: &Grant,
        limits: &OpeningLimits,
    ) -> Result<Opening, StoreError>;

    /// Reads a grant. [`StoreError::NotFound`] if there is none with this id.
    async fn grant(&self, id: &GrantId) -> Result<Grant, StoreError>;

    /// Replaces a grant by its next revision: `next.revision` is one more than that of the stored
    /// grant, and id, holder, profile, `created` and `expires` are the same.
    /// [`StoreError::Conflict`] if the stored grant has another revision, so that of two concurrent
    /// changes one is written. [`StoreError::NotFound`] if there is none with this id.
    async fn replace_grant(&self, next: &Grant) -> Result<(), StoreError>;

    /// Reads the grants of a caller for a profile that are neither closed nor expired at `now`.
    /// [`StoreError::Corrupt`] if one of them cannot be read.
    async fn live_grants(
        &self,
        caller: &CallerKey,
        profile: &ProfileName,
        now: DateTime<Utc>,
    ) -> Result<Vec<Grant>, StoreError>;

    /// Reads a page of grants, in any order, each once: the first page, or the one that begins at a
    /// cursor of the same listing. [`StoreError::NotFound`] if the cursor cannot be one of it.
    async fn grants(
        &self,
        listing: &GrantListing,
        cursor: Option<&Cursor>,
    ) -> Result<GrantPage, StoreError>;
}
