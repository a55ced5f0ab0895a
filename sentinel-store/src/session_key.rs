//! `SENTINEL_SESSION_KEY`: a keyed check in every session id.
//!
//! The partition of a session is a hash of its caller key. Any client can compute it,
//! and can then send forged ids that each cost two reads in the caller's partition.
//! With a session key, an id with a wrong check is refused before any read.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::{Secret, SessionHandle, SessionId, SessionSecret};
use sentinel_wire::SessionCheck;

/// The keys of the check in session ids. The first key issues ids, and every key
/// verifies them, so that a key can be rotated without ending active sessions.
///
/// ```
/// use sentinel_store::{CallerKey, SessionHandle, SessionKeys, SessionSecret};
///
/// let keys = SessionKeys::parse("the-first-key-of-32-characters-x").unwrap();
/// let alice = CallerKey::parse("alice").unwrap();
/// let id = keys.issue(SessionHandle::new(alice.hash(), [1; 10]), SessionSecret::new([2; 16]));
/// assert!(keys.accept(&id));
///
/// let rotated = "the-second-key-of-32-characters-,the-first-key-of-32-characters-x";
/// assert!(SessionKeys::parse(rotated).unwrap().accept(&id));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionKeys {
    issuing: Secret,
    former: Option<Secret>,
}

impl SessionKeys {
    /// The form of a key, for error messages.
    pub const FORM: &'static str = "a key of at least 32 characters of `A-Z`, `a-z`, `0-9`, `.`, \
        `_`, `~` and `-`, or two of them separated by a comma during a rotation";

    const MIN_CHARACTERS: usize = 32;

    /// Reads one key, or two different keys separated by a comma. `None` if the text has
    /// another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let key = |text: &str| {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
            (text.len() >= Self::MIN_CHARACTERS && text.bytes().all(allowed))
                .then(|| Secret::new(text))
        };
        let (issuing, former) = match text.split_once(',') {
            None => (key(text)?, None),
            Some((issuing, former)) => (key(issuing)?, Some(key(former)?)),
        };
        (former.as_ref() != Some(&issuing)).then_some(Self { issuing, former })
    }

    /// The id of a new session, with the check of the first key.
    #[must_use]
    pub fn issue(&self, handle: SessionHandle, secret: SessionSecret) -> SessionId {
        let check = check(&self.issuing, &handle, &secret);
        SessionId::new(handle, secret).with_check(check)
    }

    /// Whether the id has the check of one of the keys. Takes the same time for every id
    /// that has a check.
    #[must_use]
    pub fn accept(&self, id: &SessionId) -> bool {
        let Some(shown) = id.check() else { return false };
        let matches = |key| match check(key, &id.handle, &id.secret) {
            Some(expected) => expected.as_bytes().ct_eq(shown.as_bytes()),
            None => Choice::from(0),
        };
        let former = self.former.as_ref().map_or(Choice::from(0), matches);
        (matches(&self.issuing) | former).into()
    }
}

/// HMAC accepts keys of any length (RFC 2104, section 3), so this never returns `None`.
/// If it did, ids would be issued without a check, and refused.
fn check(key: &Secret, handle: &SessionHandle, secret: &SessionSecret) -> Option<SessionCheck> {
    let mac = Hmac::<Sha256>::new_from_slice(key.reveal().as_bytes()).ok()?;
    let mac = mac.chain_update(handle.to_bytes()).chain_update(secret.bytes()).finalize();
    let mut check = [0; 10];
    for (to, from) in check.iter_mut().zip(mac.into_bytes()) {
        *to = from;
    }
    Some(SessionCheck::new(check))
}
