//! Cursors of lists of sessions: the handle of the last session of a page.

use crate::{Cursor, Listing, SessionHandle, StoreError};

/// The session after which the list goes on; none at its start.
pub(crate) fn after(
    listing: &Listing,
    cursor: Option<&Cursor>,
) -> Result<Option<SessionHandle>, StoreError> {
    let Some(Cursor(cursor)) = cursor else { return Ok(None) };
    let after = SessionHandle::parse(cursor).map_err(|_| StoreError::not_found())?;
    match listing {
        Listing::Caller(caller) if caller.hash() != after.caller() => Err(StoreError::not_found()),
        Listing::Caller(_) | Listing::All => Ok(Some(after)),
    }
}
