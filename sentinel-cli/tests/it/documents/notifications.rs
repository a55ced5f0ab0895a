//! `docs/notifications.md`: its table lists the events. A test of `deploy/` compares the fields.

use sentinel_store::NoticeKind;

use super::{quoted, table, text};

#[test]
fn the_table_lists_every_kind_of_event() {
    let rows = table(&text("docs/notifications.md"), "## The event");
    let listed: Vec<String> = rows.iter().flat_map(|row| quoted(&row[0])).collect();
    let written = NoticeKind::ALL.map(NoticeKind::detail_type);
    // The table of the fields follows.
    assert_eq!(listed[..written.len()], written);
}
