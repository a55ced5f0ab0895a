//! The word that was probably meant by one that is unknown.

/// Longer words are not compared, because the cost is the product of the lengths.
const LONGEST: usize = 40;

/// Words that people use for a word of the language.
const SYNONYMS: [(&str, &str); 25] = [
    ("macos", "darwin"),
    ("mac_os", "darwin"),
    ("mac", "darwin"),
    ("osx", "darwin"),
    ("mac_os_x", "darwin"),
    ("win", "windows"),
    ("win32", "windows"),
    ("permit", "allow"),
    ("allowed", "allow"),
    ("grant", "allow"),
    ("denied", "deny"),
    ("refuse", "deny"),
    ("forbid", "deny"),
    ("block", "deny"),
    ("approve", "require_approval"),
    ("approval", "require_approval"),
    ("sdk", "credential_process"),
    ("tz", "timezone"),
    ("zone", "timezone"),
    ("cidr", "source_ip"),
    ("ip", "source_ip"),
    ("orgs", "organizations"),
    ("organisations", "organizations"),
    ("overrides", "overrides_deny"),
    ("max_server_duration", "max_duration"),
];

/// The candidate that was probably meant by `word`: a candidate that differs only
/// in case and hyphens, a candidate that people call by this word, the only
/// candidate that it abbreviates, or the nearest candidate within a distance that
/// depends on the length.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl Iterator<Item = &'c str> + Clone,
) -> Option<&'c str> {
    if word.len() > LONGEST || word.is_empty() {
        return None;
    }
    let plain = plainly(word);
    if let Some(same) = candidates.clone().find(|candidate| plainly(candidate) == plain) {
        return Some(same);
    }
    if let Some((_, meant)) = SYNONYMS.iter().find(|(written, _)| *written == plain)
        && let Some(same) = candidates.clone().find(|candidate| candidate == meant)
    {
        return Some(same);
    }
    if plain.len() >= 2 {
        let mut longer = candidates.clone().filter(|candidate| {
            candidate.len() <= LONGEST && plainly(candidate).starts_with(&plain)
        });
        if let (Some(only), None) = (longer.next(), longer.next()) {
            return Some(only);
        }
    }
    let length = plain.chars().count();
    let furthest = match length {
        0..=2 => return None,
        3..=4 => 1,
        5..=12 => 2,
        _ => 3,
    };
    candidates
        .filter(|candidate| {
            candidate.len() <= LONGEST && candidate.len().abs_diff(word.len()) <= furthest
        })
        .map(|candidate| (strsim::osa_distance(&plain, &plainly(candidate)), candidate))
        .filter(|(distance, _)| *distance <= furthest)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A word in lower case, with underscores for hyphens and spaces.
fn plainly(word: &str) -> String {
    word.chars()
        .map(|c| if matches!(c, '-' | ' ') { '_' } else { c.to_ascii_lowercase() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closed_set::ClosedSet as _;
    use crate::{Day, Effect, Mode, OsType};

    #[test]
    fn the_intended_word_is_found() {
        for (word, words, expected) in [
            ("Deny", Effect::WORDS, Some("deny")),
            ("denied", Effect::WORDS, Some("deny")),
            ("require-approval", Effect::WORDS, Some("require_approval")),
            ("REQUIRE SERVER", Effect::WORDS, Some("require_server")),
            ("alow", Effect::WORDS, Some("allow")),
            ("Mon", Day::WORDS, Some("monday")),
            ("thurs", Day::WORDS, Some("thursday")),
            ("t", Day::WORDS, None),
            ("wendesday", Day::WORDS, Some("wednesday")),
            ("macos", OsType::WORDS, Some("darwin")),
            ("macOS", OsType::WORDS, Some("darwin")),
            ("credential-process", Mode::WORDS, Some("credential_process")),
            ("bananas", Effect::WORDS, None),
            ("", Effect::WORDS, None),
        ] {
            assert_eq!(nearest(word, words.iter().copied()), expected, "{word}");
        }
        assert_eq!(nearest(&"deny".repeat(100_000), Effect::WORDS.iter().copied()), None);
    }
}
