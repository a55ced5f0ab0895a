//! Documents in two stores: those that fit in SSM there, and the others in the policy
//! table.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use futures_util::future::{join, try_join};

use crate::{
    Cursor, ListedPolicy, Location, Page, Pages, PolicyPath, PolicyStore, PolicyText, StoreError,
    StoreResultExt,
};

/// The documents of two stores. A document that is in both is `Corrupt`, because its
/// author meant one of them, and Sentinel cannot determine which. If one store fails, the
/// read fails, because the other document is unknown.
#[derive(Clone, Debug)]
pub struct PolicyLayers {
    first: Arc<dyn PolicyStore>,
    second: Arc<dyn PolicyStore>,
}

impl PolicyLayers {
    /// The documents of both stores.
    #[must_use]
    pub fn new(first: Arc<dyn PolicyStore>, second: Arc<dyn PolicyStore>) -> Self {
        Self { first, second }
    }

    fn location(&self) -> Location {
        Location::new("both policy stores")
    }
}

#[async_trait]
impl PolicyStore for PolicyLayers {
    async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError> {
        let (first, second) = join(self.first.policy(path), self.second.policy(path)).await;
        let found = match (first.optional()?, second.optional()?) {
            (Some(document), None) | (None, Some(document)) => Ok(document),
            (None, None) => Err(StoreError::not_found()),
            (Some(_), Some(_)) => {
                let cause = "the document is in both stores: remove it from one of them";
                Err(StoreError::Corrupt(cause.into()))
            }
        };
        found.at(|| self.location().policy(path))
    }

    /// All documents in one page. A document that is in both stores must be listed once,
    /// so that every page would need all names of one store. This way, each page of the
    /// stores is requested once. A document that is in both is listed without a text: its
    /// own read reports the error.
    async fn list(
        &self,
        root: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<ListedPolicy>, StoreError> {
        if cursor.is_some() {
            return Err(StoreError::not_found().at(|| self.location().policies(root)));
        }
        let (mut documents, others) = try_join(all(&*self.first, root), all(&*self.second, root))
            .await
            .at(|| self.location().policies(root))?;
        for (name, other) in others {
            documents.entry(name).and_modify(|document| *document = None).or_insert(other);
        }
        let listed = |(name, document)| ListedPolicy { name, document };
        Ok(Page { items: documents.into_iter().map(listed).collect(), next: None })
    }
}

/// Maximum number of names in one store.
const MAX_NAMES: usize = 20_000;

/// The documents of one store, by name.
type Documents = BTreeMap<String, Option<PolicyText>>;

async fn all(store: &dyn PolicyStore, root: &PolicyPath) -> Result<Documents, StoreError> {
    let mut documents = Documents::new();
    let mut pages = Pages::policies(store, root);
    while let Some(page) = pages.next().await? {
        documents.extend(page.items.into_iter().map(|listed| (listed.name, listed.document)));
        if documents.len() > MAX_NAMES {
            return Err(StoreError::Refused("too many names under the policy root".into()));
        }
    }
    Ok(documents)
}
