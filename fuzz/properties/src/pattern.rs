//! Patterns against regular expressions.

use arbitrary::{Result, Unstructured};
use regex::Regex;
use sentinel_policy::{Pattern, UserPattern};

use crate::made;

/// The characters of both texts: few, so that they often match, and those that a wildcard of a user
/// pattern does not match, or that a regular expression reads differently.
const CHARACTERS: &[char] = &['a', 'b', 'A', '/', ':', 'é', '\u{301}', '😀', '.', '\\', '\n', '\0'];

/// A pattern matches what the regular expression of its definition matches.
pub fn pattern(bytes: &[u8]) {
    made(bytes, |u| {
        let (pattern, text) = (string(u, 24, 40)?, string(u, 40, 3)?);
        assert_eq!(
            Pattern::new(&pattern).matches(&text),
            expression(&pattern, ".").is_match(&text),
            "{pattern:?} on {text:?}"
        );
        assert_eq!(
            UserPattern::new(&pattern).matches(&text),
            pattern == "*" || expression(&pattern, "[^/]").is_match(&text),
            "user pattern {pattern:?} on {text:?}"
        );
        Ok(())
    });
}

/// A text in which `wild` percent of the characters are wildcards.
fn string(u: &mut Unstructured<'_>, longest: usize, wild: u8) -> Result<String> {
    let length = u.int_in_range(0..=longest)?;
    (0..length)
        .map(|_| {
            let kind = u.int_in_range(0..=99_u8)?;
            if kind >= 100 - wild {
                return u.choose(&['*', '*', '?']).copied();
            }
            if kind == 0 { u.arbitrary() } else { u.choose(CHARACTERS).copied() }
        })
        .collect()
}

/// The regular expression of a pattern whose wildcards match the characters of `any`.
fn expression(pattern: &str, any: &str) -> Regex {
    let parts: String = pattern
        .chars()
        .map(|c| match c {
            '*' => format!("{any}*"),
            '?' => any.to_owned(),
            literal => regex::escape(literal.encode_utf8(&mut [0; 4])),
        })
        .collect();
    Regex::new(&format!(r"(?s)\A{parts}\z")).unwrap()
}
