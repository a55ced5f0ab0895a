//! An issuer for one machine. Its credentials look like those of STS, allow nothing in AWS, and are
//! recognized by every holder of the issuer's key.
//!
//! The issuer stores nothing. The session token contains what was issued, and a MAC over it, so that
//! memory stays bounded and credentials survive a restart.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::{BASE32_NOPAD, BASE64, BASE64URL_NOPAD};
use hmac::{Hmac, KeyInit, Mac};
use sentinel_store::{Clock, Secret};
use sentinel_wire::Credentials;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::issuer::{AssumeRole, IssueError, Issued, Issuer, STS_MAX_SECONDS, STS_MIN_SECONDS};
use crate::random::{self, Random};

/// Issues credentials without AWS.
pub struct LocalIssuer {
    key: [u8; 32],
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// The identity that credentials of a [`LocalIssuer`] belong to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LocalIdentity {
    /// The secret access key, to verify a signature with.
    pub secret_access_key: Secret,
    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub arn: String,
    /// `AROA…:SESSION`.
    pub user_id: String,
    /// The role's account id.
    pub account: String,
    /// The time at which the credentials stop working.
    pub expiration: DateTime<Utc>,
}

/// The content of the session token.
#[derive(Serialize, Deserialize)]
struct Token {
    access_key_id: String,
    role: String,
    session: String,
    /// Unix seconds.
    expires: i64,
}

impl LocalIssuer {
    /// An issuer with that key. Every holder of the key recognizes its credentials.
    #[must_use]
    pub fn new(key: [u8; 32], clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { key, clock, random }
    }

    /// The identity that these credentials belong to. `None` if this issuer did not issue them. The
    /// caller must check their expiration.
    #[must_use]
    pub fn identify(&self, access_key_id: &str, session_token: &str) -> Option<LocalIdentity> {
        let (body, mac) = session_token.split_once('.')?;
        let mac = BASE64URL_NOPAD.decode(mac.as_bytes()).ok()?;
        self.mac("token", body)?.verify_slice(&mac).ok()?;
        let token = BASE64URL_NOPAD.decode(body.as_bytes()).ok()?;
        let token: Token = serde_json::from_slice(&token).ok()?;
        if token.access_key_id != access_key_id {
            return None;
        }
        let mut role = token.role.split(':');
        let (partition, account) = (role.nth(1)?.to_owned(), role.nth(2)?.to_owned());
        let name = token.role.rsplit('/').next()?;
        let session = &token.session;
        Some(LocalIdentity {
            secret_access_key: self.secret_key(access_key_id)?,
            arn: format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}"),
            user_id: format!("AROA{}:{session}", self.letters("role", &token.role, 16)?),
            account,
            expiration: DateTime::from_timestamp(token.expires, 0)?,
        })
    }

    fn issue(&self, request: &AssumeRole) -> Result<Option<Credentials>, random::RandomError> {
        let access_key_id = BASE32_NOPAD.encode(&random::bytes::<10>(self.random.as_ref())?);
        let access_key_id = format!("ASIA{access_key_id}");
        let expires = self.clock.now() + TimeDelta::seconds(request.seconds.into());
        // In AWS the inline policy enforces the end. Here nothing evaluates policies.
        let expires = request.end.map_or(expires, |end| end.min(expires));
        let token = Token {
            access_key_id: access_key_id.clone(),
            role: request.role.as_str().to_owned(),
            session: request.source_identity.as_str().to_owned(),
            expires: expires.timestamp(),
        };
        Ok((|| {
            let body = BASE64URL_NOPAD.encode(&serde_json::to_vec(&token).ok()?);
            let mac = self.mac("token", &body)?.finalize().into_bytes();
            Some(Credentials {
                secret_access_key: self.secret_key(&access_key_id)?,
                session_token: Secret::new(format!("{body}.{}", BASE64URL_NOPAD.encode(&mac))),
                access_key_id,
                expiration: DateTime::from_timestamp(token.expires, 0)?,
            })
        })())
    }

    fn secret_key(&self, access_key_id: &str) -> Option<Secret> {
        // 30 bytes are the 40 characters of a secret access key.
        let bytes = self.mac("secret", access_key_id)?.finalize().into_bytes();
        Some(Secret::new(BASE64.encode(bytes.get(..30)?)))
    }

    fn letters(&self, purpose: &str, text: &str, length: usize) -> Option<String> {
        let bytes = self.mac(purpose, text)?.finalize().into_bytes();
        BASE32_NOPAD.encode(&bytes).get(..length).map(str::to_owned)
    }

    fn mac(&self, purpose: &str, text: &str) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        for part in [purpose, "\0", text] {
            mac.update(part.as_bytes());
        }
        Some(mac)
    }
}

#[async_trait]
impl Issuer for LocalIssuer {
    async fn assume_role(&self, request: &AssumeRole) -> Result<Issued, IssueError> {
        if !(STS_MIN_SECONDS..=STS_MAX_SECONDS).contains(&request.seconds) {
            return Err(IssueError::Refused("DurationSeconds is out of range".into()));
        }
        match self.issue(request) {
            Ok(Some(credentials)) => Ok(Issued::new(credentials)),
            Ok(None) => Err(IssueError::Refused("no credentials can be made of this".into())),
            Err(error) => Err(IssueError::Unavailable(error.into())),
        }
    }
}

impl fmt::Debug for LocalIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalIssuer").finish_non_exhaustive()
    }
}
