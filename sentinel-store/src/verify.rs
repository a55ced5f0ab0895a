//! The one session check: whether a session id that a client shows is good.

use crate::{
    Clock, Generation, Session, SessionId, SessionKeys, SessionState, SessionStore, StoreError,
    StoreResultExt,
};

/// Why a session id is not good. For the log: the client is never told which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It does not parse; nothing was read.
    Malformed,
    /// Its keyed check is missing, wrong, or not expected; nothing was read.
    BadCheck,
    /// There is no such session.
    Unknown,
    /// The session is there, and this is not its secret.
    WrongSecret,
    /// Its vend failed.
    Ended,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl Refusal {
    /// The word for it in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::BadCheck => "bad_check",
            Self::Unknown => "unknown",
            Self::WrongSecret => "wrong_secret",
            Self::Ended => "ended",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// A session was not let through.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is not good.
    #[error("refused: {}", .0.as_str())]
    Refused(Refusal),
    /// Whether it is good cannot be told, so it is refused.
    #[error("the session store failed")]
    Store(#[source] StoreError),
}

impl VerifyError {
    /// The word for it in records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.as_str(),
            Self::Store(_) => "store_failed",
        }
    }
}

/// Returns the session of `id` if it is good. It costs one read, of session and
/// gate together, and none if the id does not parse or its keyed check fails.
/// The clock is read after the store, so that a slow store gives no session a
/// longer life.
///
/// With `keys`, the id must carry the check of one of them. Without, it must
/// carry no check: an id has one spelling, whatever the configuration.
///
/// # Errors
/// Whatever is not a good session, a failing store too.
pub async fn verify_session(
    store: &dyn SessionStore,
    id: &str,
    keys: Option<&SessionKeys>,
    generation: Generation,
    clock: &dyn Clock,
) -> Result<Session, VerifyError> {
    let refused = |refusal| Err(VerifyError::Refused(refusal));
    let Ok(id) = SessionId::parse(id) else { return refused(Refusal::Malformed) };
    let expected = match keys {
        Some(keys) => keys.accept(&id),
        None => id.check().is_none(),
    };
    if !expected {
        return refused(Refusal::BadCheck);
    }
    let found = store.session(&id.handle).await.optional().map_err(VerifyError::Store)?;
    let Some((session, gate)) = found else { return refused(Refusal::Unknown) };
    // A store that answers about another session must not let this one through.
    if session.handle != id.handle || session.caller.hash() != id.handle.caller() {
        return refused(Refusal::Unknown);
    }
    if !id.secret.matches(&session.secret_digest) {
        return refused(Refusal::WrongSecret);
    }
    match session.state(&gate, generation, clock.now()) {
        SessionState::Active => Ok(session),
        SessionState::Ended => refused(Refusal::Ended),
        SessionState::Expired => refused(Refusal::Expired),
        SessionState::Revoked => refused(Refusal::Revoked),
    }
}
