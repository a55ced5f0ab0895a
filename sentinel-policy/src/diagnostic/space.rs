//! Characters that look like the space that YAML separates with, and are not
//! one.

/// What a character is called, if it looks like a space and is not one.
pub(crate) fn name(c: char) -> Option<&'static str> {
    match c {
        '\t' => Some("tab"),
        '\u{a0}' | '\u{2007}' | '\u{202f}' => Some("no-break space"),
        '\u{200b}' | '\u{2060}' | '\u{feff}' => Some("space without width"),
        '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{205f}' | '\u{3000}' => Some("wide space"),
        _ => None,
    }
}

/// Whether YAML does not separate with a character that looks like a space. It
/// does with a tab, except in the indentation.
pub(crate) fn joins(c: char) -> bool {
    c != '\t' && name(c).is_some()
}

/// The offset of the first run of such characters in a text, in characters, and
/// its length.
pub(crate) fn find(text: &str) -> Option<(char, usize, usize)> {
    let start = text.chars().position(|c| name(c).is_some())?;
    let mut run = text.chars().skip(start);
    let first = run.next()?;
    Some((first, start, 1 + run.take_while(|c| *c == first).count()))
}
