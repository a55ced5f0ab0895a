//! The format of diagnostics in a terminal.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

use super::{Diagnostic, Severity, is_unprintable};
use crate::Span;

/// Maximum number of columns of a source line that are shown.
const WIDTH: usize = 120;
/// Number of characters that are shown before the place if a line is too long.
const BEFORE: u32 = 30;
/// Number of spaces that are shown for a tab.
const TAB: usize = 4;

/// The ANSI sequences, which are empty without color.
struct Style {
    error: &'static str,
    warning: &'static str,
    frame: &'static str,
    bold: &'static str,
    reset: &'static str,
}

const PLAIN: Style = Style { error: "", warning: "", frame: "", bold: "", reset: "" };
const COLOR: Style = Style {
    error: "\u{1b}[1;31m",
    warning: "\u{1b}[1;33m",
    frame: "\u{1b}[1;34m",
    bold: "\u{1b}[1m",
    reset: "\u{1b}[0m",
};

/// Renders a list that is in the order of the source.
pub(super) fn render(list: &[Diagnostic], file: &str, source: &[u8], color: bool) -> String {
    let text = String::from_utf8_lossy(source);
    let mut cursor = Cursor::new(text.strip_prefix('\u{feff}').unwrap_or(&text));
    let file: String = file.chars().map(printable).collect();
    let last_line = list.iter().map(|d| d.span.start.line).max().unwrap_or(1);
    let frame = Frame {
        file,
        gutter: last_line.to_string().len(),
        style: if color { &COLOR } else { &PLAIN },
    };
    let mut out = String::new();
    for (count, diagnostic) in list.iter().enumerate() {
        if count > 0 {
            out.push('\n');
        }
        let excerpt = cursor.excerpt(diagnostic.span);
        // Writing to a string cannot fail.
        let _ = frame.write(&mut out, diagnostic, excerpt.as_ref());
    }
    out
}

/// What all diagnostics of a document share in their output.
struct Frame {
    file: String,
    /// Number of columns for a line number.
    gutter: usize,
    style: &'static Style,
}

impl Frame {
    /// Writes one diagnostic, and the part of the source that it is about.
    fn write(
        &self,
        out: &mut String,
        diagnostic: &Diagnostic,
        excerpt: Option<&Excerpt>,
    ) -> std::fmt::Result {
        let Self { file, gutter, style } = self;
        let gutter = *gutter;
        let Diagnostic { severity, code, message, help, span } = diagnostic;
        let Style { error, warning, frame, bold, reset } = style;
        let accent = match severity {
            Severity::Error => error,
            Severity::Warning => warning,
        };
        let (line, column) = (span.start.line, span.start.column);
        let (severity, code) = (severity.as_str(), code.as_str());
        writeln!(out, "{accent}{severity}[{code}]{reset}{bold}: {message}{reset}")?;
        writeln!(out, "{:gutter$}{frame}-->{reset} {file}:{line}:{column}", "")?;
        if let Some(Excerpt { text, indent, carets }) = excerpt {
            writeln!(out, "{:gutter$} {frame}|{reset}", "")?;
            let gap = if text.is_empty() { "" } else { " " };
            writeln!(out, "{frame}{line:gutter$} |{reset}{gap}{text}")?;
            let (space, marks) = (" ".repeat(*indent), "^".repeat(*carets));
            writeln!(out, "{:gutter$} {frame}|{reset} {space}{accent}{marks}{reset}", "")?;
        }
        if let Some(help) = help {
            writeln!(out, "{:gutter$} {frame}={reset} {bold}help{reset}: {help}", "")?;
        }
        Ok(())
    }
}

/// The part of a line that is shown, and the part of it that is underlined, in
/// columns of a terminal.
struct Excerpt {
    text: String,
    indent: usize,
    carets: usize,
}

/// A position in the source that only moves forward, so that many diagnostics on
/// one huge line do not each scan it from its beginning.
struct Cursor<'a> {
    /// The source, starting at the beginning of `line`.
    rest: &'a str,
    line: u32,
    /// The source, starting at `column` of the line.
    tail: &'a str,
    column: u32,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1, tail: text, column: 1 }
    }

    /// Moves to a line. Returns whether the line exists.
    fn go_to_line(&mut self, line: u32) -> bool {
        while self.line < line {
            let length = self.tail.find(is_break).unwrap_or(self.tail.len());
            let after = self.tail.get(length..).unwrap_or_default();
            let Some(after) = after.strip_prefix("\r\n").or_else(|| after.strip_prefix(is_break))
            else {
                return false;
            };
            *self = Self { line: self.line + 1, ..Self::new(after) };
        }
        self.line == line
    }

    /// Moves to a column of the line, or to its end.
    fn go_to_column(&mut self, column: u32) {
        if column < self.column {
            (self.tail, self.column) = (self.rest, 1);
        }
        while self.column < column {
            let mut characters = self.tail.chars();
            if characters.next().is_none_or(is_break) {
                return;
            }
            (self.tail, self.column) = (characters.as_str(), self.column + 1);
        }
    }

    /// The part of the line around a place. `None` if the source does not have the
    /// line.
    fn excerpt(&mut self, span: Span) -> Option<Excerpt> {
        if !self.go_to_line(span.start.line) {
            return None;
        }
        let short = {
            let mut widths = line_of(self.rest).map(columns);
            let total: usize = widths.by_ref().take(WIDTH).sum();
            total <= WIDTH && widths.next().is_none()
        };
        let first = if short { 1 } else { span.start.column.saturating_sub(BEFORE).max(1) };
        self.go_to_column(first);
        let end = if span.end.line == span.start.line { span.end.column } else { u32::MAX };
        let mut text = String::new();
        let (mut width, mut indent, mut carets) = (0, 0, 0);
        if first > 1 {
            text.push('…');
            (width, indent) = (1, 1);
        }
        for (count, (column, c)) in (self.column..).zip(line_of(self.tail)).enumerate() {
            let wide = columns(c);
            // Accents count too, since a line can consist of accents only.
            if width + wide > WIDTH || count >= 2 * WIDTH {
                text.push('…');
                break;
            }
            if c == '\t' {
                text.extend(std::iter::repeat_n(' ', TAB));
            } else {
                text.push(printable(c));
            }
            if column < span.start.column {
                indent += wide;
            } else if column < end {
                carets += wide;
            }
            width += wide;
        }
        let text = text.trim_end().to_owned();
        Some(Excerpt { text, indent, carets: carets.max(1) })
    }
}

/// The characters up to the first line break.
fn line_of(text: &str) -> impl Iterator<Item = char> {
    text.chars().take_while(|c| !is_break(*c))
}

/// The line breaks of YAML.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

/// The number of terminal columns in which a character is shown. 0 for an accent,
/// which is combined with the character before it.
fn columns(c: char) -> usize {
    if c == '\t' { TAB } else { printable(c).width().unwrap_or(1) }
}

/// The character, or a substitute if a terminal would interpret it.
pub(super) fn printable(c: char) -> char {
    if is_unprintable(c) { char::REPLACEMENT_CHARACTER } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Position;
    use crate::diagnostic::Finding;

    fn rendered(source: &[u8], line: u32, columns: std::ops::Range<u32>) -> String {
        let at = |column| Position { line, column };
        let span = Span { start: at(columns.start), end: at(columns.end) };
        render(&[Finding::EmptyTime.at(span)], "a\u{1b}.yaml", source, false)
    }

    /// The source line and the underline.
    fn excerpt(source: &[u8], line: u32, columns: std::ops::Range<u32>) -> (String, String) {
        let text = rendered(source, line, columns);
        let mut lines =
            text.lines().skip(3).map(|line| line.split_once("| ").unwrap().1.to_owned());
        (lines.next().unwrap(), lines.next().unwrap())
    }

    #[test]
    fn the_place_is_underlined_under_tabs_and_wide_characters() {
        assert_eq!(excerpt("a: 日本x".as_bytes(), 1, 4..6), ("a: 日本x".into(), "   ^^^^".into()));
        assert_eq!(excerpt(b"\ta: x", 1, 2..3), ("    a: x".into(), "    ^".into()));
        assert_eq!(excerpt(b"x\r\ny\rz", 3, 1..1), ("z".into(), "^".into()));
    }

    #[test]
    fn only_the_surroundings_of_a_place_on_a_huge_line_are_shown() {
        let mut source = vec![b'x'; 500_000];
        source.extend(b"HERE");
        source.extend(vec![b'x'; 500_000]);
        let (text, carets) = excerpt(&source, 1, 500_001..500_005);
        assert!(text.starts_with("…x") && text.ends_with("x…") && text.contains("HERE"));
        assert_eq!(text.chars().count(), WIDTH + 1);
        assert_eq!(carets.find('^'), text.chars().position(|c| c == 'H'));
        assert_eq!(carets.trim_start(), "^^^^");
    }

    #[test]
    fn the_source_and_the_file_name_cannot_send_commands_to_the_terminal() {
        let text = rendered(b"a: \x1b[2J\xff\xe2\x80\xaeb", 1, 4..5);
        assert!(text.chars().all(|c| c == '\n' || !is_unprintable(c)), "{text:?}");
        assert!(text.contains("a�.yaml:1:4"));
    }

    #[test]
    fn colors_add_only_escape_sequences() {
        let span =
            Span { start: Position { line: 1, column: 1 }, end: Position { line: 1, column: 2 } };
        let list = [Finding::EmptyTime.at(span), Finding::EmptyDevice.at(span)];
        let plain = render(&list, "a.yaml", b"abc", false);
        let mut colored = render(&list, "a.yaml", b"abc", true);
        assert_ne!(plain, colored);
        for sequence in [COLOR.error, COLOR.frame, COLOR.bold, COLOR.reset] {
            assert!(colored.contains(sequence));
            colored = colored.replace(sequence, "");
        }
        assert_eq!(plain, colored);
    }

    #[test]
    fn a_line_of_combining_characters_is_shortened() {
        let source = "\u{301}".repeat(10_000);
        let (text, carets) = excerpt(source.as_bytes(), 1, 500..501);
        assert!(text.chars().count() <= 2 * WIDTH + 2);
        assert_eq!(carets.trim_start(), "^");
        assert_eq!(excerpt("e\u{301}: x".as_bytes(), 1, 5..6).1, "   ^");
    }

    #[test]
    fn a_place_after_the_end_has_no_excerpt() {
        assert!(!rendered(b"a: b\n", 9, 1..1).contains('|'));
    }
}
