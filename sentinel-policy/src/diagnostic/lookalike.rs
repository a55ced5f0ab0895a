//! Characters that look like other characters, or are invisible: the ASCII
//! character that was probably meant, and the name in a message.

use std::fmt;

/// Characters that are mistaken for ASCII characters, with the ASCII character and
/// the Unicode name. Full-width forms and spaces are recognized by their range.
const LOOKALIKES: [(char, char, &str); 72] = [
    ('\u{131}', 'i', "LATIN SMALL LETTER DOTLESS I"),
    ('\u{261}', 'g', "LATIN SMALL LETTER SCRIPT G"),
    ('\u{391}', 'A', "GREEK CAPITAL LETTER ALPHA"),
    ('\u{392}', 'B', "GREEK CAPITAL LETTER BETA"),
    ('\u{395}', 'E', "GREEK CAPITAL LETTER EPSILON"),
    ('\u{396}', 'Z', "GREEK CAPITAL LETTER ZETA"),
    ('\u{397}', 'H', "GREEK CAPITAL LETTER ETA"),
    ('\u{399}', 'I', "GREEK CAPITAL LETTER IOTA"),
    ('\u{39a}', 'K', "GREEK CAPITAL LETTER KAPPA"),
    ('\u{39c}', 'M', "GREEK CAPITAL LETTER MU"),
    ('\u{39d}', 'N', "GREEK CAPITAL LETTER NU"),
    ('\u{39f}', 'O', "GREEK CAPITAL LETTER OMICRON"),
    ('\u{3a1}', 'P', "GREEK CAPITAL LETTER RHO"),
    ('\u{3a4}', 'T', "GREEK CAPITAL LETTER TAU"),
    ('\u{3a5}', 'Y', "GREEK CAPITAL LETTER UPSILON"),
    ('\u{3a7}', 'X', "GREEK CAPITAL LETTER CHI"),
    ('\u{3b1}', 'a', "GREEK SMALL LETTER ALPHA"),
    ('\u{3b9}', 'i', "GREEK SMALL LETTER IOTA"),
    ('\u{3ba}', 'k', "GREEK SMALL LETTER KAPPA"),
    ('\u{3bd}', 'v', "GREEK SMALL LETTER NU"),
    ('\u{3bf}', 'o', "GREEK SMALL LETTER OMICRON"),
    ('\u{3c1}', 'p', "GREEK SMALL LETTER RHO"),
    ('\u{405}', 'S', "CYRILLIC CAPITAL LETTER DZE"),
    ('\u{406}', 'I', "CYRILLIC CAPITAL LETTER BYELORUSSIAN-UKRAINIAN I"),
    ('\u{408}', 'J', "CYRILLIC CAPITAL LETTER JE"),
    ('\u{410}', 'A', "CYRILLIC CAPITAL LETTER A"),
    ('\u{412}', 'B', "CYRILLIC CAPITAL LETTER VE"),
    ('\u{415}', 'E', "CYRILLIC CAPITAL LETTER IE"),
    ('\u{41a}', 'K', "CYRILLIC CAPITAL LETTER KA"),
    ('\u{41c}', 'M', "CYRILLIC CAPITAL LETTER EM"),
    ('\u{41d}', 'H', "CYRILLIC CAPITAL LETTER EN"),
    ('\u{41e}', 'O', "CYRILLIC CAPITAL LETTER O"),
    ('\u{420}', 'P', "CYRILLIC CAPITAL LETTER ER"),
    ('\u{421}', 'C', "CYRILLIC CAPITAL LETTER ES"),
    ('\u{422}', 'T', "CYRILLIC CAPITAL LETTER TE"),
    ('\u{423}', 'Y', "CYRILLIC CAPITAL LETTER U"),
    ('\u{425}', 'X', "CYRILLIC CAPITAL LETTER HA"),
    ('\u{430}', 'a', "CYRILLIC SMALL LETTER A"),
    ('\u{435}', 'e', "CYRILLIC SMALL LETTER IE"),
    ('\u{43a}', 'k', "CYRILLIC SMALL LETTER KA"),
    ('\u{43e}', 'o', "CYRILLIC SMALL LETTER O"),
    ('\u{440}', 'p', "CYRILLIC SMALL LETTER ER"),
    ('\u{441}', 'c', "CYRILLIC SMALL LETTER ES"),
    ('\u{443}', 'y', "CYRILLIC SMALL LETTER U"),
    ('\u{445}', 'x', "CYRILLIC SMALL LETTER HA"),
    ('\u{455}', 's', "CYRILLIC SMALL LETTER DZE"),
    ('\u{456}', 'i', "CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I"),
    ('\u{458}', 'j', "CYRILLIC SMALL LETTER JE"),
    ('\u{4bb}', 'h', "CYRILLIC SMALL LETTER SHHA"),
    ('\u{501}', 'd', "CYRILLIC SMALL LETTER KOMI DE"),
    ('\u{51b}', 'q', "CYRILLIC SMALL LETTER QA"),
    ('\u{51d}', 'w', "CYRILLIC SMALL LETTER WE"),
    ('\u{ab}', '"', "LEFT-POINTING DOUBLE ANGLE QUOTATION MARK"),
    ('\u{bb}', '"', "RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK"),
    ('\u{2010}', '-', "HYPHEN"),
    ('\u{2011}', '-', "NON-BREAKING HYPHEN"),
    ('\u{2012}', '-', "FIGURE DASH"),
    ('\u{2013}', '-', "EN DASH"),
    ('\u{2014}', '-', "EM DASH"),
    ('\u{2212}', '-', "MINUS SIGN"),
    ('\u{2018}', '\'', "LEFT SINGLE QUOTATION MARK"),
    ('\u{2019}', '\'', "RIGHT SINGLE QUOTATION MARK"),
    ('\u{201a}', '\'', "SINGLE LOW-9 QUOTATION MARK"),
    ('\u{201c}', '"', "LEFT DOUBLE QUOTATION MARK"),
    ('\u{201d}', '"', "RIGHT DOUBLE QUOTATION MARK"),
    ('\u{201e}', '"', "DOUBLE LOW-9 QUOTATION MARK"),
    ('\u{2039}', '\'', "SINGLE LEFT-POINTING ANGLE QUOTATION MARK"),
    ('\u{203a}', '\'', "SINGLE RIGHT-POINTING ANGLE QUOTATION MARK"),
    ('\u{2044}', '/', "FRACTION SLASH"),
    ('\u{2215}', '/', "DIVISION SLASH"),
    ('\u{2217}', '*', "ASTERISK OPERATOR"),
    ('\u{a0}', ' ', "NO-BREAK SPACE"),
];

/// The text in the ASCII characters that were probably meant. Characters without
/// width are removed. A character that resembles no ASCII character is kept.
pub(crate) fn in_ascii(text: &str) -> String {
    text.chars().filter_map(meant).collect()
}

fn meant(c: char) -> Option<char> {
    if c.is_ascii() {
        return Some(c);
    }
    if let Some((_, ascii, _)) = LOOKALIKES.iter().find(|(lookalike, ..)| *lookalike == c) {
        return Some(*ascii);
    }
    match c {
        // The full-width forms are in the order of ASCII.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xff01 + 0x21),
        c if c.is_whitespace() => Some(' '),
        c if super::is_unprintable(c) => None,
        c => Some(c),
    }
}

/// A character in a message. An ASCII character is in backticks. Any other is shown
/// by its code point, since it may look like an ASCII character or be invisible.
pub(crate) struct Named(pub(crate) char);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ' ' => f.write_str("a space"),
            '\t' => f.write_str("a tab"),
            '\n' | '\r' => f.write_str("a line break"),
            '`' => f.write_str("a backtick"),
            c if c.is_ascii_graphic() => write!(f, "`{c}`"),
            c => {
                write!(f, "U+{:04X}", u32::from(c))?;
                match LOOKALIKES.iter().find(|(lookalike, ..)| *lookalike == c) {
                    Some((.., name)) => write!(f, " {name}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookalikes_are_named_and_read_as_the_characters_that_they_resemble() {
        for (written, expected) in [
            ("\u{430}lic\u{435}", "alice"),
            ("\u{201c}alice\u{201d}", "\"alice\""),
            ("group\u{ff1a}oncall", "group:oncall"),
            ("al\u{200b}ice\u{a0}\u{2003}", "alice  "),
            ("ci\u{2013}build", "ci-build"),
            ("日本", "日本"),
        ] {
            assert_eq!(in_ascii(written), expected, "{written}");
        }
        assert_eq!(Named('\u{430}').to_string(), "U+0430 CYRILLIC SMALL LETTER A");
        assert_eq!(Named('\u{200b}').to_string(), "U+200B");
        assert_eq!(Named('\u{7}').to_string(), "U+0007");
        assert_eq!(Named(':').to_string(), "`:`");
    }

    #[test]
    fn no_character_has_two_meanings() {
        let characters: std::collections::BTreeSet<char> =
            LOOKALIKES.iter().map(|(c, ..)| *c).collect();
        assert_eq!(characters.len(), LOOKALIKES.len());
        assert!(LOOKALIKES.iter().all(|(c, ascii, _)| !c.is_ascii() && ascii.is_ascii()));
    }
}
