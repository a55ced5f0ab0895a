//! The order and the cursors of lists of records whose ids begin with the hash of the caller, so that
//! the records of a caller follow one another; and the checks that a request or a grant is stored where
//! it belongs.

use std::ops::Bound;

use chrono::{DateTime, Utc};
use sentinel_wire::{CallerHash, ParseIdError, rfc3339};

use crate::{
    AccessRequest, CallerKey, Cursor, Grant, GrantId, ProfileName, RecordPage, RequestId,
    RequestStatus, SessionHandle, StoreError,
};

/// An id that contains the hash of its caller.
pub trait OwnedId: Copy + Ord + std::fmt::Display + Sized {
    /// The id with that hash and these random bytes.
    fn of(caller: CallerHash, random: [u8; 10]) -> Self;
    /// Parses a text.
    ///
    /// # Errors
    /// If the text is not an id.
    fn read(text: &str) -> Result<Self, ParseIdError>;
    /// The hash of the caller.
    fn owner(&self) -> CallerHash;
    /// The id with these bytes.
    fn of_bytes(bytes: &[u8; 26]) -> Self;
    /// The bytes, in the order of the texts.
    fn bytes(self) -> [u8; 26];
}

macro_rules! owned {
    ($($id:ident)+) => {$(
        impl OwnedId for $id {
            fn of(caller: CallerHash, random: [u8; 10]) -> Self {
                Self::new(caller, random)
            }

            fn read(text: &str) -> Result<Self, ParseIdError> {
                Self::parse(text)
            }

            fn owner(&self) -> CallerHash {
                self.caller()
            }

            fn of_bytes(bytes: &[u8; 26]) -> Self {
                Self::from_bytes(bytes)
            }

            fn bytes(self) -> [u8; 26] {
                self.to_bytes()
            }
        }
    )+};
}

owned!(SessionHandle RequestId GrantId);

/// The ids of a caller's records from a cursor to the last one. Whatever the cursor is, the range
/// contains no id of another caller.
///
/// # Errors
/// [`StoreError::NotFound`] if the cursor cannot be one of this list.
pub fn id_range<I: OwnedId>(
    caller: &CallerKey,
    cursor: Option<&Cursor>,
) -> Result<(Bound<I>, Bound<I>), StoreError> {
    let first = match cursor {
        None => Bound::Included(I::of(caller.hash(), [u8::MIN; 10])),
        Some(Cursor(cursor)) => {
            let after = I::read(cursor).map_err(|_| StoreError::not_found())?;
            if after.owner() != caller.hash() {
                return Err(StoreError::not_found());
            }
            Bound::Excluded(after)
        }
    };
    Ok((first, Bound::Included(I::of(caller.hash(), [u8::MAX; 10]))))
}

/// A page of rows in the order of their ids. If there are `more` rows, the next page begins after the
/// last of these, whether or not that row can be read.
#[must_use]
pub fn owned_page<I: OwnedId, T>(
    rows: Vec<(I, Result<T, StoreError>)>,
    more: bool,
) -> RecordPage<T> {
    let last = rows.last().filter(|_| more);
    let next = last.map(|(id, _)| Cursor(id.to_string()));
    RecordPage { next, ..rows_page(rows) }
}

/// The last page of a list with these rows.
#[must_use]
pub fn rows_page<I: OwnedId, T>(rows: Vec<(I, Result<T, StoreError>)>) -> RecordPage<T> {
    let mut page = RecordPage::default();
    for (id, row) in rows {
        match row {
            Ok(record) => page.items.push(record),
            Err(_) => page.unreadable.push(id.to_string()),
        }
    }
    page
}

/// The last row of a page of an index, after which the next page begins: its time, and its id.
pub type IndexPosition<I> = (DateTime<Utc>, I);

/// A profile whose pending requests are listed, and the position at which its list begins. `None` for
/// its first request.
pub type PendingPart<'p> = (&'p ProfileName, Option<IndexPosition<RequestId>>);

/// The cursor after a row of the list of pending requests.
#[must_use]
pub fn pending_cursor(profile: &ProfileName, deadline: DateTime<Utc>, id: &RequestId) -> Cursor {
    Cursor(format!("{profile} {} {id}", rfc3339::exact(deadline)))
}

/// The profiles that a page of pending requests still has to list, in order. Each begins at its first
/// request, except the first of them if it has a position.
///
/// # Errors
/// [`StoreError::NotFound`] if the cursor cannot be one of this list.
pub fn pending_after<'p>(
    profiles: &'p [ProfileName],
    cursor: Option<&Cursor>,
) -> Result<Vec<PendingPart<'p>>, StoreError> {
    let mut sorted: Vec<&ProfileName> = profiles.iter().collect();
    sorted.sort();
    sorted.dedup();
    let Some(Cursor(cursor)) = cursor else {
        return Ok(sorted.into_iter().map(|profile| (profile, None)).collect());
    };
    let (name, position) = cursor.split_once(' ').ok_or_else(StoreError::not_found)?;
    let position = read_position::<RequestId>(position)?;
    let at = sorted.iter().position(|profile| profile.as_str() == name);
    let rest = sorted.into_iter().skip(at.ok_or_else(StoreError::not_found)?);
    Ok(rest.enumerate().map(|(n, profile)| (profile, (n == 0).then_some(position))).collect())
}

/// The cursor after a row of the list of open grants.
#[must_use]
pub fn open_cursor(expires: DateTime<Utc>, id: &GrantId) -> Cursor {
    Cursor(format!("{} {id}", rfc3339::exact(expires)))
}

/// The grant after which a page of open grants begins. `None` for the first page.
///
/// # Errors
/// [`StoreError::NotFound`] if the cursor cannot be one of this list.
pub fn open_after(cursor: Option<&Cursor>) -> Result<Option<IndexPosition<GrantId>>, StoreError> {
    cursor.map(|Cursor(cursor)| read_position(cursor)).transpose()
}

fn read_position<I: OwnedId>(text: &str) -> Result<IndexPosition<I>, StoreError> {
    let (time, id) = text.split_once(' ').ok_or_else(StoreError::not_found)?;
    let time = DateTime::parse_from_rfc3339(time).map_err(|_| StoreError::not_found())?;
    let id = I::read(id).map_err(|_| StoreError::not_found())?;
    Ok((time.to_utc(), id))
}

/// Checks a request before it is created.
///
/// # Errors
/// [`StoreError::Refused`] if its id is not of its requester, or it is neither pending nor approved.
pub fn check_new_request(request: &AccessRequest) -> Result<(), StoreError> {
    let new = match request.status {
        RequestStatus::Pending | RequestStatus::Approved(_) => true,
        RequestStatus::Denied | RequestStatus::Cancelled | RequestStatus::Revoked(_) => false,
    };
    if request.id.caller() != request.requester.caller.hash() {
        Err(StoreError::Refused("the id of the request is not of its requester".into()))
    } else if !new {
        Err(StoreError::Refused("a new request is pending or approved".into()))
    } else {
        Ok(())
    }
}

/// Checks that a request is the next revision of the stored one.
///
/// # Errors
/// [`StoreError::Conflict`] if it is not.
pub fn check_next_request(stored: &AccessRequest, next: &AccessRequest) -> Result<(), StoreError> {
    let follows = stored.revision.checked_add(1) == Some(next.revision)
        && stored.id == next.id
        && stored.requester == next.requester
        && stored.profile == next.profile
        && stored.created == next.created
        && stored.deadline == next.deadline;
    if follows { Ok(()) } else { Err(StoreError::conflict()) }
}

/// Returns the request that was found at `id`, if it is the one that was written there.
///
/// # Errors
/// [`StoreError::Corrupt`] if it is another request, or another caller's.
pub fn check_request(id: &RequestId, found: AccessRequest) -> Result<AccessRequest, StoreError> {
    if found.id == *id && found.requester.caller.hash() == id.caller() {
        Ok(found)
    } else {
        Err(StoreError::Corrupt("another request is stored at this id".into()))
    }
}

/// Checks a grant before it is opened.
///
/// # Errors
/// [`StoreError::Refused`] if its id is not of its holder, or it is closed.
pub fn check_new_grant(grant: &Grant) -> Result<(), StoreError> {
    if grant.id.caller() != grant.holder.caller.hash() {
        Err(StoreError::Refused("the id of the grant is not of its holder".into()))
    } else if grant.closed.is_some() {
        Err(StoreError::Refused("a new grant is open".into()))
    } else {
        Ok(())
    }
}

/// Checks that a grant is the next revision of the stored one.
///
/// # Errors
/// [`StoreError::Conflict`] if it is not.
pub fn check_next_grant(stored: &Grant, next: &Grant) -> Result<(), StoreError> {
    let follows = stored.revision.checked_add(1) == Some(next.revision)
        && stored.id == next.id
        && stored.holder == next.holder
        && stored.profile == next.profile
        && stored.created == next.created
        && stored.expires == next.expires;
    if follows { Ok(()) } else { Err(StoreError::conflict()) }
}

/// Returns the grant that was found at `id`, if it is the one that was written there.
///
/// # Errors
/// [`StoreError::Corrupt`] if it is another grant, or another caller's.
pub fn check_grant(id: &GrantId, found: Grant) -> Result<Grant, StoreError> {
    if found.id == *id && found.holder.caller.hash() == id.caller() {
        Ok(found)
    } else {
        Err(StoreError::Corrupt("another grant is stored at this id".into()))
    }
}
