//! Columns of text, aligned by the width that a terminal shows them with, and fitted into the width of
//! a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::printable;

/// The text between two columns.
const GAP: &str = "  ";
/// The text before the second line of a record.
const INDENT: &str = "  ";
/// A column is not made narrower than this, or than its name.
const NARROWEST: usize = 8;

/// How a column is fitted into a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// It is always complete: an id that people copy, a word or a number.
    Whole,
    /// It is shortened if the table is too wide. The column with the lowest number is the first.
    Short(u8),
}

/// Records, one line each, below the names of their columns. If `width` is given, the table is fitted
/// into it: columns are shortened in the order of their [`Fit`]. If that is not enough, the first column
/// is on a separate line above the others, and if that is not enough either, each record is shown as a
/// list of its fields. Without a width, nothing is left out. Columns without names have no line for them.
pub(crate) fn records<const N: usize>(
    columns: [(&str, Fit); N],
    rows: impl IntoIterator<Item = [String; N]>,
    width: Option<usize>,
) -> String {
    let names = columns.map(|(name, _)| name.to_owned());
    let rows: Vec<[String; N]> = rows.into_iter().map(printed).collect();
    let named = names.iter().any(|name| !name.is_empty());
    let all = || std::iter::once(&names).filter(|_| named).chain(&rows);
    let complete = widths(all());
    let Some(width) = width else { return aligned(all(), complete) };
    if let Some(fitted) = fitted(&complete, &columns, width) {
        return aligned(all(), fitted);
    }
    // The cells of the first column are alone on their lines.
    let mut others = complete;
    let first = others.first_mut().map(std::mem::take).unwrap_or_default();
    let narrower = width.saturating_sub(INDENT.len());
    match fitted(&others, &columns, narrower).filter(|_| first <= width) {
        Some(others) => stacked(all(), others),
        None => listed(&names, &rows),
    }
}

/// Rows of cells, one line each, with two spaces between columns. Columns without
/// text are omitted. Cells are made [printable]: their text can come from a server.
pub(crate) fn table<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.into_iter().map(printed).collect();
    aligned(&rows, widths(&rows))
}

fn printed<const N: usize>(row: [String; N]) -> [String; N] {
    row.map(|cell| printable(&cell))
}

/// The width of the widest cell of each column.
fn widths<'r, const N: usize>(rows: impl IntoIterator<Item = &'r [String; N]>) -> [usize; N] {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    widths
}

fn aligned<'r, const N: usize>(
    rows: impl IntoIterator<Item = &'r [String; N]>,
    widths: [usize; N],
) -> String {
    let mut text = String::new();
    for row in rows {
        let cells = widths.iter().zip(row).filter(|(width, _)| **width > 0);
        let cells: Vec<String> =
            cells.map(|(width, cell)| pad(&cut(cell, *width), *width)).collect();
        text.push_str(cells.join(GAP).trim_end());
        text.push('\n');
    }
    text
}

/// The widths with which the columns fit. `None` if they do not fit. A column of width 0 is omitted.
fn fitted<const N: usize>(
    complete: &[usize; N],
    columns: &[(&str, Fit); N],
    width: usize,
) -> Option<[usize; N]> {
    let mut widths = *complete;
    let shown = widths.iter().filter(|width| **width > 0).count();
    let gaps = GAP.len() * shown.saturating_sub(1);
    let mut order: Vec<(u8, usize)> = (0..)
        .zip(columns)
        .filter_map(|(at, (_, fit))| match fit {
            Fit::Whole => None,
            Fit::Short(rank) => Some((*rank, at)),
        })
        .collect();
    order.sort_unstable();
    for (_, at) in order {
        let excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(width);
        let (Some(column), Some((name, _))) = (widths.get_mut(at), columns.get(at)) else {
            continue;
        };
        let narrowest = NARROWEST.max(name.width()).min(*column);
        *column = column.saturating_sub(excess).max(narrowest);
    }
    (widths.iter().sum::<usize>() + gaps <= width).then_some(widths)
}

/// Each record on two lines: its first cell, then the others, aligned.
fn stacked<'r, const N: usize>(
    rows: impl Iterator<Item = &'r [String; N]> + Clone,
    others: [usize; N],
) -> String {
    let firsts = rows.clone().filter_map(|row| row.first());
    let below = aligned(rows.clone(), others);
    firsts.zip(below.lines()).map(|(first, line)| format!("{first}\n{INDENT}{line}\n")).collect()
}

/// Each record as the list of its fields, complete. An empty line is between two records.
fn listed<const N: usize>(names: &[String; N], rows: &[[String; N]]) -> String {
    let record = |row: &[String; N]| {
        let fields = names.iter().zip(row).filter(|(_, cell)| !cell.is_empty());
        table(fields.map(|(name, cell)| [name.clone(), cell.clone()]))
    };
    rows.iter().map(record).collect::<Vec<_>>().join("\n")
}

/// The cells of a single column, for lines of which another part has color: made
/// printable, and padded to the width of the widest cell.
#[cfg(feature = "aws")]
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

/// The beginning of a text that is wider than `width`, and `…`. Text in quotation marks stays in them,
/// so that a reader sees where it ends.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let is_quoted = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    let end = if is_quoted { "…\"" } else { "…" };
    let mut room = width.saturating_sub(end.width());
    let kept = text.chars().take_while(|char| {
        let width = char.width().unwrap_or(0);
        let fits = width <= room;
        room = room.saturating_sub(if fits { width } else { room });
        fits
    });
    let mut kept: String = kept.collect();
    kept.push_str(end);
    kept
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

    #[cfg(feature = "aws")]
    #[test]
    fn the_cells_of_a_column_have_the_same_display_width() {
        assert_eq!(column(["東京", "x\u{1b}"]), ["東京", "x\u{fffd}  "]);
    }

    const COLUMNS: [(&str, Fit); 4] = [
        ("ID", Fit::Whole),
        ("USER", Fit::Short(1)),
        ("STATE", Fit::Whole),
        ("REASON", Fit::Short(0)),
    ];

    fn shown(width: Option<usize>) -> String {
        let rows = [
            ["request-0123456789", "alice@example.com", "pending", r#""deploy 2.4 to production""#],
            ["request-9876543210", "bob", "approved", r#""x""#],
        ];
        records(COLUMNS, rows.map(|row| row.map(str::to_owned)), width)
    }

    #[test]
    fn a_table_for_a_pipe_is_complete() {
        insta::assert_snapshot!(shown(None), @r#"
        ID                  USER               STATE     REASON
        request-0123456789  alice@example.com  pending   "deploy 2.4 to production"
        request-9876543210  bob                approved  "x"
        "#);
        assert_eq!(shown(None), shown(Some(200)));
    }

    #[test]
    fn the_least_important_column_is_shortened_first_and_no_id() {
        insta::assert_snapshot!(shown(Some(70)), @r#"
        ID                  USER               STATE     REASON
        request-0123456789  alice@example.com  pending   "deploy 2.4 to prod…"
        request-9876543210  bob                approved  "x"
        "#);
        insta::assert_snapshot!(shown(Some(52)), @r#"
        ID                  USER          STATE     REASON
        request-0123456789  alice@examp…  pending   "deplo…"
        request-9876543210  bob           approved  "x"
        "#);
    }

    #[test]
    fn the_id_is_on_a_separate_line_if_the_table_cannot_fit_otherwise() {
        insta::assert_snapshot!(shown(Some(44)), @r#"
        ID
          USER               STATE     REASON
        request-0123456789
          alice@example.com  pending   "deploy 2.4…"
        request-9876543210
          bob                approved  "x"
        "#);
        insta::assert_snapshot!(shown(Some(32)), @r#"
        ID
          USER        STATE     REASON
        request-0123456789
          alice@exa…  pending   "deplo…"
        request-9876543210
          bob         approved  "x"
        "#);
    }

    #[test]
    fn a_table_that_cannot_fit_is_a_list_of_complete_fields() {
        insta::assert_snapshot!(shown(Some(29)), @r#"
        ID      request-0123456789
        USER    alice@example.com
        STATE   pending
        REASON  "deploy 2.4 to production"

        ID      request-9876543210
        USER    bob
        STATE   approved
        REASON  "x"
        "#);
    }

    #[test]
    fn no_line_of_a_fitted_table_is_wider_than_the_terminal() {
        for width in 30..120 {
            let text = shown(Some(width));
            assert!(text.contains("request-0123456789") && text.contains("request-9876543210"));
            assert!(text.lines().all(|line| line.width() <= width), "{width}: {text}");
        }
    }

    #[test]
    fn a_text_is_cut_by_its_display_width_and_stays_in_its_quotation_marks() {
        assert_eq!(cut("東京都", 6), "東京都");
        assert_eq!(cut("東京都", 5), "東京…");
        assert_eq!(cut("東京都", 4), "東…");
        assert_eq!(cut("\"東京都\"", 6), "\"東…\"");
        assert_eq!(cut("abc", 0), "…");
    }
}
