//! What every session backend needs, in this crate and outside it: the checks that a
//! record is stored where it belongs, and the order and the cursors of lists.
//!
//! Not here: how a backend stores anything.

mod integrity;
mod list;

pub use integrity::{check_gate, check_listed, check_new_session, check_session};
pub use list::{page_of, range_of, start_after};
