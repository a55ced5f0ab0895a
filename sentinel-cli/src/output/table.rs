//! Columns of text, aligned by the width that a terminal shows them with.

use unicode_width::UnicodeWidthStr;

use super::printable;

/// Rows of cells, one line each, with two spaces between columns. Cells are made
/// [printable]: their text can come from a server.
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
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(cell);
            // The padding of `format!` counts characters.
            line.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_by_display_width_and_cells_cannot_control_the_terminal() {
        let rows = [["NAME", "PATH"], ["東京", "/a"], ["é\u{1b}[2J", "/b"], ["x", ""]];
        let text = table(rows.map(|row| row.map(str::to_owned)));
        insta::assert_snapshot!(text, @r"
        NAME    PATH
        東京    /a
        é\u{fffd}[2J   /b
        x
        ");
    }
}
