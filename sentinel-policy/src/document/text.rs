//! From bytes to text: within the size limit, UTF-8, and without control
//! characters, which YAML forbids and which must not be written to a terminal.

use crate::diagnostic::Finding;
use crate::{Limits, Position, Span};

/// The text of a document, without a byte order mark.
pub(super) fn decode<'s>(
    source: &'s [u8],
    limits: &Limits,
) -> Result<&'s str, (Span, Finding<'static>)> {
    if source.len() > limits.max_bytes {
        let finding = Finding::TooLarge { limit: limits.max_bytes };
        return Err((START, finding));
    }
    let text = match std::str::from_utf8(source) {
        Ok(text) => text,
        Err(error) => {
            let (valid, rest) = source.split_at_checked(error.valid_up_to()).unwrap_or_default();
            let before = std::str::from_utf8(valid).unwrap_or_default();
            let byte = rest.first().copied().unwrap_or_default();
            return Err((character_behind(without_mark(before)), Finding::InvalidUtf8 { byte }));
        }
    };
    let text = without_mark(text);
    match text.char_indices().find(|(_, c)| is_refused(*c)) {
        Some((offset, character)) => {
            let before = text.get(..offset).unwrap_or_default();
            Err((character_behind(before), Finding::ControlCharacter { character }))
        }
        None => Ok(text),
    }
}

/// Some Windows editors write a byte order mark.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The characters that YAML 1.2 does not count as printable (chapter 5.1). DEL and
/// the C1 controls, which YAML accepts in quotes, are included.
fn is_refused(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}'))
        || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// The start of a document, without a character: the first line can be empty.
const START: Span = {
    let start = Position { line: 1, column: 1 };
    Span { start, end: start }
};

/// The place of the character that follows `before`.
fn character_behind(before: &str) -> Span {
    let mut start = Position { line: 1, column: 1 };
    let mut last = '\0';
    for c in before.chars() {
        match c {
            '\n' if last == '\r' => {}
            '\n' | '\r' => start = Position { line: start.line.saturating_add(1), column: 1 },
            _ => start.column = start.column.saturating_add(1),
        }
        last = c;
    }
    Span { start, end: Position { column: start.column.saturating_add(1), ..start } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(source: &[u8]) -> Option<(u32, u32)> {
        let (span, _) = decode(source, &Limits::default()).err()?;
        Some((span.start.line, span.start.column))
    }

    #[test]
    fn bytes_that_are_not_text_are_refused_at_their_place() {
        assert_eq!(place("a: é\r\n\r\nb".as_bytes()), None);
        assert_eq!(place(b"a\0"), Some((1, 2)));
        assert_eq!(place("é\r\né\0".as_bytes()), Some((2, 2)));
        assert_eq!(place(b"a\n\rb\xff"), Some((3, 2)));
        assert_eq!(place("\u{feff}a\u{1b}".as_bytes()), Some((1, 2)));
        assert_eq!(place("a\u{7f}".as_bytes()), Some((1, 2)));
        assert_eq!(place(&[b' '; 1024 * 1024 + 1]), Some((1, 1)));
    }

    #[test]
    fn the_place_of_a_document_that_is_too_large_exists_if_its_first_line_is_empty() {
        let limits = Limits::default().with_max_bytes(0);
        let (span, _) = decode(b"\na", &limits).unwrap_err();
        assert_eq!((span.start.column, span.end.column), (1, 1));
    }

    #[test]
    fn a_byte_order_mark_at_the_beginning_is_skipped() {
        assert_eq!(decode("\u{feff}a".as_bytes(), &Limits::default()).ok(), Some("a"));
    }
}
