//! The places where documents are stored, behind one interface.

use std::sync::Arc;

use aws_config::SdkConfig;
use sentinel_store::{
    Pages, PolicyPath, PolicyRevision, PolicyText, PolicyWriter, StoreError, StoreResultExt,
};

use super::Place;
use crate::aws::because_store;
use crate::output::Failure;

/// SSM, and the policy table if there is one.
#[derive(Debug)]
pub(crate) struct Stores {
    ssm: Arc<dyn PolicyWriter>,
    table: Option<Arc<dyn PolicyWriter>>,
}

/// A document as it is stored in each place. More than one is a fault: the result
/// for its profiles is `POLICY_ERROR`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) ssm: Option<PolicyText>,
    pub(crate) table: Option<PolicyText>,
}

impl Stores {
    pub(crate) fn new(ssm: Arc<dyn PolicyWriter>, table: Option<Arc<dyn PolicyWriter>>) -> Self {
        Self { ssm, table }
    }

    /// Opens the stores of an account.
    pub(crate) fn open(config: &SdkConfig, policy_table: Option<&str>) -> Self {
        let table = policy_table.map(|name| -> Arc<dyn PolicyWriter> {
            Arc::new(sentinel_store::dynamodb::DynamoPolicies::new(config, name))
        });
        Self::new(Arc::new(sentinel_store::ssm::SsmPolicies::new(config)), table)
    }

    pub(crate) const fn has_table(&self) -> bool {
        self.table.is_some()
    }

    /// All places.
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
                    "no policy table is configured: set SENTINEL_POLICY_TABLE or pass \
                     `--policy-table`"
                        .to_owned(),
                )
            }),
        }
    }

    /// The document as it is stored in each place.
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

    /// The names directly under the root, in each place.
    pub(super) async fn names(&self, root: &PolicyPath) -> Result<Vec<(String, Place)>, Failure> {
        let mut names = Vec::new();
        for (place, store) in self.places() {
            let failed =
                |error| because_store(format!("cannot list `{root}` in {}", place.as_str()), error);
            let listed = Pages::policies(store, root).items().await.map_err(failed)?;
            names.extend(listed.into_iter().map(|listed| (listed.name, place)));
        }
        names.sort();
        Ok(names)
    }

    /// The versions of a document in a place, oldest first. `None` if the document
    /// does not exist there.
    pub(super) async fn history(
        &self,
        place: Place,
        path: &PolicyPath,
    ) -> Result<Option<Vec<PolicyRevision>>, Failure> {
        let store = self.at(place)?;
        let failed = |error| cannot("read the history of", path, place, error);
        let mut pages = Pages::history(store, path);
        let Some(first) = pages.next().await.optional().map_err(failed)? else { return Ok(None) };
        let mut revisions = first.map(|page| page.items).unwrap_or_default();
        revisions.extend(pages.items().await.map_err(failed)?);
        Ok(Some(revisions))
    }
}

/// The failure of an operation on a document.
pub(super) fn cannot(doing: &str, path: &PolicyPath, place: Place, error: StoreError) -> Failure {
    because_store(format!("cannot {doing} `{path}` in {}", place.as_str()), error)
}
