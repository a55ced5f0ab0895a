//! Policy documents in a table, for those that are too large for SSM.
//!
//! A document consists of a _pointer_, which contains the current version, and a text for
//! each version. A reader that has read the pointer finds its text unchanged, whatever is
//! written concurrently. Each version that was current, and no other, has a _revision_. It
//! is a copy of the pointer, written before the pointer changes.

use std::num::NonZeroUsize;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use chrono::{DateTime, Utc};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    item::{FORMAT, decode, encode, encode_value},
    table::{Condition, Key, Table},
    texts::{self, MAX_BYTES, version_at},
    token::write_token,
};
use crate::{
    Cursor, ListedPolicy, Page, PolicyPath, PolicyRevision, PolicyStore, PolicyText, PolicyWriter,
    StoreError, StoreResultExt,
    aws::{Timing, listable, storable},
};

const PAGE_SIZE: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

/// Maximum number of attempts to find a version number that no other writer uses.
const ATTEMPTS: usize = 8;

/// Policy documents in a table as
/// [`TableDefinition::POLICIES`](super::TableDefinition::POLICIES) defines it,
/// of up to 2 MiB each. Versions are numbers. A document that is removed and written again
/// continues with the next number.
#[derive(Clone, Debug)]
pub struct DynamoPolicies {
    table: Table,
    page_size: NonZeroUsize,
}

/// A version of a document, current or former.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Version {
    version: u64,
    bytes: usize,
    sha256: String,
    at: DateTime<Utc>,
    /// Whether the document was removed. The item is kept, so that the numbers continue.
    removed: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionItem {
    pk: String,
    sk: String,
    format: u32,
    write: String,
    /// The version number again, for conditions.
    revision: u64,
    /// Whether the document was removed, again, for a filter in lists.
    removed: bool,
    record: Version,
}

impl VersionItem {
    fn new(key: Key, record: Version, write: &str) -> Self {
        let Key { pk, sk } = key;
        let (revision, removed) = (record.version, record.removed);
        Self { pk, sk, format: FORMAT, write: write.to_owned(), revision, removed, record }
    }
}

fn documents(root: &str) -> String {
    format!("documents#{root}")
}

/// The key of the pointer of a document. `None` if no document can have this path.
fn pointer(path: &PolicyPath) -> Option<Key> {
    let root = path.parent().filter(|_| storable(path))?;
    Some(Key::new(documents(root.as_str()), path.name()))
}

fn revision(path: &PolicyPath, version: u64) -> Key {
    Key::new(format!("revisions#{path}"), format!("{version:010}"))
}

/// The number in a text. `None` if it is not spelled without leading zeros or signs.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

impl DynamoPolicies {
    /// The documents in a table, with the timeouts and retries of
    /// [`Timing::DYNAMODB`].
    #[must_use]
    pub fn new(config: &SdkConfig, table: impl Into<String>) -> Self {
        let table = Table::new(config, table.into(), Timing::DYNAMODB);
        Self { table, page_size: PAGE_SIZE }
    }

    /// The same store, with other timeouts and retries.
    #[must_use]
    pub fn with_timing(self, timing: Timing) -> Self {
        Self { table: self.table.with_timing(timing), ..self }
    }

    /// The same store, with this number of documents in a page.
    #[must_use]
    pub fn with_page_size(self, page_size: NonZeroUsize) -> Self {
        Self { page_size, ..self }
    }

    async fn version_of(&self, key: Key) -> Result<Option<VersionItem>, StoreError> {
        let Some(item) = self.table.get(key.clone()).await? else { return Ok(None) };
        let item: VersionItem = decode(item)?;
        let fits = (&item.pk, &item.sk) == (&key.pk, &key.sk)
            && item.revision == item.record.version
            && item.removed == item.record.removed;
        let corrupt = || StoreError::Corrupt("another document is stored at this path".into());
        if fits { Ok(Some(item)) } else { Err(corrupt()) }
    }

    /// The current version of a document. `NotFound` if there is none.
    async fn current(&self, path: &PolicyPath) -> Result<Version, StoreError> {
        let item = self.version_of(pointer(path).ok_or_else(StoreError::not_found)?).await?;
        let current = item.map(|item| item.record).filter(|version| !version.removed);
        current.ok_or_else(StoreError::not_found)
    }

    async fn text(&self, path: &PolicyPath, version: Version) -> Result<PolicyText, StoreError> {
        let text = texts::read(&self.table, path, version.version, version.bytes).await?;
        if HEXLOWER.encode(&Sha256::digest(&text)) != version.sha256 {
            return Err(StoreError::Corrupt("the text is not the one that was written".into()));
        }
        Ok(PolicyText { text, version: version.version.to_string() })
    }

    /// Writes a text under a version number above `above` that no other writer uses.
    async fn write_text(
        &self,
        path: &PolicyPath,
        text: &[u8],
        above: u64,
        token: &str,
    ) -> Result<u64, StoreError> {
        let partition = AttributeValue::S(texts::partition(path));
        let mut above = above;
        for _ in 0..ATTEMPTS {
            let version = above.saturating_add(1);
            let written = texts::write(&self.table, path, version, text, token).await;
            if let Some(()) = written.unless_conflict()? {
                return Ok(version);
            }
            // The text of a writer that failed or has not finished.
            let last = self
                .table
                .query()
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", partition.clone())
                .projection_expression("sk")
                .scan_index_forward(false)
                .consistent_read(true)
                .limit(1);
            let last = Table::find(last).await?.items.first().and_then(version_at);
            above = last.unwrap_or(above).max(above);
        }
        Err(StoreError::conflict())
    }

    /// Writes a revision of the current version, and then the pointer with the new one.
    async fn advance(
        &self,
        path: &PolicyPath,
        key: Key,
        from: Option<Version>,
        to: Version,
        write: &str,
    ) -> Result<(), StoreError> {
        let condition = match from {
            None => Condition::Absent,
            Some(from) => {
                let seen = encode_value(&from.version)?;
                if !from.removed {
                    let key = revision(path, from.version);
                    let item = encode(&VersionItem::new(key, from, write))?;
                    // A concurrent writer writes the same revision.
                    self.table.put(item, Condition::Absent).await.unless_conflict()?;
                }
                Condition::Equal("revision", seen)
            }
        };
        let item = encode(&VersionItem::new(key.clone(), to.clone(), write))?;
        match self.table.put(item, condition).await.unless_conflict()? {
            Some(()) => Ok(()),
            None if self.happened(path, key, &to, write).await? => Ok(()),
            None => Err(StoreError::conflict()),
        }
    }

    /// Whether the write of the pointer took effect, and only its response was lost: the
    /// pointer has the new version, or had it before a later one.
    async fn happened(
        &self,
        path: &PolicyPath,
        key: Key,
        to: &Version,
        write: &str,
    ) -> Result<bool, StoreError> {
        if self.version_of(key).await?.is_some_and(|item| item.write == write) {
            return Ok(true);
        }
        // Only this writer has a text with this number. A removal has no text.
        Ok(!to.removed && self.version_of(revision(path, to.version)).await?.is_some())
    }
}

#[async_trait]
impl PolicyStore for DynamoPolicies {
    async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError> {
        let result: Result<PolicyText, StoreError> = async {
            let current = self.current(path).await?;
            self.text(path, current).await
        }
        .await;
        result.at(|| self.table.location().policy(path))
    }

    /// Names without texts, which are separate items.
    async fn list(
        &self,
        root: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<ListedPolicy>, StoreError> {
        let result: Result<Page<ListedPolicy>, StoreError> = async {
            let folder = listable(root);
            let start = match cursor {
                None => None,
                Some(Cursor(name)) => {
                    let path = folder.map(|folder| PolicyPath::new(folder).join(name));
                    let key = path.and_then(|path| pointer(&path)).filter(|key| key.sk == *name);
                    Some(key.ok_or_else(StoreError::not_found)?.into_item())
                }
            };
            let Some(folder) = folder else { return Ok(Page { items: Vec::new(), next: None }) };
            let query = self
                .table
                .query()
                .key_condition_expression("pk = :pk")
                .filter_expression("removed = :no")
                .projection_expression("sk")
                .expression_attribute_values(":pk", AttributeValue::S(documents(folder)))
                .expression_attribute_values(":no", AttributeValue::Bool(false))
                .consistent_read(true)
                .limit(i32::try_from(self.page_size.get()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start);
            let found = Table::find(query).await?;
            let name = |item: &super::table::Item| {
                let name = item.get("sk").and_then(|name| name.as_s().ok());
                name.cloned().ok_or_else(|| StoreError::Corrupt("a document without a name".into()))
            };
            let listed = |item| Ok(ListedPolicy { name: name(item)?, document: None });
            let items = found.items.iter().map(listed).collect::<Result<_, StoreError>>()?;
            let next = found.last.as_ref().map(name).transpose()?.map(Cursor);
            Ok(Page { items, next })
        }
        .await;
        result.at(|| self.table.location().policies(root))
    }
}

#[async_trait]
impl PolicyWriter for DynamoPolicies {
    async fn put(
        &self,
        path: &PolicyPath,
        text: &[u8],
        over: Option<&str>,
    ) -> Result<String, StoreError> {
        let result: Result<String, StoreError> = async {
            let key = pointer(path).ok_or_else(|| StoreError::Refused(INVALID_PATH.into()))?;
            if text.len() > MAX_BYTES {
                let bytes = text.len();
                let cause = format!("{bytes} bytes are more than the {MAX_BYTES} of a document");
                return Err(StoreError::Refused(cause.into()));
            }
            let from = self.version_of(key.clone()).await?.map(|item| item.record);
            let current = from.as_ref().filter(|version| !version.removed);
            if current.map(|version| version.version.to_string()).as_deref() != over {
                return Err(StoreError::conflict());
            }
            let write = write_token()?;
            let above = from.as_ref().map_or(0, |version| version.version);
            let version = self.write_text(path, text, above, &write).await?;
            let sha256 = HEXLOWER.encode(&Sha256::digest(text));
            let to = Version { version, bytes: text.len(), sha256, at: now(), removed: false };
            self.advance(path, key, from, to, &write).await?;
            Ok(version.to_string())
        }
        .await;
        result.at(|| self.table.location().policy(path))
    }

    async fn remove(&self, path: &PolicyPath) -> Result<(), StoreError> {
        let result: Result<(), StoreError> = async {
            let key = pointer(path).ok_or_else(StoreError::not_found)?;
            let from = self.current(path).await?;
            let version = from.version.saturating_add(1);
            let to = Version { version, at: now(), removed: true, ..from.clone() };
            self.advance(path, key, Some(from), to, &write_token()?).await
        }
        .await;
        result.at(|| self.table.location().policy(path))
    }

    async fn history(
        &self,
        path: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<PolicyRevision>, StoreError> {
        let result: Result<Page<PolicyRevision>, StoreError> = async {
            let start = match cursor {
                None => None,
                Some(Cursor(text)) => {
                    Some(revision(path, number(text).ok_or_else(StoreError::not_found)?))
                }
            };
            let current = self.current(path).await?;
            let Key { pk, .. } = revision(path, 0);
            let query = self
                .table
                .query()
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", AttributeValue::S(pk))
                .consistent_read(true)
                .limit(i32::try_from(self.page_size.get()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start.map(Key::into_item));
            let found = Table::find(query).await?;
            let versions = found.items.into_iter().map(decode::<VersionItem>);
            let mut versions =
                versions.map(|item| item.map(|item| item.record)).collect::<Result<Vec<_>, _>>()?;
            // A writer may have written the revision of the current version already.
            versions.retain(|version| version.version < current.version);
            let next = match found.last {
                None => {
                    versions.push(current);
                    None
                }
                Some(last) => {
                    let last = last.get("sk").and_then(|sk| sk.as_s().ok()?.parse::<u64>().ok());
                    last.map(|last| Cursor(last.to_string()))
                }
            };
            let items = versions.into_iter().map(|version| PolicyRevision {
                version: version.version.to_string(),
                at: Some(version.at),
                by: None,
                bytes: version.bytes,
            });
            Ok(Page { items: items.collect(), next })
        }
        .await;
        result.at(|| self.table.location().history(path))
    }

    async fn revision(&self, path: &PolicyPath, version: &str) -> Result<PolicyText, StoreError> {
        let result: Result<PolicyText, StoreError> = async {
            let version = number(version).ok_or_else(StoreError::not_found)?;
            let current = self.current(path).await?;
            if current.version == version {
                return self.text(path, current).await;
            }
            let found = self.version_of(revision(path, version)).await?.map(|item| item.record);
            let found = found.filter(|found| found.version == version && version < current.version);
            self.text(path, found.ok_or_else(StoreError::not_found)?).await
        }
        .await;
        result.at(|| self.table.location().policy(path))
    }
}

const INVALID_PATH: &str = "a document cannot have this path: it must consist of parts of \
                            `[A-Za-z0-9._-]` after slashes, and not begin with `aws` or `ssm`";

/// The time of a version, for the history only. Nothing is decided by it.
fn now() -> DateTime<Utc> {
    crate::Clock::now(&crate::SystemClock)
}
