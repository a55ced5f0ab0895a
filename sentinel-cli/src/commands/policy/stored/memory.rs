//! A place in memory, for tests.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use sentinel_store::{
    Cursor, ListedPolicy, Page, PolicyPath, PolicyRevision, PolicyStore, PolicyText, PolicyWriter,
    StoreError,
};

#[derive(Debug, Default)]
pub(super) struct Memory {
    versions: Mutex<BTreeMap<PolicyPath, Vec<Vec<u8>>>>,
    removals_fail: AtomicBool,
}

impl Memory {
    pub(super) fn fail_removals(&self, fail: bool) {
        self.removals_fail.store(fail, Ordering::Relaxed);
    }
}

#[async_trait]
impl PolicyStore for Memory {
    async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError> {
        let versions = self.versions.lock().unwrap();
        let texts = versions.get(path).ok_or_else(StoreError::not_found)?;
        Ok(PolicyText::new(texts.last().unwrap().clone(), texts.len().to_string()))
    }

    async fn list(
        &self,
        root: &PolicyPath,
        _: Option<&Cursor>,
    ) -> Result<Page<ListedPolicy>, StoreError> {
        let versions = self.versions.lock().unwrap();
        let under = versions.keys().filter(|path| path.parent().as_ref() == Some(root));
        let listed = under.map(|path| ListedPolicy::new(path.name()));
        Ok(Page::new(listed.collect()))
    }
}

#[async_trait]
impl PolicyWriter for Memory {
    async fn put(
        &self,
        path: &PolicyPath,
        text: &[u8],
        over: Option<&str>,
    ) -> Result<String, StoreError> {
        let mut versions = self.versions.lock().unwrap();
        let now = versions.get(path).map(|texts| texts.len().to_string());
        if now.as_deref() != over {
            return Err(StoreError::conflict());
        }
        let texts = versions.entry(path.clone()).or_default();
        texts.push(text.to_vec());
        Ok(texts.len().to_string())
    }

    async fn remove(&self, path: &PolicyPath) -> Result<(), StoreError> {
        if self.removals_fail.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("as if there were no network".into()));
        }
        let removed = self.versions.lock().unwrap().remove(path);
        removed.map(drop).ok_or_else(StoreError::not_found)
    }

    async fn history(
        &self,
        path: &PolicyPath,
        _: Option<&Cursor>,
    ) -> Result<Page<PolicyRevision>, StoreError> {
        let versions = self.versions.lock().unwrap();
        let texts = versions.get(path).ok_or_else(StoreError::not_found)?;
        let revisions = (1..).zip(texts).map(|(number, text)| {
            PolicyRevision::new(i32::to_string(&number), text.len()).with_by("carol".to_owned())
        });
        Ok(Page::new(revisions.collect()))
    }

    async fn revision(&self, path: &PolicyPath, version: &str) -> Result<PolicyText, StoreError> {
        let versions = self.versions.lock().unwrap();
        let texts = versions.get(path).ok_or_else(StoreError::not_found)?;
        let number: usize = version.parse().map_err(|_| StoreError::not_found())?;
        let text = texts.get(number.wrapping_sub(1)).ok_or_else(StoreError::not_found)?;
        Ok(PolicyText::new(text.clone(), version))
    }
}
