//! Policy documents in memory.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    ops::Bound,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;

use super::{PAGE_SIZE, location, locked};
use crate::{Cursor, ListedPolicy, Page, PolicyPath, PolicyStore, PolicyText, StoreError};

/// Policy documents in memory. Versions are `1`, `2`, … in the order of all
/// writes, so that no version is used twice.
#[derive(Debug)]
pub struct MemoryPolicies {
    documents: Mutex<BTreeMap<PolicyPath, PolicyText>>,
    writes: AtomicU64,
    page_size: NonZeroUsize,
}

impl MemoryPolicies {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_page_size(PAGE_SIZE)
    }

    /// An empty store with this number of documents in a page.
    #[must_use]
    pub fn with_page_size(page_size: NonZeroUsize) -> Self {
        Self { documents: Mutex::default(), writes: AtomicU64::new(0), page_size }
    }

    /// Writes the document at `path` and returns its version.
    pub fn put(&self, path: &PolicyPath, text: impl Into<Vec<u8>>) -> String {
        let mut documents = locked(&self.documents);
        let version = (self.writes.fetch_add(1, Ordering::Relaxed) + 1).to_string();
        let document = PolicyText { text: text.into(), version: version.clone() };
        documents.insert(path.clone(), document);
        version
    }

    /// Removes the document at `path`. Returns whether there was one.
    pub fn remove(&self, path: &PolicyPath) -> bool {
        locked(&self.documents).remove(path).is_some()
    }
}

impl Default for MemoryPolicies {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl PolicyStore for MemoryPolicies {
    async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError> {
        let found = locked(&self.documents).get(path).cloned();
        found.ok_or_else(|| StoreError::not_found().at(|| location().policy(path)))
    }

    async fn list(
        &self,
        root: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<ListedPolicy>, StoreError> {
        let start = match cursor {
            None => Bound::Unbounded,
            Some(Cursor(name)) if name.is_empty() || name.contains('/') => {
                return Err(StoreError::not_found().at(|| location().policies(root)));
            }
            Some(Cursor(name)) => Bound::Excluded(root.join(name)),
        };
        let documents = locked(&self.documents);
        let mut found = documents
            .range((start, Bound::Unbounded))
            .filter(|(path, _)| **path == root.join(path.name()))
            .map(|(path, document)| ListedPolicy {
                name: path.name().to_owned(),
                document: Some(document.clone()),
            });
        let items: Vec<_> = found.by_ref().take(self.page_size.get()).collect();
        let more = found.next().is_some();
        let next = items.last().filter(|_| more).map(|last| Cursor(last.name.clone()));
        Ok(Page { items, next })
    }
}
