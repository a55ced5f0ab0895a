//! Where to write a document, and which version it replaces. The plan is made from
//! the stored versions, before anything is written.

use sentinel_store::{PolicyPath, StoreError, StoreResultExt};

use super::stores::Found;
use super::{Place, Stores};
use crate::commands::policy::usable::SSM_MAX_BYTES;

/// The writes of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// The stored document has the same text already.
    Nothing {
        /// The place of the document.
        place: Place,
        /// The stored version.
        version: String,
    },
    /// The document is written to the place where it is stored, or created if it
    /// does not exist.
    Write {
        /// The place to write to.
        place: Place,
        /// The version that it replaces.
        over: Option<String>,
    },
    /// The document is written to the table, and then the parameter is removed.
    Move {
        /// The version in the table that it replaces.
        over: Option<String>,
        /// The version in the table that already has the same text, so that nothing
        /// is written.
        written: Option<String>,
        /// The version of the parameter that is removed.
        parameter: String,
    },
}

/// Why a push is not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The document is too large for SSM, and no table is named.
    NoTable,
    /// The document is stored in SSM, and the new text is too large for it.
    Outgrown,
    /// The document is stored in both places.
    InBoth,
}

impl Refusal {
    /// What to do.
    pub(super) fn explain(self, path: &PolicyPath, bytes: usize) -> String {
        match self {
            Self::NoTable => format!(
                "`{path}` has {bytes} bytes, and a parameter has at most {SSM_MAX_BYTES}: pass \
                 `--policy-table`, with a table that `sentinel bootstrap --policy-table` creates, \
                 and set SENTINEL_POLICY_TABLE of the TVM to it"
            ),
            Self::Outgrown => format!(
                "`{path}` is stored in SSM, and with {bytes} bytes it is larger than a parameter can \
                 be ({SSM_MAX_BYTES}): pass `--move` to move it to the policy table, which must be \
                 SENTINEL_POLICY_TABLE of the TVM; while it is in both, its profiles get \
                 POLICY_ERROR"
            ),
            Self::InBoth => format!(
                "`{path}` is in SSM and in the policy table, and its profiles get POLICY_ERROR: \
                 pass `--move` to keep the one in the table and remove the parameter"
            ),
        }
    }
}

/// Plans the push of that text.
pub(super) fn plan(
    text: &[u8],
    found: &Found,
    has_table: bool,
    may_move: bool,
) -> Result<Plan, Refusal> {
    let fits = text.len() <= SSM_MAX_BYTES;
    match (&found.ssm, &found.table) {
        (Some(_), Some(_)) if !may_move => Err(Refusal::InBoth),
        (Some(parameter), Some(item)) => Ok(Plan::Move {
            over: Some(item.version.clone()),
            written: (item.text == text).then(|| item.version.clone()),
            parameter: parameter.version.clone(),
        }),
        (Some(parameter), None) if parameter.text == text => {
            Ok(Plan::Nothing { place: Place::Ssm, version: parameter.version.clone() })
        }
        (Some(parameter), None) if fits => {
            Ok(Plan::Write { place: Place::Ssm, over: Some(parameter.version.clone()) })
        }
        (Some(_) | None, None) if !fits && !has_table => Err(Refusal::NoTable),
        (Some(parameter), None) if may_move => {
            Ok(Plan::Move { over: None, written: None, parameter: parameter.version.clone() })
        }
        (Some(_), None) => Err(Refusal::Outgrown),
        (None, Some(item)) if item.text == text => {
            Ok(Plan::Nothing { place: Place::Table, version: item.version.clone() })
        }
        (None, Some(item)) => {
            Ok(Plan::Write { place: Place::Table, over: Some(item.version.clone()) })
        }
        (None, None) => {
            Ok(Plan::Write { place: if fits { Place::Ssm } else { Place::Table }, over: None })
        }
    }
}

/// A step of a plan that failed, and its place.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) place: Place,
    pub(super) error: StoreError,
    /// The version that was written before the failure.
    pub(super) written: Option<String>,
}

/// Executes a plan, and returns the version that is stored afterwards.
pub(super) async fn execute(
    plan: &Plan,
    stores: &Stores,
    path: &PolicyPath,
    text: &[u8],
) -> Result<String, Failed> {
    let failed = |place, error, written| Failed { place, error, written };
    let store = |place| {
        let found = stores.places().into_iter().find(|(there, _)| *there == place);
        found.map(|(_, store)| store).ok_or_else(|| {
            failed(place, StoreError::Refused("no policy table is named".into()), None)
        })
    };
    match plan {
        Plan::Nothing { version, .. } => Ok(version.clone()),
        Plan::Write { place, over } => {
            let put = store(*place)?.put(path, text, over.as_deref()).await;
            put.map_err(|error| failed(*place, error, None))
        }
        Plan::Move { over, written, parameter } => {
            let version = match written {
                Some(version) => version.clone(),
                None => {
                    let put = store(Place::Table)?.put(path, text, over.as_deref()).await;
                    put.map_err(|error| failed(Place::Table, error, None))?
                }
            };
            let removal_failed = |error| failed(Place::Ssm, error, Some(version.clone()));
            let ssm = store(Place::Ssm)?;
            // SSM cannot remove a parameter on the condition of its version. This
            // check at least ensures that a version written since the difference
            // was shown is not lost without notice.
            match ssm.policy(path).await.optional().map_err(removal_failed)? {
                Some(now) if now.version == *parameter => {
                    ssm.remove(path).await.map_err(removal_failed)?
                }
                Some(_) => return Err(removal_failed(StoreError::conflict())),
                None => {}
            }
            Ok(version)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sentinel_store::{PolicyStore, PolicyText, PolicyWriter};

    use super::super::memory::Memory;
    use super::*;

    fn text(length: usize) -> Vec<u8> {
        vec![b'x'; length]
    }

    fn at(version: &str, text: Vec<u8>) -> Option<PolicyText> {
        Some(PolicyText::new(text, version))
    }

    #[test]
    fn a_document_is_written_to_its_current_place_or_else_to_the_place_it_fits() {
        let none = Found::default;
        let ssm = || Found { ssm: at("3", text(9)), table: None };
        let table = || Found { ssm: None, table: at("4", text(9)) };
        let both = || Found { ssm: at("3", text(8)), table: at("4", text(9)) };
        let write =
            |place, over: Option<&str>| Ok(Plan::Write { place, over: over.map(str::to_owned) });
        let moved = |over: Option<&str>, written: Option<&str>| {
            let own = |text: &str| text.to_owned();
            Ok(Plan::Move { over: over.map(own), written: written.map(own), parameter: own("3") })
        };
        let nothing = |place, version: &str| Ok(Plan::Nothing { place, version: version.into() });
        let (small, large) = (text(SSM_MAX_BYTES), text(SSM_MAX_BYTES + 1));
        for (text, found, has_table, may_move, expected) in [
            (&small, none(), true, false, write(Place::Ssm, None)),
            (&small, none(), false, false, write(Place::Ssm, None)),
            (&large, none(), true, false, write(Place::Table, None)),
            (&large, none(), false, false, Err(Refusal::NoTable)),
            (&small, ssm(), true, true, write(Place::Ssm, Some("3"))),
            (&large, ssm(), true, false, Err(Refusal::Outgrown)),
            (&large, ssm(), false, true, Err(Refusal::NoTable)),
            (&large, ssm(), true, true, moved(None, None)),
            (&text(9), ssm(), true, true, nothing(Place::Ssm, "3")),
            (&small, table(), true, false, write(Place::Table, Some("4"))),
            (&large, table(), true, false, write(Place::Table, Some("4"))),
            (&text(9), table(), true, false, nothing(Place::Table, "4")),
            (&small, both(), true, false, Err(Refusal::InBoth)),
            (&small, both(), true, true, moved(Some("4"), None)),
            // The state after a move that was interrupted.
            (&text(9), both(), true, true, moved(Some("4"), Some("4"))),
        ] {
            let planned = plan(text, &found, has_table, may_move);
            assert_eq!(planned, expected, "{} bytes over {found:?}", text.len());
        }
    }

    fn stores() -> (Arc<Memory>, Arc<Memory>, Stores) {
        let (ssm, table) = (Arc::new(Memory::default()), Arc::new(Memory::default()));
        let stores = Stores::new(ssm.clone(), Some(table.clone()));
        (ssm, table, stores)
    }

    #[tokio::test]
    async fn a_move_writes_the_table_first_and_is_finished_by_the_next_push() {
        let (ssm, table, stores) = stores();
        let path = PolicyPath::new("/p/x");
        ssm.put(&path, b"old", None).await.unwrap();
        let large = text(SSM_MAX_BYTES + 1);
        let planned = plan(&large, &stores.find(&path).await.unwrap(), true, true).unwrap();
        ssm.fail_removals(true);
        let failed = execute(&planned, &stores, &path, &large).await.unwrap_err();
        assert_eq!((failed.place, failed.written.as_deref()), (Place::Ssm, Some("1")));
        assert_eq!(table.policy(&path).await.unwrap().text, large);
        ssm.fail_removals(false);
        let planned = plan(&large, &stores.find(&path).await.unwrap(), true, true).unwrap();
        assert_eq!(execute(&planned, &stores, &path, &large).await.unwrap(), "1");
        assert!(matches!(ssm.policy(&path).await, Err(StoreError::NotFound(_))));
    }

    #[tokio::test]
    async fn a_version_written_since_the_comparison_is_neither_overwritten_nor_removed() {
        let (ssm, table, stores) = stores();
        let path = PolicyPath::new("/p/x");
        ssm.put(&path, b"old", None).await.unwrap();
        let found = stores.find(&path).await.unwrap();
        ssm.put(&path, b"concurrent", Some("1")).await.unwrap();

        let write = plan(b"new", &found, true, false).unwrap();
        let failed = execute(&write, &stores, &path, b"new").await.unwrap_err();
        assert!(matches!(failed.error, StoreError::Conflict(_)));
        let large = text(SSM_MAX_BYTES + 1);
        let moved = plan(&large, &found, true, true).unwrap();
        let failed = execute(&moved, &stores, &path, &large).await.unwrap_err();
        assert!(matches!(failed.error, StoreError::Conflict(_)));
        assert_eq!(failed.written.as_deref(), Some("1"));
        assert_eq!(ssm.policy(&path).await.unwrap().text, b"concurrent");
        assert_eq!(table.policy(&path).await.unwrap().text, large);
    }
}
