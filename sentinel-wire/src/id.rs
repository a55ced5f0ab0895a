//! Names and identifiers. Parsing is the only way to construct one, so a value that
//! exists is valid.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A text does not have the form that its type requires. The error does not quote the
/// text, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {what}")]
pub struct ParseIdError {
    what: &'static str,
}

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// Parses a text.
            ///
            /// # Errors
            #[doc = concat!("If the text is not a valid ", $what, ".")]
            pub fn parse(text: &str) -> Result<Self, ParseIdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.into())) } else { Err(ParseIdError { what: $what }) }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;

            fn try_from(text: String) -> Result<Self, ParseIdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }
    };
}

text_newtype!(
    /// A profile: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
    ProfileName, "profile name", |text| {
        text.len() <= 64
            && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    }
);

text_newtype!(
    /// An AWS account: twelve digits.
    AccountId, "account id", |text| {
        text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
    }
);

text_newtype!(
    /// The key of a caller: a name in lower case, or `account/RoleName`. Gates, quotas
    /// and checks for the caller's own records use it. It is stored and compared whole.
    CallerKey, "caller key", |text| {
        !text.is_empty() && text.len() <= 512 && !text.chars().any(char::is_control)
    }
);

impl CallerKey {
    /// The hash under which the records of this caller are stored.
    #[must_use]
    pub fn hash(&self) -> CallerHash {
        let digest = Sha256::digest(self.as_str().as_bytes());
        let mut hash = [0; 16];
        for (to, from) in hash.iter_mut().zip(digest) {
            *to = from;
        }
        CallerHash(hash)
    }
}

/// The first 128 bits of the SHA-256 of a caller key. The records of a caller are stored
/// under it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallerHash([u8; 16]);

impl CallerHash {
    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for CallerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base32(&self.0))
    }
}

impl fmt::Debug for CallerHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const HASH_CHARS: usize = 26;
const RANDOM_CHARS: usize = 16;

/// An identifier that contains the hash of its caller: 128 bits of it and 80 random bits, as a prefix
/// and 42 characters of lower-case base32. Its record is therefore found in the caller's partition by
/// the identifier alone.
macro_rules! owned_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name {
            caller: CallerHash,
            random: [u8; 10],
        }

        impl $name {
            #[doc = concat!("The ", $what, " of a new record of a caller.")]
            #[must_use]
            pub const fn new(caller: CallerHash, random: [u8; 10]) -> Self {
                Self { caller, random }
            }

            /// Parses a text.
            ///
            /// # Errors
            #[doc = concat!("If the text is not a ", $what, " in its only spelling.")]
            pub fn parse(text: &str) -> Result<Self, ParseIdError> {
                let error = ParseIdError { what: $what };
                let text = text.strip_prefix($prefix).ok_or(error)?;
                let (hash, random) = text.split_at_checked(HASH_CHARS).ok_or(error)?;
                let caller = CallerHash(unbase32(hash).ok_or(error)?);
                Ok(Self { caller, random: unbase32(random).ok_or(error)? })
            }

            #[doc = concat!("The ", $what, " with these [bytes](Self::to_bytes).")]
            #[must_use]
            pub fn from_bytes(bytes: &[u8; 26]) -> Self {
                let mut id = Self { caller: CallerHash([0; 16]), random: [0; 10] };
                let (caller, random) = bytes.split_at(id.caller.0.len());
                id.caller.0.copy_from_slice(caller);
                id.random.copy_from_slice(random);
                id
            }

            /// The bytes: the hash of the caller, then the random bytes. They have the order of
            /// the texts.
            #[must_use]
            pub fn to_bytes(self) -> [u8; 26] {
                let mut bytes = [0; 26];
                let (caller, random) = bytes.split_at_mut(self.caller.0.len());
                caller.copy_from_slice(&self.caller.0);
                random.copy_from_slice(&self.random);
                bytes
            }

            /// The hash of the caller.
            #[must_use]
            pub const fn caller(&self) -> CallerHash {
                self.caller
            }

            /// The random bytes.
            #[must_use]
            pub const fn random(&self) -> [u8; 10] {
                self.random
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}{}"), self.caller, base32(&self.random))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseIdError;

            fn try_from(text: String) -> Result<Self, ParseIdError> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

owned_id!(
    /// The public name of a session. It may be shown and logged.
    SessionHandle, "session handle", ""
);

owned_id!(
    /// The id of an approval request: `request-` and 42 characters. It may be shown and logged.
    RequestId, "request id", "request-"
);

owned_id!(
    /// The id of a break-glass grant: `grant-` and 42 characters. It may be shown and logged.
    GrantId, "grant id", "grant-"
);

impl SessionHandle {
    /// The last eight characters. They are random and distinguish the sessions of one
    /// caller. The first characters do not.
    #[must_use]
    pub fn short(&self) -> String {
        let random = base32(&self.random);
        random.get(RANDOM_CHARS - 8..).unwrap_or_default().to_owned()
    }
}

/// The secret half of a session id: 128 random bits. It is never stored and never shown.
/// Its SHA-256 is stored.
#[derive(Clone)]
pub struct SessionSecret([u8; 16]);

impl SessionSecret {
    /// The secret with these bits.
    #[must_use]
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// The SHA-256, which is stored.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// The bits, for the keyed check of an id. They are secret.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Whether `digest` is the digest of this secret. Takes constant time.
    #[must_use]
    pub fn matches(&self, digest: &[u8; 32]) -> bool {
        self.digest().ct_eq(digest).into()
    }
}

impl fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionSecret(..)")
    }
}

const SECRET_CHARS: usize = 26;

/// The keyed check of a session id: the first 80 bits of the HMAC-SHA-256 of its
/// handle and secret. `sentinel_store::SessionKeys` computes and verifies it.
#[derive(Clone)]
pub struct SessionCheck([u8; 10]);

impl SessionCheck {
    /// The check with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 10]) -> Self {
        Self(bytes)
    }

    /// The bytes. Compare them in constant time.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 10] {
        &self.0
    }
}

impl fmt::Debug for SessionCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionCheck(..)")
    }
}

/// The session id that a client sends: `session-<handle><secret>`, followed by the keyed
/// check if the TVM has a key (`sentinel_store::SessionKeys`). It is a bearer secret with one
/// spelling.
#[derive(Clone, Debug)]
pub struct SessionId {
    /// The public half.
    pub handle: SessionHandle,
    /// The secret half.
    pub secret: SessionSecret,
    check: Option<SessionCheck>,
}

impl SessionId {
    /// The id of a session, without a keyed check.
    #[must_use]
    pub const fn new(handle: SessionHandle, secret: SessionSecret) -> Self {
        Self { handle, secret, check: None }
    }

    /// The same id, with a check.
    #[must_use]
    pub fn with_check(self, check: Option<SessionCheck>) -> Self {
        Self { check, ..self }
    }

    /// The keyed check. `None` if the id has none.
    #[must_use]
    pub const fn check(&self) -> Option<&SessionCheck> {
        self.check.as_ref()
    }

    /// Parses a text. The check is not verified.
    ///
    /// # Errors
    /// If the text is not a session id in its only spelling.
    pub fn parse(text: &str) -> Result<Self, ParseIdError> {
        let error = ParseIdError { what: "session id" };
        let text = text.strip_prefix("session-").ok_or(error)?;
        let (handle, rest) = text.split_at_checked(HASH_CHARS + RANDOM_CHARS).ok_or(error)?;
        let handle = SessionHandle::parse(handle).map_err(|_| error)?;
        let (secret, check) = rest.split_at_checked(SECRET_CHARS).ok_or(error)?;
        let check = match check {
            "" => None,
            check => Some(SessionCheck(unbase32(check).ok_or(error)?)),
        };
        Ok(Self { handle, secret: SessionSecret(unbase32(secret).ok_or(error)?), check })
    }

    /// The text that is sent to the client, and to nothing else. It is a named method and
    /// not `Display`, so that it is not logged by mistake.
    #[must_use]
    pub fn reveal(&self) -> String {
        let check = self.check.as_ref().map(|check| base32(&check.0)).unwrap_or_default();
        format!("session-{}{}{check}", self.handle, base32(&self.secret.0))
    }
}

/// Counts the revocations of a caller, or of a caller on a profile.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
#[expect(clippy::exhaustive_structs, reason = "a counter")]
pub struct Epoch(pub u64);

impl Epoch {
    /// The next epoch.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// `SENTINEL_GENERATION`. An administrator raises it to refuse every older session.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
#[expect(clippy::exhaustive_structs, reason = "a counter")]
pub struct Generation(pub u64);

/// RFC 4648 base32 in lower case without padding.
fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_ascii_lowercase()
}

/// Decodes exactly `N` bytes from their only spelling: lower case, the right length, and
/// zero padding bits (which `BASE32_NOPAD` checks).
fn unbase32<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    BASE32_NOPAD.decode(text.to_ascii_uppercase().as_bytes()).ok()?.try_into().ok()
}
