//! Whether a record lies where it belongs. Records are found by hash and
//! handle; what is found must name the very caller and handle that were asked
//! for, or nothing may be decided by it.

use crate::{CallerKey, Gate, Listing, Session, SessionHandle, StoreError};

/// A session that is to be written has a handle of its own caller: otherwise
/// revoking the caller would not find it.
pub(crate) fn fitting(session: &Session) -> Result<(), StoreError> {
    if session.handle.caller() == session.caller.hash() {
        Ok(())
    } else {
        Err(StoreError::Refused("the handle of the session is not of its caller".into()))
    }
}

/// The session found at `handle`, if it can be what was written there.
pub(crate) fn session_of(handle: &SessionHandle, found: Session) -> Result<Session, StoreError> {
    if found.handle == *handle && found.caller.hash() == handle.caller() {
        Ok(found)
    } else {
        Err(StoreError::Corrupt("another session is stored at this handle".into()))
    }
}

/// The session found at `handle` in a list, if it can be what was written there.
pub(crate) fn listed(
    listing: &Listing,
    handle: &SessionHandle,
    found: Session,
) -> Result<Session, StoreError> {
    let session = session_of(handle, found)?;
    match listing {
        Listing::Caller(caller) if *caller != session.caller => {
            Err(StoreError::Corrupt("another caller's session is stored with this caller's".into()))
        }
        Listing::Caller(_) | Listing::All => Ok(session),
    }
}

/// The gate found for `caller`, if it can be what was written there.
pub(crate) fn gate_of(caller: &CallerKey, found: Gate) -> Result<Gate, StoreError> {
    if found.caller == *caller {
        Ok(found)
    } else {
        Err(StoreError::Corrupt("another caller's gate is stored for this caller".into()))
    }
}
