//! Sessions. Each vend has one, which exists before the credentials are returned and
//! until they expire.

use std::{fmt, num::NonZeroU32};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    AccountId, CallerKey, Counted, Cursor, Epochs, Gate, GateChange, Generation, ProfileName,
    RateWindow, RecordPage, SessionHandle, SessionState, StoreError,
};

/// A stored session. Its secret is not stored, only the digest of the secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Session {
    /// The public name of the session.
    pub handle: SessionHandle,
    /// The SHA-256 of the secret.
    #[serde(with = "hex")]
    pub secret_digest: [u8; 32],
    /// The caller key of the caller.
    pub caller: CallerKey,
    /// The user name that policies match.
    pub user: String,
    /// The profile of the credentials.
    pub profile: ProfileName,
    /// The AWS account of the caller.
    pub account: AccountId,
    /// The ARN of the caller's principal.
    pub principal: String,
    /// The SourceIdentity of the credentials.
    pub source_identity: String,
    /// The id of the request that created the session.
    pub request_id: String,
    /// When the session was created.
    pub created: DateTime<Utc>,
    /// When the session expires.
    pub expires: DateTime<Utc>,
    /// The epochs of the gate when the session was created. They must equal the current
    /// epochs.
    pub epochs: Epochs,
    /// The generation of the deployment that created the session. It must equal the
    /// reader's.
    pub generation: Generation,
    /// When the session was marked as ended, because its vend failed after it was
    /// written. `None` if it was not.
    #[serde(deserialize_with = "Option::deserialize")]
    pub ended: Option<DateTime<Utc>>,
}

/// The fields that every session has: the arguments of [`Session::new`].
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "a session without one of them cannot be checked")]
pub struct SessionFields {
    /// The public name of the session.
    pub handle: SessionHandle,
    /// The SHA-256 of the secret.
    pub secret_digest: [u8; 32],
    /// The caller key of the caller.
    pub caller: CallerKey,
    /// The user name that policies match.
    pub user: String,
    /// The profile of the credentials.
    pub profile: ProfileName,
    /// The AWS account of the caller.
    pub account: AccountId,
    /// The ARN of the caller's principal.
    pub principal: String,
    /// The SourceIdentity of the credentials.
    pub source_identity: String,
    /// The id of the request that created the session.
    pub request_id: String,
    /// When the session was created.
    pub created: DateTime<Utc>,
    /// When the session expires.
    pub expires: DateTime<Utc>,
    /// The epochs of the gate when the session was created. They must equal the current
    /// epochs.
    pub epochs: Epochs,
    /// The generation of the deployment that created the session. It must equal the
    /// reader's.
    pub generation: Generation,
}

impl Session {
    /// A session that has not ended.
    ///
    /// ```
    /// use chrono::{DateTime, TimeDelta};
    /// use sentinel_store::{
    ///     AccountId, CallerKey, Gate, Generation, ProfileName, Session, SessionFields, SessionHandle,
    ///     SessionSecret,
    /// };
    ///
    /// let (alice, now) = (CallerKey::parse("alice")?, DateTime::UNIX_EPOCH);
    /// let production = ProfileName::parse("production")?;
    /// let session = Session::new(SessionFields {
    ///     handle: SessionHandle::new(alice.hash(), [1; 10]),
    ///     secret_digest: SessionSecret::new([2; 16]).digest(),
    ///     caller: alice.clone(),
    ///     user: "alice".to_owned(),
    ///     profile: production.clone(),
    ///     account: AccountId::parse("111122223333")?,
    ///     principal: "arn:aws:iam::111122223333:user/alice".to_owned(),
    ///     source_identity: "sentinel-alice-abcdefgh".to_owned(),
    ///     request_id: "5f1c".to_owned(),
    ///     created: now,
    ///     expires: now + TimeDelta::hours(1),
    ///     epochs: Gate::open(alice).epochs(&production),
    ///     generation: Generation(0),
    /// });
    /// assert_eq!(session.ended, None);
    /// # Ok::<(), sentinel_store::ParseIdError>(())
    /// ```
    #[must_use]
    pub fn new(fields: SessionFields) -> Self {
        let SessionFields {
            handle,
            secret_digest,
            caller,
            user,
            profile,
            account,
            principal,
            source_identity,
            request_id,
            created,
            expires,
            epochs,
            generation,
        } = fields;
        Self {
            handle,
            secret_digest,
            caller,
            user,
            profile,
            account,
            principal,
            source_identity,
            request_id,
            created,
            expires,
            epochs,
            generation,
            ended: None,
        }
    }

    /// The same session, marked as ended at that time.
    #[must_use]
    pub fn with_ended(self, ended: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { ended: ended.into(), ..self }
    }
}

impl fmt::Debug for SessionFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFields")
            .field("handle", &self.handle)
            .field("caller", &self.caller)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("handle", &self.handle)
            .field("caller", &self.caller)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// The state of the session at `now`, under this gate and generation. If there are
    /// several reasons to refuse it, the first of revoked, ended and expired is returned.
    #[must_use]
    pub fn state(&self, gate: &Gate, generation: Generation, now: DateTime<Utc>) -> SessionState {
        if self.generation != generation
            || gate.caller != self.caller
            || gate.epochs(&self.profile) != self.epochs
        {
            SessionState::Revoked
        } else if self.ended.is_some() {
            SessionState::Ended
        } else if now >= self.expires {
            SessionState::Expired
        } else {
            SessionState::Active
        }
    }
}

/// The sessions that are listed. A store refuses a list that it does not support with
/// [`StoreError::Refused`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Listing {
    /// The sessions of one caller. The read is strongly consistent: it contains every
    /// session whose write was acknowledged.
    Caller(CallerKey),
    /// The sessions of all callers, for operators. The newest may be missing.
    All,
}

/// A page of sessions. Every session check refuses the unreadable ones.
pub type SessionPage = RecordPage<Session>;

/// Stores sessions and gates.
///
/// # Contract
/// - Every read is strongly consistent: it includes every write that was acknowledged
///   before, except in [`Listing::All`].
/// - A write that was acknowledged is durable, to the degree that the backend documents.
/// - [`change_gate`](Self::change_gate) is atomic: two concurrent changes both take effect,
///   in some order.
/// - A missing gate is [`Gate::open`], never an error. A stored gate of another caller than
///   the requested one is `Corrupt`.
/// - A stored session with another handle than the requested one, or with a caller whose
///   hash is not in the handle, is `Corrupt`.
/// - A list omits rows that cannot be read and reports their keys, so that one damaged row
///   does not hide the others.
/// - A session may be removed some time after it has expired. A gate is never removed.
/// - [`count_vend`](Self::count_vend) is atomic. Counts change no gate and no session, and are not in
///   lists. They may be removed once their window has ended.
/// - A write that failed with another error than `NotFound` or `Conflict` may have taken
///   effect.
#[async_trait]
pub trait SessionStore: fmt::Debug + Send + Sync {
    /// Reads the gate of a caller.
    async fn gate(&self, caller: &CallerKey) -> Result<Gate, StoreError>;

    /// Changes the gate of a caller and returns the changed gate. A change without effect
    /// writes nothing. [`StoreError::Conflict`] if there would be more than
    /// [`Gate::MAX_PROFILES`] profiles.
    ///
    /// A revocation should not depend on a read: an attacker who floods a caller's
    /// partition with reads must not prevent the revocation of that caller.
    async fn change_gate(
        &self,
        caller: &CallerKey,
        change: &GateChange,
    ) -> Result<Gate, StoreError>;

    /// Writes a new session. [`StoreError::Conflict`] if there is one with this handle.
    /// [`StoreError::Refused`] if the handle does not contain the hash of the caller,
    /// because revoking the caller would not revoke the session.
    async fn create_session(&self, session: &Session) -> Result<(), StoreError>;

    /// Marks a session as ended. The time of the first call stays.
    /// [`StoreError::NotFound`] if there is no session with this handle.
    async fn end_session(
        &self,
        handle: &SessionHandle,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// Counts a vend of a caller in a window, unless the count has reached `limit`. Of any number of
    /// concurrent calls for one caller and window, at most `limit` return
    /// [`Counted::WithinLimit`]. A count whose acknowledgment is lost may be counted again, so that
    /// fewer are within the limit. Each caller and each window has its own count: windows that differ
    /// in start or length are different windows.
    ///
    /// It must not read or change the gate, and must not delay
    /// [`change_gate`](Self::change_gate): a revocation must not depend on it.
    async fn count_vend(
        &self,
        caller: &CallerKey,
        window: &RateWindow,
        limit: NonZeroU32,
    ) -> Result<Counted, StoreError>;

    /// Reads a session and the gate of its caller, concurrently or in one transaction.
    /// [`StoreError::NotFound`] if there is no such session. The gate is [`Gate::open`] if
    /// none is stored.
    async fn session(&self, handle: &SessionHandle) -> Result<(Session, Gate), StoreError>;

    /// Reads a page of sessions, in any order, each once: the first page, or the one that
    /// begins at a cursor of the same listing. [`Pages`](crate::Pages) reads the whole
    /// list. [`StoreError::NotFound`] if the cursor cannot be one of this listing.
    async fn sessions(
        &self,
        listing: &Listing,
        cursor: Option<&Cursor>,
    ) -> Result<SessionPage, StoreError>;
}

/// A digest as hexadecimal text.
mod hex {
    use data_encoding::HEXLOWER;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        digest: &[u8; 32],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&HEXLOWER.encode(digest))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = HEXLOWER.decode(text.as_bytes()).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| D::Error::custom("not a digest"))
    }
}
