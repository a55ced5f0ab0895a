//! The profiles that a caller can get under some circumstance.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use sentinel_store::ProfileName;
use sentinel_wire::{ErrorCode, ProfileList, ProfileView};

use crate::broker::Broker;
use crate::call::{Call, MAX_CONCURRENT_READS};
use crate::denial::Denial;
use crate::identity::Caller;
use crate::policies::Missing;

impl Broker {
    /// The profiles that this caller can get under some circumstance.
    ///
    /// # Errors
    /// If the main document, the list of documents or the caller's gate cannot be read. A document of
    /// a single profile that cannot be used hides only that profile.
    pub async fn profiles(&self, call: &Call, caller: &Caller) -> Result<ProfileList, Denial> {
        let (revoked, main, names) = tokio::join!(
            self.not_revoked(call, caller),
            self.policies.main(call),
            self.policies.names(call)
        );
        revoked?;
        let (main, (names, _)) = (main?, names?);
        let parameter = &self.settings.policy_parameter;
        let who = caller.in_policy();

        let mut profiles = BTreeSet::new();
        let mut governed_by_main = BTreeSet::new();
        if let Some(main) = &main {
            governed_by_main.extend(main.policy.governs());
            governed_by_main.insert(parameter.name());
            for &name in &governed_by_main {
                if ProfileName::parse(name).is_ok()
                    && main.policy.may_obtain(&who, name)
                    // A vend of this profile reports the error.
                    && self.policies.reached_by_pattern(call, main, name).is_none()
                {
                    profiles.insert(ProfileView::new(name, parameter.as_str()));
                }
            }
        }
        let others: Vec<ProfileName> = names
            .iter()
            .filter(|name| !governed_by_main.contains(name.as_str()))
            .filter_map(|name| ProfileName::parse(name).ok())
            .collect();
        for some in others.chunks(MAX_CONCURRENT_READS) {
            let read =
                some.iter().map(|name| self.policies.own_document(call, main.as_ref(), name));
            for (name, document) in some.iter().zip(join_all(read).await) {
                let document = match document {
                    Ok(document) => document,
                    // A vend of this profile reports the error. The other profiles are listed.
                    Err(Missing::Absent | Missing::Unusable(_)) => continue,
                    Err(Missing::Store(error)) => {
                        let denial = self.policies.store_failed(call, &error);
                        if denial.code == ErrorCode::PolicyError {
                            continue;
                        }
                        return Err(denial);
                    }
                };
                if document.policy.may_obtain(&who, name.as_str()) {
                    let path = self.settings.policy_root.join(name.as_str());
                    profiles.insert(ProfileView::new(name.as_str(), path.as_str()));
                }
            }
        }
        Ok(ProfileList::new(profiles.into_iter().collect(), self.settings.policy_root.as_str()))
    }

    /// The names of all profiles that a document governs: those of the main document, and those with a
    /// separate document. Sorted.
    pub(crate) async fn governed_profiles(&self, call: &Call) -> Result<Vec<ProfileName>, Denial> {
        let (main, names) = tokio::join!(self.policies.main(call), self.policies.names(call));
        let (main, (names, _)) = (main?, names?);
        let mut profiles: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        if let Some(main) = &main {
            profiles.extend(main.policy.governs());
        }
        profiles.insert(self.settings.policy_parameter.name());
        Ok(profiles.into_iter().filter_map(|name| ProfileName::parse(name).ok()).collect())
    }
}
