//! Characters that a reader does not see, and text that a caller chose, shown so that it cannot pass for
//! anything else.

use std::fmt::Write;

/// Whether a character controls a terminal, changes the direction of the text around it, or has no
/// visible form. Text that a caller chose is shown with such characters written out.
///
/// ```
/// assert!(sentinel_wire::is_hidden('\u{202e}') && sentinel_wire::is_hidden('\u{1b}'));
/// assert!(!sentinel_wire::is_hidden('ü'));
/// ```
#[must_use]
pub fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// The text in quotation marks, on one line. Characters that control a terminal, change the direction
/// of text or are invisible are shown as `\u{…}`, so that a reader sees that they are there.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(char);
            }
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            char => push_visible(&mut quoted, char),
        }
    }
    quoted.push('"');
    quoted
}

/// The text in which [hidden](is_hidden) characters are shown as `\u{…}`, except those that `is_kept`
/// selects.
///
/// ```
/// assert_eq!(sentinel_wire::visible("a\n\u{202e}", |char| char == '\n'), "a\n\\u{202e}");
/// ```
#[must_use]
pub fn visible(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let mut visible = String::with_capacity(text.len());
    for char in text.chars() {
        if is_kept(char) { visible.push(char) } else { push_visible(&mut visible, char) }
    }
    visible
}

fn push_visible(text: &mut String, char: char) {
    if is_hidden(char) {
        // Writing to a `String` does not fail.
        write!(text, "\\u{{{:x}}}", u32::from(char)).unwrap_or_default();
    } else {
        text.push(char);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_visible_and_the_text_cannot_leave_its_quotation_marks() {
        for (text, expected) in [
            ("deploy 2.4", r#""deploy 2.4""#),
            ("a\nb\u{1b}[2J", r#""a\nb\u{1b}[2J""#),
            ("\u{202e}evorppa", r#""\u{202e}evorppa""#),
            ("x\u{200b}y\u{feff}", r#""x\u{200b}y\u{feff}""#),
            (r#"" approved by "bob"#, r#""\" approved by \"bob""#),
            (r"C:\u{202e}", r#""C:\\u{202e}""#),
            ("Müller 東京", r#""Müller 東京""#),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
