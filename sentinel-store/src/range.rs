//! Lists of sessions for backends that keep them in the order of handles: the
//! caller comes first in a handle, so that a caller's sessions lie together.

use std::ops::Bound;

use crate::{Cursor, Listing, Session, SessionHandle, SessionPage, StoreError, cursor::after};

/// The part of a list that is still to be read: whatever the cursor says, it
/// does not reach beyond what the listing is about.
pub(crate) fn range(
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
    Ok((after(listing, cursor)?.map_or(first, Bound::Excluded), last))
}

/// A page of the rows that were found, in the order of handles: the next one
/// begins after its last row, whether that can be read or not.
pub(crate) fn page(
    rows: Vec<(SessionHandle, Result<Session, StoreError>)>,
    more: bool,
) -> SessionPage {
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
