//! The source identity of every session: its caller, in the characters that STS accepts.

use std::fmt;

use sentinel_store::{CallerKey, SessionHandle};

use crate::escape::{escape, shorten};
use crate::user::parse_user;

/// Maximum length of a caller, in characters. A longer caller is written as its beginning and a hash.
const MAX_CALLER: usize = 46;

/// Length of the hash in a longer caller, in base32 characters.
const HASH: usize = 24;

/// SourceIdentity and RoleSessionName of one session:
/// `sentinel-<caller>-<the last 8 characters of the handle>`, at most 64
/// characters of `[A-Za-z0-9_+=,.@-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceIdentity(String);

impl SourceIdentity {
    /// The source identity as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How source identities are written: their separator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceIdentityFormat {
    separator: char,
}

impl Default for SourceIdentityFormat {
    fn default() -> Self {
        Self { separator: '-' }
    }
}

impl SourceIdentityFormat {
    /// A format with another separator: one of `-_.,@+=`. STS accepts no other characters that are not
    /// letters or digits. `None` for any other text.
    #[must_use]
    pub fn with_separator(separator: &str) -> Option<Self> {
        let mut characters = separator.chars();
        let (first, rest) = (characters.next()?, characters.next());
        (rest.is_none() && "-_.,@+=".contains(first)).then_some(Self { separator: first })
    }

    /// The source identity of one session of that caller.
    #[must_use]
    pub fn of_session(&self, caller: &CallerKey, handle: &SessionHandle) -> SourceIdentity {
        SourceIdentity(self.join(caller, &handle.short()))
    }

    /// The pattern, for IAM's `StringLike`, of all source identities of that caller, and of no other
    /// caller.
    #[must_use]
    pub fn of_caller(&self, caller: &CallerKey) -> String {
        self.join(caller, "????????")
    }

    /// The pattern, for IAM's `StringLike`, of the source identities of all callers.
    #[must_use]
    pub fn of_all_callers(&self) -> String {
        let Self { separator } = self;
        format!("sentinel{separator}*")
    }

    /// Whether a session name has the form of a source identity: this separator, a caller as it is
    /// written here, and eight characters of a handle. If Sentinel served a caller that signs with
    /// vended credentials, that caller would differ from the one they were vended to, with a separate
    /// gate and separate quotas.
    pub(crate) fn is_stamp(self, session_name: &str) -> bool {
        let Self { separator } = self;
        let stamped = session_name.strip_prefix("sentinel").and_then(|rest| {
            let (caller, last) = rest.strip_prefix(separator)?.rsplit_once(separator)?;
            Some((caller, last))
        });
        stamped.is_some_and(|(caller, last)| {
            is_encoded(caller) && last.len() == 8 && last.bytes().all(is_base32)
        })
    }

    fn join(&self, caller: &CallerKey, last: &str) -> String {
        let Self { separator } = self;
        format!("sentinel{separator}{}{separator}{last}", encode(caller.as_str()))
    }
}

/// Writes a caller key in the characters that STS accepts. Different keys result in different texts.
fn encode(caller: &str) -> String {
    shorten(escape(caller, b"_.,@+-"), caller, MAX_CALLER, HASH)
}

fn is_base32(byte: u8) -> bool {
    byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte)
}

/// Whether [`encode`] writes some caller in this form.
fn is_encoded(text: &str) -> bool {
    let hashed = text.split_at_checked(20);
    match hashed.and_then(|(beginning, rest)| Some((beginning, rest.strip_prefix("==")?))) {
        Some((beginning, hash)) => {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b"_.,@+-=".contains(&b);
            beginning.bytes().all(fits) && hash.len() == 24 && hash.bytes().all(is_base32)
        }
        None => decode(text).is_some_and(|caller| {
            parse_user(&caller).is_some_and(|key| key.as_str() == caller && encode(&caller) == text)
        }),
    }
}

/// The caller that [`encode`] writes in this form, which has no hash.
fn decode(text: &str) -> Option<String> {
    let mut parts = text.split('=');
    let mut decoded = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (escape, rest) = part.split_at_checked(2)?;
        decoded.push(u8::from_str_radix(escape, 16).ok()?);
        decoded.extend(rest.bytes());
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> CallerKey {
        CallerKey::parse(text).unwrap()
    }

    #[test]
    fn a_caller_is_written_in_characters_that_sts_accepts() {
        assert_eq!(encode("alice"), "alice");
        assert_eq!(encode("111122223333/ci"), "111122223333=2Fci");
        assert_eq!(encode("a=b"), "a=3Db");
        assert_eq!(encode("é"), "=C3=A9");
    }

    #[test]
    fn a_long_caller_is_its_beginning_and_a_hash_of_46_characters() {
        let encoded = encode(&"x".repeat(47));
        assert_eq!(encoded.len(), 46);
        assert!(encoded.starts_with(&format!("{}==", "x".repeat(20))));
        assert_ne!(encoded, encode(&"x".repeat(48)));
        assert_eq!(encode(&"x".repeat(46)), "x".repeat(46));
    }

    #[test]
    fn a_source_identity_ends_with_the_random_part_of_the_handle() {
        let caller = key("alice");
        let handle = SessionHandle::new(caller.hash(), [7; 10]);
        let identity = SourceIdentityFormat::default().of_session(&caller, &handle);
        let short = identity.as_str().strip_prefix("sentinel-alice-").unwrap();
        assert_eq!(short.len(), 8);
        assert!(handle.to_string().ends_with(short));
        assert_eq!(SourceIdentityFormat::default().of_caller(&caller), "sentinel-alice-????????");
        let dotted = SourceIdentityFormat::with_separator(".").unwrap();
        assert_eq!(dotted.of_caller(&caller), "sentinel.alice.????????");
        assert_eq!(SourceIdentityFormat::default().of_all_callers(), "sentinel-*");
        assert_eq!(dotted.of_all_callers(), "sentinel.*");
    }

    #[test]
    fn source_identities_are_distinguished_from_other_session_names() {
        let format = SourceIdentityFormat::default();
        for caller in ["alice", "111122223333/ci", "a-b-c", &"x".repeat(60)] {
            let caller = key(caller);
            let handle = SessionHandle::new(caller.hash(), [9; 10]);
            assert!(format.is_stamp(format.of_session(&caller, &handle).as_str()));
        }
        for other in [
            "sentinel",
            "sentinel-bot",
            "sentinel--abcdefgh",
            "sentinel-alice-ABCDEFGH",
            "sentinel-alice-abcdefg1",
            "sentinel-alice-abcdefghi",
            "x-alice-abcdefgh",
            // A caller key is in lower case, unless it is that of a role.
            "sentinel-Alice-abcdefgh",
            // An escape is of two digits in upper case, and only of what has to be escaped.
            "sentinel-al=ice-abcdefgh",
            "sentinel-a=3db-abcdefgh",
            "sentinel-=61lice-abcdefgh",
            "sentinel-12=2Fci-abcdefgh",
            "sentinel-xxxxxxxxxxxxxxxxxxxx==abc-abcdefgh",
        ] {
            assert!(!format.is_stamp(other), "{other}");
        }
        let escaped = key("a=b");
        let handle = SessionHandle::new(escaped.hash(), [3; 10]);
        assert!(format.is_stamp(format.of_session(&escaped, &handle).as_str()));
    }

    #[test]
    fn a_separator_is_one_character_that_sts_accepts() {
        assert!(SourceIdentityFormat::with_separator("_").is_some());
        for refused in ["", ":", "--", "a", "*"] {
            assert!(SourceIdentityFormat::with_separator(refused).is_none(), "{refused}");
        }
    }
}
