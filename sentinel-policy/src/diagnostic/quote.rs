//! Text from the policy author in a form that is safe in a message or on a
//! terminal: short, and without characters that move the cursor, reorder the line
//! or are invisible.

use std::fmt;

/// Maximum number of characters of a value that a message quotes.
const LONGEST: usize = 60;

/// Quotes a piece of the source in backticks, shortened and escaped.
#[derive(Clone, Copy)]
pub(crate) struct Quote<'a>(pub(crate) &'a str);

impl fmt::Display for Quote<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`")?;
        for (count, c) in self.0.chars().enumerate() {
            if count == LONGEST {
                f.write_str("…")?;
                break;
            }
            match c {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if is_unprintable(c) => write!(f, "{}", c.escape_unicode())?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("`")
    }
}

/// Whether a character must not be written to a terminal: control characters, and
/// characters that reorder text or have no width.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_value_is_short_and_cannot_move_the_cursor() {
        assert_eq!(Quote("alice").to_string(), "`alice`");
        assert_eq!(Quote("a\u{1b}[2Jb\n\u{202e}").to_string(), "`a\\u{1b}[2Jb\\n\\u{202e}`");
        assert_eq!(Quote(&"é".repeat(1_000)).to_string(), format!("`{}…`", "é".repeat(60)));
    }
}
