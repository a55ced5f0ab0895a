//! The profiles that a caller can get under some circumstance.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use sentinel_store::ProfileName;
use serde::Serialize;

use crate::broker::{Broker, MAX_CONCURRENT_READS};
use crate::call::Call;
use crate::denial::{Denial, DenialCode};
use crate::identity::Caller;
use crate::policies::Missing;

/// The profiles that a caller can get: the response to `GET /profiles`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProfileList {
    /// The profiles, sorted by name.
    pub profiles: Vec<ProfileView>,
    /// The path that contains the documents of single profiles.
    pub root: String,
}

/// One profile of the list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct ProfileView {
    /// The name of the profile.
    pub name: String,
    /// The path of the document that governs the profile.
    pub policy_path: String,
}

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
                if ProfileName::parse(name).is_ok() && main.policy.may_obtain(&who, name) {
                    let (name, policy_path) = (name.to_owned(), parameter.as_str().to_owned());
                    profiles.insert(ProfileView { name, policy_path });
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
                        if denial.code == DenialCode::PolicyError {
                            continue;
                        }
                        return Err(denial);
                    }
                };
                if document.policy.may_obtain(&who, name.as_str()) {
                    let path = self.settings.policy_root.join(name.as_str());
                    let (name, policy_path) = (name.to_string(), path.as_str().to_owned());
                    profiles.insert(ProfileView { name, policy_path });
                }
            }
        }
        Ok(ProfileList {
            profiles: profiles.into_iter().collect(),
            root: self.settings.policy_root.as_str().to_owned(),
        })
    }
}
