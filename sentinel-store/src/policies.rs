//! Policy documents, as text. Compiling and caching is the broker's; changing
//! them is an administrator's.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::{Cursor, Page, StoreError};

/// Where a policy document lies, as in `/sentinel/policies/production`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyPath(Box<str>);

impl PolicyPath {
    /// A path; parts are separated by `/`.
    #[must_use]
    pub fn new(path: &str) -> Self {
        Self(path.into())
    }

    /// The whole path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part: the profile that the document describes.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// What the last part stands under; none when the path has one part only.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self::new(parent))
    }

    /// The document `name` under this root.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        Self(format!("{}/{name}", self.0.trim_end_matches('/')).into())
    }
}

impl fmt::Display for PolicyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PolicyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A policy document as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct PolicyText {
    /// The document.
    pub text: Vec<u8>,
    /// What the store calls this version of it.
    pub version: String,
}

impl PolicyText {
    /// The SHA-256 of the document.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.text).into()
    }
}

impl fmt::Debug for PolicyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyText")
            .field("version", &self.version)
            .field("bytes", &self.text.len())
            .finish()
    }
}

/// One document of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPolicy {
    /// The last part of its path.
    pub name: String,
    /// The document as it was stored when it was listed, if the list contained it. `None` if it
    /// has to be read by itself.
    pub document: Option<PolicyText>,
}

/// Reads policy documents.
///
/// # Contract
/// - A document that was written is seen by the next read.
/// - From [`policy`](Self::policy), [`StoreError::NotFound`] says that there is no such document, and nothing
///   else does: a store that cannot tell says `Unavailable`.
/// - [`list`](Self::list) lists the documents right under `root`, each once, in any order. A text
///   that it contains is the one that [`policy`](Self::policy) would have returned at that time. A
///   store that would need another read for a text lists the document without it.
#[async_trait]
pub trait PolicyStore: fmt::Debug + Send + Sync {
    /// The document at `path`.
    async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError>;

    /// Where the author of a document finds it, for messages about it.
    fn place(&self, path: &PolicyPath) -> String {
        path.to_string()
    }

    /// The documents right under `root`, a page at a time: from the start, or
    /// from where a page of the same list said that the next one begins.
    /// [`StoreError::NotFound`] when the cursor cannot be one of it.
    async fn list(
        &self,
        root: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<ListedPolicy>, StoreError>;
}

/// One version of a document, as its history tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRevision {
    /// What the store calls it.
    pub version: String,
    /// When it was written.
    pub at: Option<DateTime<Utc>>,
    /// Who wrote it, as far as the store knows.
    pub by: Option<String>,
    /// How long the document is, in bytes.
    pub bytes: usize,
}

/// Changes policy documents and tells how they came to be: for those who
/// administer them, never for the broker.
///
/// # Contract
/// - A document is only written over the version that the writer saw: another
///   one is [`StoreError::Conflict`], and is what the store holds afterwards.
/// - What a store cannot hold (too long, not text) is [`StoreError::Refused`],
///   and the cause says what it can.
#[async_trait]
pub trait PolicyWriter: PolicyStore {
    /// Writes the document over the version `over`, or where there is none yet,
    /// and gives its version.
    async fn put(
        &self,
        path: &PolicyPath,
        text: &[u8],
        over: Option<&str>,
    ) -> Result<String, StoreError>;

    /// Removes the document. [`StoreError::NotFound`] when there is none.
    async fn remove(&self, path: &PolicyPath) -> Result<(), StoreError>;

    /// Its versions, the oldest first, a page at a time. [`StoreError::NotFound`]
    /// when there is no such document, or the cursor is none of this list's.
    async fn history(
        &self,
        path: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<PolicyRevision>, StoreError>;

    /// The document as it was in that version.
    async fn revision(&self, path: &PolicyPath, version: &str) -> Result<PolicyText, StoreError>;
}
