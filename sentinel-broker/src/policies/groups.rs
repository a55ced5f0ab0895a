//! The members of groups that are kept outside of the main document, each group in a document of its
//! own. A change of the members changes the decisions of the main document, whose text stays the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use sentinel_policy::{CheckedPolicy, GroupMembers, Limits, Policy};
use sentinel_store::{PolicyPath, PolicyText, StoreResultExt};

use super::copies::Slot;
use super::{LoadedPolicy, Missing, PolicyCache};
use crate::call::{Call, MAX_CONCURRENT_READS};

/// The name under the policy root under which the members of groups are stored. A profile can have
/// this name too: its document is the root's child, and members are children of that child.
const FOLDER: &str = "groups";

/// Maximum number of names in `groups_from`. Each of them is a read for each request without a copy.
const MAX_GROUPS: usize = 50;

/// The copies of members, and the main document that was compiled with them.
#[derive(Debug, Default)]
pub(super) struct Groups {
    members: Mutex<HashMap<PolicyPath, Arc<Slot<CachedMembers>>>>,
    compiled: Mutex<Option<Compiled>>,
}

/// The copy of a group's members: the digest of a text and its result, or found absent.
#[derive(Clone, Debug)]
enum CachedMembers {
    Usable { digest: [u8; 32], members: Arc<GroupMembers> },
    Unusable { digest: [u8; 32] },
    Absent,
}

/// A main document that was compiled with members.
#[derive(Debug)]
struct Compiled {
    /// The document without members. It is the same as long as its text is.
    without: Arc<Policy>,
    /// The digest of each group's text, in the order of the document. `None` for an absent one.
    digests: Vec<Option<[u8; 32]>>,
    policy: Arc<Policy>,
}

/// Whether `main` names more groups than are read, which makes it unusable. Logs this.
pub(super) fn are_too_many(main: &CheckedPolicy, path: &PolicyPath, version: &str) -> bool {
    let count = main.groups_from().count();
    if count > MAX_GROUPS {
        tracing::error!(
            %path,
            version,
            "a policy cannot be used: `groups_from` has {count} names, and the maximum is \
             {MAX_GROUPS}"
        );
    }
    count > MAX_GROUPS
}

impl PolicyCache {
    /// The main document with the members of its groups. If the text of a group's members cannot be
    /// used, the main document cannot be used either.
    pub(super) async fn main_document(&self, call: &Call) -> Result<LoadedPolicy, Missing> {
        match self.document(call, &self.parameter).await {
            Ok(main) => {
                let (policy, stale) = self.with_members(call, &main.policy).await?;
                Ok(LoadedPolicy { policy, stale: stale || main.stale, ..main })
            }
            // Members of its groups are callers that it could allow.
            Err(Missing::Unusable(Some(rules))) => {
                let (rules, _) = self.with_members(call, &rules).await?;
                Err(Missing::Unusable(Some(rules)))
            }
            Err(missing) => Err(missing),
        }
    }

    /// The main document with the members of its groups, and whether members are stale.
    async fn with_members(
        &self,
        call: &Call,
        main: &Arc<Policy>,
    ) -> Result<(Arc<Policy>, bool), Missing> {
        let names: Vec<&str> = main.checked().groups_from().collect();
        if names.is_empty() {
            return Ok((Arc::clone(main), false));
        }
        let mut groups = Vec::with_capacity(names.len());
        let mut any_stale = false;
        for some in names.chunks(MAX_CONCURRENT_READS) {
            let read = join_all(some.iter().map(|name| self.members(call, name))).await;
            for (name, read) in some.iter().zip(read) {
                let (members, stale) = read?;
                any_stale |= stale;
                groups.push((*name, members));
            }
        }
        Ok((self.groups.compile(main, &groups)?, any_stale))
    }

    /// The members of a group, and whether they are stale.
    async fn members(&self, call: &Call, name: &str) -> Result<(CachedMembers, bool), Missing> {
        let path = self.root.join(FOLDER).join(name);
        let slot = {
            let mut members = self.groups.members.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(members.entry(path.clone()).or_default())
        };
        let read = async |last: Option<&CachedMembers>| {
            let text = self.store.policy(&path).await.optional()?;
            Ok(text.map_or_else(
                || absent(name, &path, last),
                |text| self.parse_members(&path, &text, last),
            ))
        };
        self.freshness.copy(call, &slot, |_| None, read).await.map_err(Missing::Store)
    }

    /// Reads the text of a group's members. Reuses the last result if the text is the same.
    fn parse_members(
        &self,
        path: &PolicyPath,
        text: &PolicyText,
        last: Option<&CachedMembers>,
    ) -> CachedMembers {
        let digest = text.digest();
        if let Some(last) = last.filter(|last| last.digest() == Some(digest)) {
            return last.clone();
        }
        let version = &text.version;
        let rendered = |diagnostics: &sentinel_policy::Diagnostics| {
            diagnostics.render(&self.store.place(path), &text.text, false)
        };
        match GroupMembers::parse(&text.text, &Limits::default()) {
            Ok(members) => {
                if let Some(warnings) = members.warnings() {
                    let findings = rendered(&warnings);
                    tracing::warn!(%path, version, "the members of a group have warnings\n{findings}");
                }
                CachedMembers::Usable { digest, members: Arc::new(members) }
            }
            Err(diagnostics) => {
                let findings = rendered(&diagnostics);
                tracing::error!(
                    %path,
                    version,
                    "the members of a group cannot be used, and neither can the main policy \
                     document\n{findings}"
                );
                CachedMembers::Unusable { digest }
            }
        }
    }
}

impl CachedMembers {
    const fn digest(&self) -> Option<[u8; 32]> {
        match self {
            Self::Usable { digest, .. } | Self::Unusable { digest } => Some(*digest),
            Self::Absent => None,
        }
    }
}

/// The copy of members that are not stored. Logs the change.
fn absent(group: &str, path: &PolicyPath, last: Option<&CachedMembers>) -> CachedMembers {
    match last {
        Some(CachedMembers::Absent) => {}
        Some(CachedMembers::Usable { .. } | CachedMembers::Unusable { .. }) | None => {
            tracing::warn!(%path, group, "a group has no members: its document does not exist");
        }
    }
    CachedMembers::Absent
}

impl Groups {
    /// Compiles the main document with these members. Reuses the last result if nothing has changed.
    fn compile(
        &self,
        main: &Arc<Policy>,
        groups: &[(&str, CachedMembers)],
    ) -> Result<Arc<Policy>, Missing> {
        let digests: Vec<_> = groups.iter().map(|(_, members)| members.digest()).collect();
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = &*compiled
            && Arc::ptr_eq(&last.without, main)
            && last.digests == digests
        {
            return Ok(Arc::clone(&last.policy));
        }
        let mut checked = main.checked().clone();
        for (name, members) in groups {
            match members {
                CachedMembers::Usable { members, .. } => {
                    checked = checked.with_members(name, GroupMembers::clone(members));
                }
                // It could name any caller.
                CachedMembers::Unusable { .. } => return Err(Missing::Unusable(None)),
                CachedMembers::Absent => {}
            }
        }
        let policy = Arc::new(checked.compile());
        *compiled =
            Some(Compiled { without: Arc::clone(main), digests, policy: Arc::clone(&policy) });
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> CachedMembers {
        let members = GroupMembers::parse(text.as_bytes(), &Limits::default()).unwrap();
        let digest = PolicyText::new(text, "1").digest();
        CachedMembers::Usable { digest, members: Arc::new(members) }
    }

    fn main() -> Arc<Policy> {
        let text = "version: \"1\"\ngroups_from: [a, b]\nrules: [{ name: all, effect: deny }]\n";
        Arc::new(text.parse().unwrap())
    }

    #[test]
    fn a_main_document_is_compiled_again_only_if_its_text_or_a_text_of_members_changed() {
        let (groups, first, second) = (Groups::default(), main(), main());
        let compile = |main: &Arc<Policy>, a: CachedMembers, b: CachedMembers| {
            groups.compile(main, &[("a", a), ("b", b)]).unwrap()
        };
        let mut last = compile(&first, members("[x]"), CachedMembers::Absent);
        for (main, a, b, same) in [
            (&first, members("[x]"), CachedMembers::Absent, true),
            (&first, members("[y]"), CachedMembers::Absent, false),
            (&first, members("[y]"), members("[]"), false),
            (&first, members("[]"), members("[y]"), false),
            (&first, members("[]"), members("[y]"), true),
            (&second, members("[]"), members("[y]"), false),
            (&second, members("[]"), members("[y]"), true),
        ] {
            let next = compile(main, a, b);
            assert_eq!(Arc::ptr_eq(&last, &next), same);
            last = next;
        }
    }
}
