//! Lists of sessions in the order of their handles. A handle begins with the hash of
//! its caller, so the sessions of a caller follow one another.

use std::ops::Bound;

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
    let (first, last) = match listing {
        Listing::Caller(caller) => {
            let handle = |random| Bound::Included(SessionHandle::new(caller.hash(), random));
            (handle([u8::MIN; 10]), handle([u8::MAX; 10]))
        }
        Listing::All => (Bound::Unbounded, Bound::Unbounded),
    };
    Ok((start_after(listing, cursor)?.map_or(first, Bound::Excluded), last))
}

/// A page of rows in the order of their handles. If there are `more` rows, the next
/// page begins after the last of these, whether or not that row can be read.
#[must_use]
pub fn page_of(rows: Vec<(SessionHandle, Result<Session, StoreError>)>, more: bool) -> SessionPage {
    let last = rows.last().filter(|_| more);
    let next = last.map(|(handle, _)| Cursor(handle.to_string()));
    let mut page = SessionPage { next, ..SessionPage::default() };
    for (handle, row) in rows {
        match row {
            Ok(session) => page.items.push(session),
            Err(_) => page.unreadable.push(handle.to_string()),
        }
    }
    page
}
