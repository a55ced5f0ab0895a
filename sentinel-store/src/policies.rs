//! Policy documents, as text. The broker compiles and caches them. Administrators
//! change them.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::{Cursor, Page, StoreError};

/// The path of a policy document, such as `/sentinel/policies/production`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyPath(Box<str>);

impl PolicyPath {
    /// A path. Its parts are separated by `/`.
    #[must_use]
    pub fn new(path: &str) -> Self {
        Self(path.into())
    }

    /// The whole path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part: the name of the profile that the document is for.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The path without its last part. `None` if it has one part only.
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

/// A stored policy document.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyText {
    /// The document.
    pub text: Vec<u8>,
    /// The version of the document, as the store names it.
    pub version: String,
}

impl PolicyText {
    /// A document, and its version as the store names it.
    #[must_use]
    pub fn new(text: impl Into<Vec<u8>>, version: impl Into<String>) -> Self {
        Self { text: text.into(), version: version.into() }
    }

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

/// A document in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedPolicy {
    /// The last part of the path.
    pub name: String,
    /// The document as it was stored when it was listed, if the list contained it. `None` if it
    /// must be read separately.
    pub document: Option<PolicyText>,
}

impl ListedPolicy {
    /// A document whose text is not in the list.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), document: None }
    }

    /// The same document with its text.
    #[must_use]
    pub fn with_document(self, document: impl Into<Option<PolicyText>>) -> Self {
        Self { document: document.into(), ..self }
    }
}

/// Reads policy documents.
///
/// # Contract
/// - A read returns the document that was written last.
/// - [`policy`](Self::policy) returns [`StoreError::NotFound`] if and only if there is no such
///   document. A store that cannot determine this returns `Unavailable`.
/// - [`list`](Self::list) lists the documents directly under `root`, each once, in any order. A text
///   that it contains is the one that [`policy`](Self::policy) would have returned at that time. A
///   store that would need another read for a text lists the document without it.
#[async_trait]
pub trait PolicyStore: fmt::Debug + Send + Sync {
    /// Reads the document at `path`.
    async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError>;

    /// Where the author of a document finds it, for messages. For example a file name.
    fn place(&self, path: &PolicyPath) -> String {
        path.to_string()
    }

    /// Reads a page of the documents directly under `root`: the first page, or the one
    /// that begins at a cursor of the same list. [`Pages`](crate::Pages) reads the whole
    /// list. [`StoreError::NotFound`] if the cursor cannot be one of this list.
    async fn list(
        &self,
        root: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<ListedPolicy>, StoreError>;
}

/// A version of a document, in its history.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyRevision {
    /// The version, as the store names it.
    pub version: String,
    /// When the version was written. `None` if the store does not record it.
    pub at: Option<DateTime<Utc>>,
    /// The ARN of the principal that wrote the version. `None` if the store does not record it.
    pub by: Option<String>,
    /// Length of the document, in bytes.
    pub bytes: usize,
}

impl PolicyRevision {
    /// A version of that length in bytes, without a time and a writer.
    #[must_use]
    pub fn new(version: impl Into<String>, bytes: usize) -> Self {
        Self { version: version.into(), at: None, by: None, bytes }
    }

    /// The same version with the time at which it was written.
    #[must_use]
    pub fn with_at(self, at: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { at: at.into(), ..self }
    }

    /// The same version with the principal that wrote it.
    #[must_use]
    pub fn with_by(self, by: impl Into<Option<String>>) -> Self {
        Self { by: by.into(), ..self }
    }
}

/// Changes policy documents and reads their history. For administrators, never for the
/// broker.
///
/// # Contract
/// - A document is only written over the version that the writer has read. Otherwise the
///   result is [`StoreError::Conflict`], and the store keeps the other version.
/// - A text that the store does not support (too long, not UTF-8) is
///   [`StoreError::Refused`], and the cause states what it supports.
#[async_trait]
pub trait PolicyWriter: PolicyStore {
    /// Writes the document over the version `over`, or a new document if `over` is
    /// `None`. Returns the new version.
    async fn put(
        &self,
        path: &PolicyPath,
        text: &[u8],
        over: Option<&str>,
    ) -> Result<String, StoreError>;

    /// Removes the document. [`StoreError::NotFound`] if there is none.
    async fn remove(&self, path: &PolicyPath) -> Result<(), StoreError>;

    /// Reads a page of the versions of a document, the oldest first.
    /// [`StoreError::NotFound`] if there is no such document, or the cursor cannot be one
    /// of this list.
    async fn history(
        &self,
        path: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<PolicyRevision>, StoreError>;

    /// Reads a version of the document.
    async fn revision(&self, path: &PolicyPath, version: &str) -> Result<PolicyText, StoreError>;
}
