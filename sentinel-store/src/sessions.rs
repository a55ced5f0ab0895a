//! Sessions: one for every vend, from before the credentials leave until they
//! expire.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{
    AccountId, CallerKey, Cursor, Epoch, Gate, GateChange, Generation, ProfileName, SessionHandle,
    StoreError,
};

/// The epochs of a caller's gate, as a whole and on one profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Epochs {
    /// Of the caller as a whole.
    pub caller: Epoch,
    /// Of the caller on the profile.
    pub profile: Epoch,
}

/// A session as it is stored. Its secret is not: only the digest is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Its public name.
    pub handle: SessionHandle,
    /// The SHA-256 of its secret.
    #[serde(with = "hex")]
    pub secret_digest: [u8; 32],
    /// Whose it is.
    pub caller: CallerKey,
    /// The user as policies see them.
    pub user: String,
    /// What it is for.
    pub profile: ProfileName,
    /// The caller's account.
    pub account: AccountId,
    /// The caller's principal ARN.
    pub principal: String,
    /// The SourceIdentity of its credentials.
    pub source_identity: String,
    /// The request that made it.
    pub request_id: String,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// When it ends.
    pub expires: DateTime<Utc>,
    /// The epochs it was made under: they must equal the gate's.
    pub epochs: Epochs,
    /// The generation it was made under: it must equal the reader's.
    pub generation: Generation,
    /// Since when it is marked as ended: its vend failed after it was written.
    #[serde(deserialize_with = "Option::deserialize")]
    pub ended: Option<DateTime<Utc>>,
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

/// What a session is at some instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    /// It is good.
    Active,
    /// Its vend failed after it was written.
    Ended,
    /// Its time is over.
    Expired,
    /// It was revoked, alone or with all others.
    Revoked,
}

impl SessionState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::Ended, Self::Expired, Self::Revoked];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Ended => "ended",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// The state of that word, if it is one.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl Session {
    /// What the session is at `now`, under that gate and generation. Of several
    /// reasons to refuse it the most telling one is given: revoked, ended,
    /// expired.
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

/// Whose sessions are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// One caller's: a strongly consistent read of the caller's own partition,
    /// so that it sees every session whose write was acknowledged.
    Caller(CallerKey),
    /// Everybody's, for people to look at; may lag behind.
    All,
}

/// Some of a list of sessions. A page may be empty and still have a next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionPage {
    /// The sessions.
    pub items: Vec<Session>,
    /// The keys of the rows that cannot be read, for the log. They are no
    /// sessions: every session check refuses them.
    pub unreadable: Vec<String>,
    /// Where the next page begins, `None` on the last one.
    pub next: Option<Cursor>,
}

/// Keeps sessions and gates.
///
/// # Contract
/// - Every read is strongly consistent: what a write was acknowledged for, every
///   later read sees ([`Listing::All`] excepted).
/// - A write that was acknowledged is durable, as durable as the backend claims
///   to be.
/// - [`change_gate`](Self::change_gate) is atomic: of two changes at once, both
///   happen, in some order.
/// - A missing gate is [`Gate::open`], never an error. A stored gate whose
///   caller is not the one asked for is `Corrupt`.
/// - A stored session whose handle is not the one it was found by, or whose
///   caller is not the handle's, is `Corrupt`.
/// - A list leaves out rows that cannot be read and names their keys: one damaged
///   row must not hide the others.
/// - A session that is long expired may be removed; a gate never.
/// - A write that failed, otherwise than with `NotFound` or `Conflict`, may have
///   happened all the same.
#[async_trait]
pub trait SessionStore: fmt::Debug + Send + Sync {
    /// The gate of a caller.
    async fn gate(&self, caller: &CallerKey) -> Result<Gate, StoreError>;

    /// Changes a caller's gate and returns it as it is after. A change that
    /// changes nothing writes nothing. [`StoreError::Conflict`] for the
    /// revocation of one profile more than [`Gate::MAX_PROFILES`].
    ///
    /// A revocation should not depend on a read: whoever floods a caller's
    /// partition with reads must not keep that caller from being revoked.
    async fn change_gate(
        &self,
        caller: &CallerKey,
        change: &GateChange,
    ) -> Result<Gate, StoreError>;

    /// Writes a new session; [`StoreError::Conflict`] when there is one of that
    /// handle. [`StoreError::Refused`] when its handle is not of its caller:
    /// revoking the caller would not find it.
    async fn create_session(&self, session: &Session) -> Result<(), StoreError>;

    /// Marks a session as ended; once ended it stays as it is.
    /// [`StoreError::NotFound`] when there is none of that handle.
    async fn end_session(
        &self,
        handle: &SessionHandle,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError>;

    /// A session and the gate stored for its caller, read at the same time.
    /// [`StoreError::NotFound`] when there is no such session; the gate is
    /// [`Gate::open`] of the session's caller when none is stored.
    async fn session(&self, handle: &SessionHandle) -> Result<(Session, Gate), StoreError>;

    /// Sessions in any order, each once, a page at a time: from the start, or
    /// from where a page of the same listing said that the next one begins.
    /// [`StoreError::NotFound`] when the cursor cannot be one of this listing's.
    async fn sessions(
        &self,
        listing: &Listing,
        cursor: Option<&Cursor>,
    ) -> Result<SessionPage, StoreError>;
}

/// A digest as text.
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
