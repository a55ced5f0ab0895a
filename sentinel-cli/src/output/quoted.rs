//! Text that a caller chose, shown so that it cannot pass for anything else.

use std::fmt::Write;

use sentinel_wire::is_hidden;

/// The text in quotation marks, on one line. Characters that control a terminal, change the direction
/// of text or are invisible are shown as `\u{…}`, so that a reader sees that they are there.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(char);
            }
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            char if is_hidden(char) => {
                // Writing to a `String` does not fail.
                write!(quoted, "\\u{{{:x}}}", u32::from(char)).unwrap_or_default();
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
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
