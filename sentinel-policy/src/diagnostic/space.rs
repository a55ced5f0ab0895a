//! Characters that look like the space with which YAML separates, but are different
//! characters.

/// The name of a character that looks like a space but is a different character.
pub(crate) fn name(c: char) -> Option<&'static str> {
    match c {
        '\t' => Some("tab"),
        '\u{a0}' | '\u{2007}' | '\u{202f}' => Some("no-break space"),
        '\u{200b}' | '\u{2060}' | '\u{feff}' => Some("space without width"),
        '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{205f}' | '\u{3000}' => Some("wide space"),
        _ => None,
    }
}

/// Whether a character looks like a space but does not separate in YAML. A tab
/// separates, except in the indentation.
pub(crate) fn joins(c: char) -> bool {
    c != '\t' && name(c).is_some()
}

/// The offset of the first run of such characters in a text, in characters, and the
/// length of the run.
pub(crate) fn find(text: &str) -> Option<(char, usize, usize)> {
    let start = text.chars().position(|c| name(c).is_some())?;
    let mut run = text.chars().skip(start);
    let first = run.next()?;
    Some((first, start, 1 + run.take_while(|c| *c == first).count()))
}
