//! The one session check: whether the session id that a client sends is valid.

use crate::{
    Clock, Generation, Session, SessionId, SessionKeys, SessionState, SessionStore, StoreError,
    StoreResultExt,
};

/// Why a session id is refused. For the log only: the client does not get the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionRefusal {
    /// The id does not parse. Nothing was read.
    Malformed,
    /// The keyed check is missing, wrong, or not expected. Nothing was read.
    BadCheck,
    /// There is no such session.
    Unknown,
    /// The session exists, and its secret is another one.
    WrongSecret,
    /// The vend of the session failed.
    Ended,
    /// The session has expired.
    Expired,
    /// The session was revoked.
    Revoked,
}

impl SessionRefusal {
    /// The word for the reason in records.
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

/// A session was refused.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "a caller must handle both reasons to refuse")]
pub enum VerifyError {
    /// The session is not valid.
    #[error("refused: {}", .0.as_str())]
    Refused(SessionRefusal),
    /// The store failed, so that the session cannot be checked. It is refused.
    #[error("the session store failed")]
    Store(#[source] StoreError),
}

impl VerifyError {
    /// The word for the reason in records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.as_str(),
            Self::Store(_) => "store_failed",
        }
    }
}

/// Returns the session of `id` if it is valid. It costs one read, of the session and
/// its gate together, and no read if the id does not parse or its keyed check fails.
/// The clock is read after the store, so that a slow store does not extend a session.
///
/// With `keys`, the id must have the check of one of them. Without, it must have no
/// check, so that an id has one spelling in every configuration.
///
/// # Errors
/// - [`VerifyError::Refused`] if the session is not valid
/// - [`VerifyError::Store`] if the store fails
pub async fn verify_session(
    store: &dyn SessionStore,
    id: &str,
    keys: Option<&SessionKeys>,
    generation: Generation,
    clock: &dyn Clock,
) -> Result<Session, VerifyError> {
    let refused = |refusal| Err(VerifyError::Refused(refusal));
    let Ok(id) = SessionId::parse(id) else { return refused(SessionRefusal::Malformed) };
    let expected = match keys {
        Some(keys) => keys.accept(&id),
        None => id.check().is_none(),
    };
    if !expected {
        return refused(SessionRefusal::BadCheck);
    }
    let found = store.session(&id.handle).await.optional().map_err(VerifyError::Store)?;
    let Some((session, gate)) = found else { return refused(SessionRefusal::Unknown) };
    // A record of another session must not make this one valid.
    if session.handle != id.handle || session.caller.hash() != id.handle.caller() {
        return refused(SessionRefusal::Unknown);
    }
    if !id.secret.matches(&session.secret_digest) {
        return refused(SessionRefusal::WrongSecret);
    }
    match session.state(&gate, generation, clock.now()) {
        SessionState::Active => Ok(session),
        SessionState::Ended => refused(SessionRefusal::Ended),
        SessionState::Expired => refused(SessionRefusal::Expired),
        SessionState::Revoked => refused(SessionRefusal::Revoked),
    }
}
