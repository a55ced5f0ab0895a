//! What every backend of sessions, requests and grants needs, in this crate and outside it: the checks that a
//! record is stored where it belongs, and the order and the cursors of lists.
//!
//! Not here: how a backend stores anything.

mod integrity;
mod list;
mod owned;

pub use integrity::{check_gate, check_listed, check_new_session, check_session};
pub use list::{page_of, range_of, start_after};
pub use owned::{
    IndexPosition, OwnedId, PendingPart, check_grant, check_new_grant, check_new_request,
    check_next_grant, check_next_request, check_request, id_range, open_after, open_cursor,
    owned_page, pending_after, pending_cursor, rows_page,
};
