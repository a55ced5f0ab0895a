//! The difference between two texts of a document, by line.

use clap::builder::styling::AnsiColor;
use similar::TextDiff;

use crate::output::{paint, printable};

/// A unified diff, as `diff -u` writes it. Empty if the texts are equal.
pub(super) fn unified(old: &[u8], new: &[u8], old_name: &str, new_name: &str) -> String {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let diff = TextDiff::from_lines(&*old, &*new);
    let mut unified = diff.unified_diff();
    unified.context_radius(3).header(old_name, new_name).to_string()
}

/// The diff in the form for a terminal.
pub(super) fn shown(difference: &str, color: bool) -> String {
    let lines = difference.lines().map(|line| {
        let text = printable(line);
        let accent = match line.as_bytes().first() {
            Some(b'+') => Some(AnsiColor::Green),
            Some(b'-') => Some(AnsiColor::Red),
            Some(b'@') => Some(AnsiColor::Cyan),
            _ => None,
        };
        let text = accent.map_or(text.clone(), |accent| paint(color, accent, &text));
        text + "\n"
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_has_the_format_of_diff() {
        let text = unified(b"a\nb\nc\n", b"a\nB\nc", "SSM, version 1", "x.yaml");
        insta::assert_snapshot!(text, @r"
        --- SSM, version 1
        +++ x.yaml
        @@ -1,3 +1,3 @@
         a
        -b
        -c
        +B
        +c
        \ No newline at end of file
        ");
        assert_eq!(unified(b"a\n", b"a\n", "x", "y"), "");
    }

    #[test]
    fn document_text_cannot_control_the_terminal() {
        let shown = shown(&unified(b"", b"a: \x1b[2J\n", "x", "y"), false);
        assert!(!shown.contains('\u{1b}') && shown.contains("+a: "), "{shown}");
    }
}
