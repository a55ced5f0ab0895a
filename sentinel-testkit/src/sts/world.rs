//! The principals of the stand-in: callers with their keys and policies, roles with theirs, and the
//! sessions that were vended.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::{BASE32_NOPAD, BASE64, BASE64URL_NOPAD};
use sentinel_store::Secret;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::policy::{Document, Kind};

/// The initial setup of the stand-in. The binary reads it from a JSON file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// The region that requests must be signed for.
    #[serde(default = "default_region")]
    pub region: String,
    /// The callers.
    pub callers: Vec<StsCaller>,
    /// The roles that can be assumed.
    pub roles: Vec<Role>,
}

/// A caller that signs requests.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StsCaller {
    /// `arn:aws:iam::A:user/U` or `arn:aws:sts::A:assumed-role/R/S`. A role's session needs a
    /// token. A user must not have one.
    pub arn: String,
    /// The access key id.
    pub access_key_id: String,
    /// The secret key.
    #[serde(deserialize_with = "secret")]
    pub secret_access_key: Secret,
    /// The session token.
    #[serde(default, deserialize_with = "some_secret")]
    pub session_token: Option<Secret>,
    /// The documents of the user, or of the session's role.
    pub policies: Vec<Value>,
    /// When the credentials expire, if they do.
    #[serde(default)]
    pub expires: Option<DateTime<Utc>>,
    /// The source identity that the session already has.
    #[serde(default)]
    pub source_identity: Option<String>,
}

/// A role that can be assumed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// `arn:aws:iam::A:role/R`.
    pub arn: String,
    /// Its trust policy.
    pub trust: Value,
    /// Its own policies, for sessions that chain from it.
    #[serde(default)]
    pub policies: Vec<Value>,
    /// MaxSessionDuration: 3,600 to 43,200 seconds.
    #[serde(default = "an_hour")]
    pub max_session_duration: u32,
}

fn default_region() -> String {
    "us-east-1".to_owned()
}

fn an_hour() -> u32 {
    3600
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

fn some_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Option::<String>::deserialize(deserializer).map(|text| text.map(Secret::new))
}

/// What is wrong with a [`Setup`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SetupError(String);

/// A role with its parsed documents.
#[derive(Debug)]
pub(super) struct ParsedRole {
    pub(super) trust: Document,
    policies: Vec<Document>,
    pub(super) max_session_duration: u32,
}

/// A principal that signs with an access key.
#[derive(Clone)]
pub(super) struct Principal {
    pub(super) arn: String,
    pub(super) user_id: String,
    pub(super) secret: Secret,
    pub(super) token: Option<Secret>,
    pub(super) expires: Option<DateTime<Utc>>,
    pub(super) source_identity: Option<String>,
    /// Its session tags, inherited ones included.
    pub(super) tags: BTreeMap<String, String>,
    /// The tags that it passes on; AWS calls them transitive.
    pub(super) transitive: BTreeMap<String, String>,
    /// Its permissions. Every group of documents must allow a request: its own, and the session
    /// policy's.
    pub(super) policies: Vec<Vec<Document>>,
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal").field("arn", &self.arn).finish_non_exhaustive()
    }
}

impl Principal {
    /// Whether it is a role's session, so that a session that it assumes is chained.
    pub(super) fn is_session(&self) -> bool {
        self.arn.contains(":assumed-role/")
    }

    pub(super) fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }

    /// The names by which a trust policy can refer to it: itself, its role, its account.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
    pub(super) fn names(&self) -> Vec<String> {
        let account = self.account();
        let mut names =
            vec![self.arn.clone(), account.to_owned(), format!("arn:aws:iam::{account}:root")];
        names.extend(self.role_arn());
        names
    }

    /// The ARN of the role that the session belongs to. A role's path is not in its sessions' ARNs.
    /// Roles with a path are not modeled as callers.
    pub(super) fn role_arn(&self) -> Option<String> {
        let (_, session) = self.arn.split_once(":assumed-role/")?;
        let (role, _) = session.split_once('/')?;
        Some(format!("arn:aws:iam::{}:role/{role}", self.account()))
    }
}

/// All principals.
#[derive(Debug)]
pub(super) struct World {
    pub(super) region: String,
    pub(super) roles: HashMap<String, ParsedRole>,
    by_key: HashMap<String, Principal>,
}

/// A session that is about to be vended.
#[derive(Debug)]
pub(super) struct NewSession<'a> {
    pub(super) role: &'a str,
    pub(super) name: &'a str,
    pub(super) source_identity: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) transitive: BTreeMap<String, String>,
    pub(super) policy: Option<Document>,
    pub(super) expires: DateTime<Utc>,
}

impl World {
    pub(super) fn new(setup: &Setup) -> Result<Self, SetupError> {
        let documents = |of: &str, values: &[Value]| {
            let read: Result<Vec<_>, _> =
                values.iter().map(|value| Document::read(value, Kind::Identity)).collect();
            read.map_err(|error| SetupError(format!("a policy of {of}: {error}")))
        };
        let mut roles = HashMap::new();
        for role in &setup.roles {
            let trust = Document::read(&role.trust, Kind::Trust).map_err(|error| {
                SetupError(format!("the trust policy of {}: {error}", role.arn))
            })?;
            if !(3600..=43_200).contains(&role.max_session_duration) {
                let arn = &role.arn;
                return Err(SetupError(format!("{arn}: MaxSessionDuration is 3600 to 43200")));
            }
            let known = ParsedRole {
                trust,
                policies: documents(&role.arn, &role.policies)?,
                max_session_duration: role.max_session_duration,
            };
            roles.insert(role.arn.clone(), known);
        }
        let mut by_key = HashMap::new();
        for caller in &setup.callers {
            let principal = Principal {
                arn: caller.arn.clone(),
                user_id: String::new(),
                secret: caller.secret_access_key.clone(),
                token: caller.session_token.clone(),
                expires: caller.expires,
                source_identity: caller.source_identity.clone(),
                tags: BTreeMap::new(),
                transitive: BTreeMap::new(),
                policies: vec![documents(&caller.arn, &caller.policies)?],
            };
            if principal.is_session() != caller.session_token.is_some() {
                return Err(SetupError(format!(
                    "{}: a role's session has a session token, and no other caller has one",
                    caller.arn
                )));
            }
            let user_id = match principal.role_arn().zip(caller.arn.rsplit_once('/')) {
                Some((role, (_, session))) => format!("{}:{session}", unique_id("AROA", &role)),
                None => unique_id("AIDA", &caller.arn),
            };
            by_key.insert(caller.access_key_id.clone(), Principal { user_id, ..principal });
        }
        Ok(Self { region: setup.region.clone(), roles, by_key })
    }

    pub(super) fn principal(&self, access_key_id: &str) -> Option<&Principal> {
        self.by_key.get(access_key_id)
    }

    /// Stores a session. Returns its access key id and the principal that signs with it.
    pub(super) fn vend(&mut self, session: NewSession<'_>) -> Option<(String, Principal)> {
        let mut random = [0; 10 + 30 + 96];
        getrandom::fill(&mut random).ok()?;
        let (id, rest) = random.split_at(10);
        let (secret, token) = rest.split_at(30);
        let access_key_id = format!("ASIA{}", BASE32_NOPAD.encode(id));
        let known = self.roles.get(session.role)?;
        let mut parts = session.role.splitn(6, ':');
        let account = parts.nth(4)?;
        let name = parts.next()?.rsplit('/').next()?;
        let mut policies = vec![known.policies.clone()];
        policies.extend(session.policy.map(|policy| vec![policy]));
        let principal = Principal {
            arn: format!("arn:aws:sts::{account}:assumed-role/{name}/{}", session.name),
            user_id: format!("{}:{}", unique_id("AROA", session.role), session.name),
            secret: Secret::new(BASE64.encode(secret)),
            token: Some(Secret::new(BASE64URL_NOPAD.encode(token))),
            expires: Some(session.expires),
            source_identity: session.source_identity,
            tags: session.tags,
            transitive: session.transitive,
            policies,
        };
        self.by_key.insert(access_key_id.clone(), principal.clone());
        Some((access_key_id, principal))
    }

    /// Makes every vended or given credential that expires do so earlier by this duration.
    pub(super) fn pass(&mut self, time: TimeDelta) {
        for principal in self.by_key.values_mut() {
            principal.expires = principal.expires.map(|at| at - time);
        }
    }
}

/// `AROA` or `AIDA` and 17 characters. The same ARN always has the same id.
fn unique_id(prefix: &str, arn: &str) -> String {
    let digest = BASE32_NOPAD.encode(&Sha256::digest(arn.as_bytes()));
    prefix.chars().chain(digest.chars().take(17)).collect()
}
