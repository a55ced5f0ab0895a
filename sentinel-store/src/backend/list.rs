//! Lists of sessions in the order of their handles. A handle begins with the hash of
//! its caller, so the sessions of a caller follow one another.

use std::ops::Bound;

use super::owned::{id_range, owned_page};
use crate::{Cursor, Listing, Session, SessionHandle, SessionPage, StoreError};

/// The session after which a page begins. `None` for the first page.
///
/// # Errors
/// [`StoreError::NotFound`] if the cursor cannot be one of this list.
pub fn start_after(
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

/// The handles of a list from a cursor to its end. Whatever the cursor is, the range
/// contains no handle outside the list.
///
/// # Errors
/// [`StoreError::NotFound`] if the cursor cannot be one of this list.
pub fn range_of(
    listing: &Listing,
    cursor: Option<&Cursor>,
) -> Result<(Bound<SessionHandle>, Bound<SessionHandle>), StoreError> {
    match listing {
        Listing::Caller(caller) => id_range(caller, cursor),
        Listing::All => {
            let start = start_after(listing, cursor)?;
            Ok((start.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded))
        }
    }
}

/// A page of rows in the order of their handles. If there are `more` rows, the next
/// page begins after the last of these, whether or not that row can be read.
#[must_use]
pub fn page_of(rows: Vec<(SessionHandle, Result<Session, StoreError>)>, more: bool) -> SessionPage {
    owned_page(rows, more)
}
