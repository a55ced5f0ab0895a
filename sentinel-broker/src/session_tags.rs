//! The session tags of vended credentials, which policies of AWS can require
//! (`aws:PrincipalTag/SentinelAccess`). It is *not* for decisions: Sentinel never reads a tag.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>

use crate::escape::{escape, shorten};
use crate::issuer::AssumeRole;

const SESSION: &str = "SentinelSession";
const USER: &str = "SentinelUser";
const PROFILE: &str = "SentinelProfile";
const ACCESS: &str = "SentinelAccess";
const GRANT: &str = "SentinelGrant";

/// The keys of all session tags, in the order of [`AssumeRole::session_tags`].
pub const SESSION_TAG_KEYS: [&str; 5] = [SESSION, USER, PROFILE, ACCESS, GRANT];

/// Maximum length of a transitive tag's value, in characters. STS accepts 256, but all tags and the
/// inline policy share a space whose size AWS does not document, and a session that is assumed with
/// the credentials needs part of it for its own.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>
const MAX_VALUE: usize = 64;

/// Length of the hash in a longer value, in base32 characters.
const HASH: usize = 24;

/// A session tag.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionTag {
    /// The key: one of [`SESSION_TAG_KEYS`].
    pub key: &'static str,
    /// The value, in characters that STS accepts.
    pub value: String,
    /// Whether a session that is assumed with the credentials inherits the tag and cannot change it.
    pub transitive: bool,
}

impl AssumeRole {
    /// The session tags that an issuer must send.
    ///
    /// `SentinelSession` is for searching in CloudTrail, and is not transitive. The other tags are
    /// transitive: `SentinelUser`, `SentinelProfile`, `SentinelAccess` (see
    /// [`Access::as_str`](crate::Access::as_str)) and, if the access has one, `SentinelGrant`.
    ///
    /// STS accepts letters, digits, spaces and `_.:/=+-@` in a value. In a transitive tag, every byte
    /// other than an ASCII letter, a digit or one of `_.:/+-@` is written as `=XX`: the value for the
    /// user `a,b` is `a=2Cb`. A value of more than 64 characters is its beginning, `==`, and a hash.
    /// Different users therefore have different values.
    #[must_use]
    pub fn session_tags(&self) -> Vec<SessionTag> {
        let transitive =
            |key, text: &str| SessionTag { key, value: tag_value(text), transitive: true };
        let mut tags = vec![
            SessionTag { key: SESSION, value: self.session_tag.clone(), transitive: false },
            transitive(USER, &self.user),
            transitive(PROFILE, self.profile.as_str()),
            transitive(ACCESS, self.access.as_str()),
        ];
        tags.extend(self.access.id().map(|id| transitive(GRANT, id)));
        tags
    }
}

fn tag_value(text: &str) -> String {
    shorten(escape(text, b"_.:/+-@"), text, MAX_VALUE, HASH)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_value_contains_only_characters_that_sts_accepts() {
        for (text, expected) in [
            ("alice", "alice"),
            ("Alice.Liddell@example.com", "Alice.Liddell@example.com"),
            ("ci/build-7", "ci/build-7"),
            ("a,b", "a=2Cb"),
            ("a=2Cb", "a=3D2Cb"),
            ("é\n*", "=C3=A9=0A=2A"),
        ] {
            assert_eq!(tag_value(text), expected);
        }
    }

    #[test]
    fn different_users_have_different_values_of_at_most_64_characters() {
        let long = |length: usize, last: &str| format!("{}{last}", ",".repeat(length));
        let texts = [
            "a,b".to_owned(),
            "a=2Cb".to_owned(),
            "a=2cb".to_owned(),
            "A,b".to_owned(),
            long(21, ""),
            long(21, "a"),
            long(21, "ab"),
            long(128, "a"),
            long(128, "b"),
            // Each of these is also the value of another text.
            tag_value(&long(128, "a")),
            tag_value("a,b"),
        ];
        let texts: BTreeSet<_> = texts.into();
        let values: BTreeSet<_> = texts.iter().map(|text| tag_value(text)).collect();
        assert_eq!(values.len(), texts.len());
        for value in &values {
            let fits = |c: char| c.is_ascii_alphanumeric() || "_.:/=+-@".contains(c);
            assert!(value.len() <= MAX_VALUE && value.chars().all(fits), "{value}");
        }
        assert_eq!(tag_value(&long(21, "a")), "=2C".repeat(21) + "a");
        assert_eq!(tag_value(&long(21, "ab")).len(), 64);
    }
}
