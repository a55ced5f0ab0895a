//! Who can use the console: a link that is exchanged for the token of a browser session. Both are random
//! and end with the process.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use sentinel_wire::Secret;
use subtle::ConstantTimeEq;

/// Maximum age of a browser session.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// Maximum number of browser sessions. The oldest one ends when another one begins.
const MAX_SESSIONS: usize = 32;

/// How often a link can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkUse {
    /// Once: a link that was used is useless in another browser. For real AWS credentials.
    Once,
    /// Any number of times until the process ends. For a system without real credentials, whose link
    /// stays in a terminal.
    UntilEnd,
}

/// The system has no random source.
#[derive(Debug, thiserror::Error)]
#[error("the system's random source failed")]
pub struct NoRandomness(#[from] getrandom::Error);

/// The link and the browser sessions.
#[derive(Debug)]
pub(crate) struct Access {
    link_use: LinkUse,
    /// `None` once it was used, if it can be used once.
    code: Mutex<Option<Secret>>,
    sessions: Mutex<Vec<Session>>,
}

#[derive(Debug)]
struct Session {
    token: Secret,
    began: Instant,
}

/// Why a code was not exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is not the code of this process, or it was used.
    Code,
    /// There is no random source for a token.
    Randomness,
}

impl Access {
    pub(crate) fn new(link_use: LinkUse) -> Result<Self, NoRandomness> {
        let code = Mutex::new(Some(random()?));
        Ok(Self { link_use, code, sessions: Mutex::default() })
    }

    /// The code in the link. `None` if it was used.
    pub(crate) fn code(&self) -> Option<Secret> {
        lock(&self.code).clone()
    }

    /// Exchanges the code of a link for a token.
    pub(crate) fn exchange(&self, presented: &str, now: Instant) -> Result<Secret, Refused> {
        let mut code = lock(&self.code);
        if !code.as_ref().is_some_and(|code| equal(code, presented)) {
            return Err(Refused::Code);
        }
        let token = random().map_err(|_| Refused::Randomness)?;
        if self.link_use == LinkUse::Once {
            *code = None;
        }
        let mut sessions = lock(&self.sessions);
        if sessions.len() >= MAX_SESSIONS {
            sessions.remove(0);
        }
        sessions.push(Session { token: token.clone(), began: now });
        Ok(token)
    }

    /// Whether a browser session has that token.
    pub(crate) fn admits(&self, presented: &str, now: Instant) -> bool {
        let mut sessions = lock(&self.sessions);
        sessions.retain(|session| now.saturating_duration_since(session.began) < LIFETIME);
        sessions.iter().any(|session| equal(&session.token, presented))
    }

    /// Ends the browser session with that token.
    pub(crate) fn end(&self, presented: &str) {
        lock(&self.sessions).retain(|session| !equal(&session.token, presented));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is one assignment, insertion or removal.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn equal(secret: &Secret, presented: &str) -> bool {
    secret.reveal().as_bytes().ct_eq(presented.as_bytes()).into()
}

fn random() -> Result<Secret, NoRandomness> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(Secret::new(HEXLOWER.encode(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchanged(access: &Access, now: Instant) -> Secret {
        let code = access.code().unwrap();
        access.exchange(code.reveal(), now).unwrap()
    }

    #[test]
    fn a_link_of_one_use_is_exchanged_once() {
        let (access, now) = (Access::new(LinkUse::Once).unwrap(), Instant::now());
        let code = access.code().unwrap();
        let token = access.exchange(code.reveal(), now).unwrap();
        assert_eq!(access.exchange(code.reveal(), now).unwrap_err(), Refused::Code);
        assert!(access.code().is_none());
        assert!(access.admits(token.reveal(), now));
        assert!(!access.admits(code.reveal(), now));
    }

    #[test]
    fn a_link_that_lasts_begins_a_new_session_each_time() {
        let (access, now) = (Access::new(LinkUse::UntilEnd).unwrap(), Instant::now());
        let (first, second) = (exchanged(&access, now), exchanged(&access, now));
        assert_ne!(first.reveal(), second.reveal());
        access.end(first.reveal());
        assert!(!access.admits(first.reveal(), now) && access.admits(second.reveal(), now));
    }

    #[test]
    fn a_session_ends_after_twelve_hours() {
        let (access, now) = (Access::new(LinkUse::UntilEnd).unwrap(), Instant::now());
        let token = exchanged(&access, now);
        assert!(access.admits(token.reveal(), now + LIFETIME - Duration::from_secs(1)));
        assert!(!access.admits(token.reveal(), now + LIFETIME));
    }

    #[test]
    fn the_number_of_sessions_is_limited() {
        let (access, now) = (Access::new(LinkUse::UntilEnd).unwrap(), Instant::now());
        let oldest = exchanged(&access, now);
        for _ in 0..MAX_SESSIONS {
            exchanged(&access, now);
        }
        assert!(!access.admits(oldest.reveal(), now));
        assert_eq!(lock(&access.sessions).len(), MAX_SESSIONS);
    }

    #[test]
    fn neither_code_nor_token_is_in_debug_output() {
        let (access, now) = (Access::new(LinkUse::UntilEnd).unwrap(), Instant::now());
        let (code, token) = (access.code().unwrap(), exchanged(&access, now));
        let shown = format!("{access:?}");
        assert!(!shown.contains(code.reveal()) && !shown.contains(token.reveal()), "{shown}");
    }
}
