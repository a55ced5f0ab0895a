//! Policy documents, as text. Compiling and caching is the broker's.

use std::fmt;

use async_trait::async_trait;
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

/// Reads policy documents.
///
/// # Contract
/// - A document that was written is seen by the next read.
/// - From [`policy`](Self::policy), [`StoreError::NotFound`] says that there is no such document, and nothing
///   else does: a store that cannot tell says `Unavailable`.
/// - [`names`](Self::names) lists the last parts of the paths right under
///   `root`, each once, in any order.
#[async_trait]
pub trait PolicyStore: fmt::Debug + Send + Sync {
    /// The document at `path`.
    async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError>;

    /// The names of the documents right under `root`, a page at a time: from
    /// the start, or from where a page of the same list said that the next one
    /// begins. [`StoreError::NotFound`] when the cursor cannot be one of it.
    async fn names(
        &self,
        root: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<String>, StoreError>;
}
