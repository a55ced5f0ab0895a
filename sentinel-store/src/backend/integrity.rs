//! Whether a record is stored where it belongs. Records are found by hash and
//! handle. A record that was found must name the requested caller and handle, or
//! nothing may be decided by it.

use crate::{CallerKey, Gate, Listing, Session, SessionHandle, StoreError};

/// Checks a session before it is written: its handle must contain the hash of its
/// caller. Otherwise revoking the caller would not revoke the session.
///
/// # Errors
/// [`StoreError::Refused`] if it does not.
pub fn check_new_session(session: &Session) -> Result<(), StoreError> {
    if session.handle.caller() == session.caller.hash() {
        Ok(())
    } else {
        Err(StoreError::Refused("the handle of the session is not of its caller".into()))
    }
}

/// Returns the session that was found at `handle`, if it is the one that was
/// written there.
///
/// # Errors
/// [`StoreError::Corrupt`] if it is another session, or another caller's.
pub fn check_session(handle: &SessionHandle, found: Session) -> Result<Session, StoreError> {
    if found.handle == *handle && found.caller.hash() == handle.caller() {
        Ok(found)
    } else {
        Err(StoreError::Corrupt("another session is stored at this handle".into()))
    }
}

/// Returns the session that was found at `handle` in a list, if it is the one that
/// was written there and belongs to the list.
///
/// # Errors
/// [`StoreError::Corrupt`] if it is another session, or another caller's.
pub fn check_listed(
    listing: &Listing,
    handle: &SessionHandle,
    found: Session,
) -> Result<Session, StoreError> {
    let session = check_session(handle, found)?;
    match listing {
        Listing::Caller(caller) if *caller != session.caller => {
            Err(StoreError::Corrupt("another caller's session is stored with this caller's".into()))
        }
        Listing::Caller(_) | Listing::All => Ok(session),
    }
}

/// Returns the gate that was found for `caller`, if it is the one that was written
/// there.
///
/// # Errors
/// [`StoreError::Corrupt`] if it is another caller's.
pub fn check_gate(caller: &CallerKey, found: Gate) -> Result<Gate, StoreError> {
    if found.caller == *caller {
        Ok(found)
    } else {
        Err(StoreError::Corrupt("another caller's gate is stored for this caller".into()))
    }
}
