//! Writes documents to parameters, for administrators.
//!
//! SSM cannot write on condition of a version. A writer therefore reads the version, writes,
//! and compares the new version. If another writer's version is in between, that version is
//! restored. For the duration of two calls, readers get the text of the later writer. A text
//! that is written over it in this time is no longer current, and is kept in the history.

use async_trait::async_trait;
use aws_sdk_ssm::{
    primitives::DateTimeFormat,
    types::{ParameterHistory, ParameterTier, ParameterType},
};
use chrono::{DateTime, Utc};

use super::{
    cursor::{cursor, token},
    location,
    policies::{SsmPolicies, document},
};
use crate::{
    Cursor, Page, PolicyPath, PolicyRevision, PolicyText, PolicyWriter, SeenCursors, StoreError,
    StoreResultExt,
    aws::{Timing, storable, store_error, unreadable},
};

const STANDARD_BYTES: usize = 4096;
const ADVANCED_BYTES: usize = 8192;

/// The properties of a parameter that stay the same when its text changes.
struct Kind {
    kind: ParameterType,
    key: Option<String>,
    tier: Option<ParameterTier>,
}

impl Kind {
    fn of(entry: &ParameterHistory) -> Self {
        let kind = entry.r#type.clone().unwrap_or(ParameterType::String);
        let key = entry.key_id.clone().filter(|_| kind == ParameterType::SecureString);
        Self { kind, key, tier: entry.tier.clone() }
    }

    /// The tier for a text of this length. SSM refuses to change an advanced parameter to a
    /// standard one.
    fn tier(&self, bytes: usize) -> ParameterTier {
        if bytes > STANDARD_BYTES || self.tier == Some(ParameterTier::Advanced) {
            ParameterTier::Advanced
        } else {
            ParameterTier::Standard
        }
    }
}

/// Checks that SSM can store a text unchanged.
fn check_text(text: &[u8]) -> Result<&str, StoreError> {
    let refused = |cause: String| StoreError::Refused(cause.into());
    let bytes = text.len();
    if bytes > ADVANCED_BYTES {
        return Err(refused(format!(
            "{bytes} bytes are more than the {ADVANCED_BYTES} of an SSM parameter: \
             store the document in the policy table (SENTINEL_POLICY_TABLE)"
        )));
    }
    let text = str::from_utf8(text).map_err(|_| refused("the document is not UTF-8".to_owned()))?;
    if text.is_empty() {
        return Err(refused("an SSM parameter cannot be empty".to_owned()));
    }
    if text.contains(|char: char| char.is_control() && !"\t\r\n".contains(char)) {
        return Err(refused("an SSM parameter cannot contain control characters".to_owned()));
    }
    // SSM replaces the name of a parameter in braces by its value.
    if text.contains("{{") && text.contains("}}") {
        return Err(refused("an SSM parameter cannot contain `{{…}}`".to_owned()));
    }
    Ok(text)
}

impl SsmPolicies {
    /// Writes, and returns the new version.
    async fn write(
        &self,
        path: &PolicyPath,
        text: &str,
        kind: &Kind,
        overwrite: bool,
    ) -> Result<i64, StoreError> {
        let answer = self
            .client
            .put_parameter()
            .name(path.as_str())
            .value(text)
            .r#type(kind.kind.clone())
            .set_key_id(kind.key.clone())
            .tier(kind.tier(text.len()))
            .overwrite(overwrite)
            .send()
            .await
            .map_err(|error| store_error("PutParameter", &error))?;
        // For the SDK, an empty response is version 0.
        if answer.version > 0 { Ok(answer.version) } else { Err(unreadable("PutParameter")) }
    }

    /// Writes a parameter that must not exist.
    async fn create(&self, path: &PolicyPath, text: &str) -> Result<String, StoreError> {
        let kind = Kind { kind: ParameterType::String, key: None, tier: None };
        if let Some(written) = self.write(path, text, &kind, false).await.unless_conflict()? {
            return Ok(written.to_string());
        }
        // The stored parameter may be this write, which the client sent again when it
        // got no answer.
        let stored = document(self.parameter(path.as_str().to_owned()).await?)?;
        let same = stored.version == "1" && stored.text == text.as_bytes();
        if same { Ok(stored.version) } else { Err(StoreError::conflict()) }
    }

    async fn delete(&self, path: &PolicyPath) -> Result<(), StoreError> {
        let request = self.client.delete_parameter().name(path.as_str()).send();
        request.await.map_err(|error| store_error("DeleteParameter", &error))?;
        Ok(())
    }

    /// A page of SSM's history of a parameter, the oldest version first.
    async fn entries(
        &self,
        path: &PolicyPath,
        token: Option<String>,
    ) -> Result<(Vec<ParameterHistory>, Option<String>), StoreError> {
        let answer = self
            .client
            .get_parameter_history()
            .name(path.as_str())
            .with_decryption(true)
            .max_results(50)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| store_error("GetParameterHistory", &error))?;
        let entries = answer.parameters.ok_or_else(|| unreadable("GetParameterHistory"))?;
        Ok((entries, answer.next_token))
    }

    /// A version of a parameter in its history, with its key and tier. SSM keeps a hundred
    /// versions.
    async fn entry(
        &self,
        path: &PolicyPath,
        version: i64,
    ) -> Result<Option<ParameterHistory>, StoreError> {
        let (mut seen, mut token) = (SeenCursors::default(), None);
        loop {
            let (entries, next) = self.entries(path, token).await?;
            let found = entries.into_iter().find(|entry| entry.version == version);
            match next {
                Some(next) if found.is_none() => {
                    seen.visit(&next)?;
                    token = Some(next);
                }
                Some(_) | None => return Ok(found),
            }
        }
    }

    /// Whether every version between two versions has this text. Then they are one write,
    /// which the client sent again when it got no response.
    async fn is_one_write(
        &self,
        path: &PolicyPath,
        text: &str,
        (before, last): (i64, i64),
    ) -> Result<bool, StoreError> {
        let attempts = i64::from(Timing::SSM.attempts);
        if last <= before || last - before > attempts {
            return Ok(false);
        }
        for version in before + 1..last {
            let entry = self.entry(path, version).await?;
            if entry.and_then(|entry| entry.value).as_deref() != Some(text) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Undoes a write that was meant to replace version `seen` and became version
    /// `written`. The first write over the version that its writer saw stays. All later
    /// writers restore the same text, however many they are.
    async fn restore(&self, path: &PolicyPath, seen: i64, written: i64) -> Result<(), StoreError> {
        if written == 1 {
            // It was removed in the meantime.
            return self.delete(path).await;
        }
        let first = if written > seen { seen + 1 } else { written - 1 };
        let theirs = self.entry(path, first).await?;
        let theirs = theirs.ok_or_else(|| unreadable("GetParameterHistory"))?;
        let text = theirs.value.as_deref().unwrap_or_default();
        self.write(path, text, &Kind::of(&theirs), true).await?;
        Ok(())
    }
}

#[async_trait]
impl PolicyWriter for SsmPolicies {
    async fn put(
        &self,
        path: &PolicyPath,
        text: &[u8],
        over: Option<&str>,
    ) -> Result<String, StoreError> {
        let result: Result<String, StoreError> = async {
            if !storable(path) {
                let cause = "a parameter cannot have this path: it must consist of parts of \
                         `[A-Za-z0-9._-]` after slashes, and not begin with `aws` or `ssm`";
                return Err(StoreError::Refused(cause.into()));
            }
            let text = check_text(text)?;
            let Some(over) = over else {
                return self.create(path, text).await;
            };
            let stored = self.parameter(path.as_str().to_owned()).await.optional()?;
            let stored = stored.map(|parameter| parameter.version);
            let there = stored.filter(|version| version.to_string() == over);
            let there = there.ok_or_else(StoreError::conflict)?;
            let entry = self.entry(path, there).await?.ok_or_else(StoreError::conflict)?;
            let written = self.write(path, text, &Kind::of(&entry), true).await?;
            if self.is_one_write(path, text, (there, written)).await? {
                return Ok(written.to_string());
            }
            self.restore(path, there, written).await?;
            Err(StoreError::conflict())
        }
        .await;
        result.at(|| location().policy(path))
    }

    async fn remove(&self, path: &PolicyPath) -> Result<(), StoreError> {
        let result: Result<(), StoreError> = async {
            if storable(path) { self.delete(path).await } else { Err(StoreError::not_found()) }
        }
        .await;
        result.at(|| location().policy(path))
    }

    async fn history(
        &self,
        path: &PolicyPath,
        at: Option<&Cursor>,
    ) -> Result<Page<PolicyRevision>, StoreError> {
        let result: Result<Page<PolicyRevision>, StoreError> = async {
            let token = token(path.as_str(), at)?;
            if !storable(path) {
                return Err(StoreError::not_found());
            }
            let (entries, next) = self.entries(path, token).await?;
            let items = entries.into_iter().map(|entry| PolicyRevision {
                version: entry.version.to_string(),
                at: entry.last_modified_date.and_then(|at| instant(&at)),
                by: entry.last_modified_user,
                bytes: entry.value.map_or(0, |text| text.len()),
            });
            Ok(Page { items: items.collect(), next: cursor(path.as_str(), next) })
        }
        .await;
        result.at(|| location().history(path))
    }

    async fn revision(&self, path: &PolicyPath, version: &str) -> Result<PolicyText, StoreError> {
        let result: Result<PolicyText, StoreError> = async {
            let number = version.parse::<i64>().ok().filter(|number| number.to_string() == version);
            match number {
                Some(number) if storable(path) && number > 0 => {
                    document(self.parameter(format!("{path}:{number}")).await?)
                }
                Some(_) | None => Err(StoreError::not_found()),
            }
        }
        .await;
        result.at(|| location().policy(path))
    }
}

fn instant(at: &aws_sdk_ssm::primitives::DateTime) -> Option<DateTime<Utc>> {
    let text = at.fmt(DateTimeFormat::DateTimeWithOffset).ok()?;
    text.parse().ok()
}
