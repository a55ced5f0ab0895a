//! Columns of text, aligned by the width that a terminal shows them with.

use unicode_width::UnicodeWidthStr;

use super::printable;

/// Rows of cells, one line each, with two spaces between columns. Columns without
/// text are omitted. Cells are made [printable]: their text can come from a server.
pub(crate) fn table<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> =
        rows.into_iter().map(|row| row.map(|cell| printable(&cell))).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let cells = widths.iter().zip(row).filter(|(width, _)| **width > 0);
        let cells: Vec<String> = cells.map(|(width, cell)| pad(cell, *width)).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// The cells of a single column, for lines of which another part has color: made
/// printable, and padded to the width of the widest cell.
pub(crate) fn column<'c>(cells: impl IntoIterator<Item = &'c str>) -> Vec<String> {
    let cells: Vec<String> = cells.into_iter().map(printable).collect();
    let width = cells.iter().map(|cell| cell.width()).max().unwrap_or(0);
    cells.iter().map(|cell| pad(cell, width)).collect()
}

/// A cell and spaces up to a display width. (The padding of `format!` counts
/// characters.)
fn pad(cell: &str, width: usize) -> String {
    format!("{cell}{}", " ".repeat(width.saturating_sub(cell.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_display_width_and_cells_cannot_control_the_terminal() {
        let rows = [["NAME", "PATH"], ["東京", "/a"], ["é\u{1b}[2J", "/b"], ["x", ""]];
        let text = table(rows.map(|row| row.map(str::to_owned)));
        assert_eq!(text, "NAME   PATH\n東京   /a\né\u{fffd}[2J  /b\nx\n");
    }

    #[test]
    fn columns_without_text_are_omitted() {
        let rows = [["a", "", "b"], ["", "", "c"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(rows), "a  b\n   c\n");
    }

    #[test]
    fn the_cells_of_a_column_have_the_same_display_width() {
        assert_eq!(column(["東京", "x\u{1b}"]), ["東京", "x\u{fffd}  "]);
    }
}
