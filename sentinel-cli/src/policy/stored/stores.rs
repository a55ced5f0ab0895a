//! The places in which documents lie, asked as one.

use std::sync::Arc;

use aws_config::SdkConfig;
use sentinel_store::{
    Cursor, Page, PolicyPath, PolicyRevision, PolicyText, PolicyWriter, StoreError, StoreResultExt,
};

use super::Place;
use crate::Failure;
use crate::account::because_store;

/// SSM, and the policy table where there is one.
#[derive(Debug)]
pub(crate) struct Stores {
    ssm: Arc<dyn PolicyWriter>,
    table: Option<Arc<dyn PolicyWriter>>,
}

/// A document as it lies in each place; more than one is a fault, which makes its
/// profiles `POLICY_ERROR`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) ssm: Option<PolicyText>,
    pub(crate) table: Option<PolicyText>,
}

impl Stores {
    pub(crate) fn new(ssm: Arc<dyn PolicyWriter>, table: Option<Arc<dyn PolicyWriter>>) -> Self {
        Self { ssm, table }
    }

    /// Those of an account.
    pub(crate) fn open(config: &SdkConfig, policy_table: Option<&str>) -> Self {
        let table = policy_table.map(|name| -> Arc<dyn PolicyWriter> {
            Arc::new(sentinel_store::DynamoPolicies::new(config, name))
        });
        Self::new(Arc::new(sentinel_store::SsmPolicies::new(config)), table)
    }

    pub(crate) const fn has_table(&self) -> bool {
        self.table.is_some()
    }

    /// The places that there are.
    pub(super) fn places(&self) -> Vec<(Place, &dyn PolicyWriter)> {
        let table = self.table.as_deref().map(|table| (Place::Table, table));
        [(Place::Ssm, &*self.ssm)].into_iter().chain(table).collect()
    }

    /// The store of a place.
    pub(crate) fn at(&self, place: Place) -> Result<&dyn PolicyWriter, Failure> {
        match place {
            Place::Ssm => Ok(&*self.ssm),
            Place::Table => self.table.as_deref().ok_or_else(|| {
                Failure::Usage(
                    "no policy table is named: set SENTINEL_POLICY_TABLE or give `--policy-table`"
                        .to_owned(),
                )
            }),
        }
    }

    /// The document as it lies in each place.
    pub(crate) async fn find(&self, path: &PolicyPath) -> Result<Found, Failure> {
        let mut found = Found::default();
        for (place, store) in self.places() {
            let text = store.policy(path).await.optional();
            let text = text.map_err(|error| cannot("read", path, place, error))?;
            match place {
                Place::Ssm => found.ssm = text,
                Place::Table => found.table = text,
            }
        }
        Ok(found)
    }

    /// The names right under the root, in each place.
    pub(super) async fn names(&self, root: &PolicyPath) -> Result<Vec<(String, Place)>, Failure> {
        let mut names = Vec::new();
        for (place, store) in self.places() {
            let failed =
                |error| because_store(format!("cannot list `{root}` in {}", place.as_str()), error);
            let mut cursor = None;
            loop {
                let page = store.list(root, cursor.as_ref()).await.map_err(failed)?;
                names.extend(page.items.into_iter().map(|listed| (listed.name, place)));
                cursor = match following(page.next, cursor).map_err(failed)? {
                    Some(next) => Some(next),
                    None => break,
                };
            }
        }
        names.sort();
        Ok(names)
    }

    /// The versions of a document in a place, the oldest first; none where there
    /// is no such document.
    pub(super) async fn history(
        &self,
        place: Place,
        path: &PolicyPath,
    ) -> Result<Option<Vec<PolicyRevision>>, Failure> {
        let store = self.at(place)?;
        let failed = |error| cannot("read the history of", path, place, error);
        let mut revisions = Vec::new();
        let mut cursor = None;
        loop {
            let Page { items, next } = match store.history(path, cursor.as_ref()).await {
                Ok(page) => page,
                Err(StoreError::NotFound(_)) if cursor.is_none() => return Ok(None),
                Err(error) => return Err(failed(error)),
            };
            revisions.extend(items);
            cursor = match following(next, cursor).map_err(failed)? {
                Some(next) => Some(next),
                None => return Ok(Some(revisions)),
            };
        }
    }
}

/// The next page's cursor, which is never that of the page itself.
fn following(next: Option<Cursor>, this: Option<Cursor>) -> Result<Option<Cursor>, StoreError> {
    if next.is_some() && next == this {
        return Err(StoreError::Corrupt("a page is its own next page".into()));
    }
    Ok(next)
}

/// Something could not be done with a document.
pub(super) fn cannot(doing: &str, path: &PolicyPath, place: Place, error: StoreError) -> Failure {
    because_store(format!("cannot {doing} `{path}` in {}", place.as_str()), error)
}
