//! Text that a caller chose, in a form that no mail program, chat or template acts on.

use std::fmt::Write as _;

use sentinel_wire::is_hidden;

/// The text with every character that could act on a message replaced by one that only looks like it.
///
/// - ASCII characters of markup, mentions and quotation are written in their full-width form:
///   `@channel` becomes `＠channel`.
/// - An address is not a link: `https://evil.com` becomes `https：//evil[.]com`.
/// - A character that is invisible, a control character, or stacks on others is written as its code
///   point: `[U+202E]`.
///
/// The result contains neither `"` nor `\`, so that a template can insert it in JSON as it is.
pub(super) fn inert(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let (mut before, mut chars) = (' ', text.chars().peekable());
    while let Some(char) = chars.next() {
        let after = chars.peek().copied().unwrap_or(' ');
        match char {
            '.' if !before.is_whitespace() && after.is_alphabetic() => shown.push_str("[.]"),
            ':' if after == '/' => shown.push('：'),
            // After a code point in brackets, it would begin the target of a link.
            '(' if shown.ends_with(']') => shown.push('（'),
            '"' | '\\' | '<' | '>' | '&' | '@' | '#' | '*' | '_' | '~' | '`' | '|' | '[' | ']'
            | '{' | '}' | '$' | '^' => shown.push(full_width(char)),
            char if is_hidden(char) || stacks(char) || is_odd_space_or_dot(char) => {
                // Writing to a `String` does not fail.
                write!(shown, "[U+{:04X}]", u32::from(char)).unwrap_or_default();
            }
            char => shown.push(char),
        }
        before = char;
    }
    shown
}

/// The full-width form of a visible ASCII character.
fn full_width(char: char) -> char {
    char::from_u32(u32::from(char) + 0xfee0).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Whether a character is a space other than the usual one, or a dot that browsers accept in the name
/// of a host.
fn is_odd_space_or_dot(char: char) -> bool {
    let dot = matches!(char, '\u{3002}' | '\u{ff0e}' | '\u{ff61}');
    dot || char == '\u{2800}' || (char.is_whitespace() && char != ' ')
}

/// Whether a character is drawn over the one before it. Many of them cover the lines around.
fn stacks(char: char) -> bool {
    matches!(char,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

/// A name as IAM allows it, unchanged, so that programs can compare it. Any other text is made
/// [inert].
pub(super) fn name(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "+=,.@_/:-".contains(char);
    if text.chars().all(plain) && !text.contains("//") { text.to_owned() } else { inert(text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_of_a_caller_is_neither_markup_nor_a_mention_nor_a_link() {
        for (text, expected) in [
            ("deploy 2.4, see PAY-12 (urgent)", "deploy 2.4, see PAY-12 (urgent)"),
            ("Müller 東京, it's ok!", "Müller 東京, it's ok!"),
            ("<!channel> @here", "＜!channel＞ ＠here"),
            ("*bold* _i_ ~s~ `c`", "＊bold＊ ＿i＿ ～s～ ｀c｀"),
            ("[click](https://evil.com/x)", "［click］(https：//evil[.]com/x)"),
            ("i\u{2764}.ws evil\u{3002}com a\u{a0}b", "i\u{2764}[.]ws evil[U+3002]com a[U+00A0]b"),
            ("www.evil.com", "www[.]evil[.]com"),
            (r#"", "user": "root" \"#, "＂, ＂user＂: ＂root＂ ＼"),
            ("a\nApproved\u{202e}x\u{200b}", "a[U+000A]Approved[U+202E]x[U+200B]"),
            ("\u{202e}(evil)", "[U+202E]（evil)"),
            ("Z\u{301}\u{302}", "Z[U+0301][U+0302]"),
        ] {
            assert_eq!(inert(text), expected);
        }
    }

    proptest! {
        // Whatever a caller enters, the text contains no character that JSON, mail, chat or a
        // template interprets, is one line, and has no link.
        #[test]
        fn no_text_contains_a_character_that_acts(text in any::<String>()) {
            let shown = inert(&text);
            let acts = |char: char| {
                "\"\\<>&@#*_~`|{}$^".contains(char)
                    || is_hidden(char)
                    || stacks(char)
                    || is_odd_space_or_dot(char)
            };
            prop_assert!(!shown.contains(acts), "{shown:?}");
            prop_assert!(!shown.contains("://") && !shown.contains("]("), "{shown:?}");
        }
    }
}
