//! The document that governs a profile, and the cache of compiled documents. Concurrent requests share
//! one read of a document, and an old copy is refreshed before it is used.

mod copies;
mod groups;
mod roles;

pub use roles::GovernedRoles;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use sentinel_policy::{CheckedPolicy, Limits, Policy};
use sentinel_store::{
    Causes, Clock, ListedPolicy, Pages, PolicyPath, PolicyStore, PolicyText, PolicyUsed,
    ProfileName, StoreError, StoreResultExt,
};

use copies::{Copy, Freshness, Slot};
use groups::Groups;

use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;
use crate::settings::{RoleArnTemplate, Settings};

/// A compiled document.
#[derive(Clone, Debug)]
pub(crate) struct LoadedPolicy {
    /// The compiled document.
    pub(crate) policy: Arc<Policy>,
    /// The roles of the profiles that it governs, if it is the main document.
    roles: Arc<GovernedRoles>,
    /// Its name, version and digest, for the record.
    pub(crate) used: PolicyUsed,
    /// Whether the store could not be reached to check that it is the newest version, and that it
    /// still governs.
    pub(crate) stale: bool,
}

/// The document that governs a profile.
#[derive(Clone, Debug)]
pub(crate) struct Governing {
    /// The document with the rules.
    pub(crate) document: LoadedPolicy,
    /// Whether it is the main document. No other document may name roles.
    pub(crate) is_main: bool,
}

/// Maximum number of names under one root. A root with more contains something other than policies.
const MAX_NAMES: usize = 20_000;

/// Maximum size of the texts that a list contained and that are kept until they are used, in bytes. The
/// other documents are read one by one.
const MAX_LISTED_BYTES: usize = 8 * 1024 * 1024;

/// Why there is no document.
#[derive(Debug)]
pub(crate) enum Missing {
    /// The store contains none.
    Absent,
    /// The store contains a document that cannot be used. Its rules, if it could be read as a policy.
    Unusable(Option<Arc<Policy>>),
    /// The store failed.
    Store(StoreError),
}

/// A document's copy: compiled, or found absent or unusable.
#[derive(Clone, Debug)]
enum CachedDocument {
    Usable { policy: Arc<Policy>, roles: Arc<GovernedRoles>, used: PolicyUsed },
    Unusable { digest: [u8; 32], rules: Option<Arc<Policy>> },
    Absent,
}

#[derive(Debug)]
pub(crate) struct PolicyCache {
    store: Arc<dyn PolicyStore>,
    freshness: Freshness,
    parameter: PolicyPath,
    root: PolicyPath,
    main_required: bool,
    template: RoleArnTemplate,
    documents: Mutex<HashMap<PolicyPath, Arc<Slot<CachedDocument>>>>,
    names: Slot<Arc<BTreeSet<String>>>,
    /// The texts that the last list contained and that are not used yet.
    listed: Mutex<HashMap<PolicyPath, Copy<PolicyText>>>,
    groups: Groups,
}

impl PolicyCache {
    pub(crate) fn new(
        settings: &Settings,
        store: Arc<dyn PolicyStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            store,
            freshness: Freshness {
                clock,
                ttl: settings.policy_cache_ttl,
                max_age: settings.policy_max_age,
            },
            parameter: settings.policy_parameter.clone(),
            root: settings.policy_root.clone(),
            main_required: settings.main_document_required,
            template: settings.role_arn_template.clone(),
            documents: Mutex::default(),
            names: Slot::default(),
            listed: Mutex::default(),
            groups: Groups::default(),
        }
    }

    /// The main document. `None` if there is none, and none is required.
    pub(crate) async fn main(&self, call: &Call) -> Result<Option<LoadedPolicy>, Denial> {
        match self.main_document(call).await {
            Ok(document) => Ok(Some(document)),
            Err(missing) => self.without_main(call, &missing).map(|()| None),
        }
    }

    /// Fails unless Sentinel may work without a main document, which is missing for that reason.
    fn without_main(&self, call: &Call, missing: &Missing) -> Result<(), Denial> {
        match missing {
            Missing::Absent if !self.main_required => Ok(()),
            Missing::Absent => {
                tracing::error!(path = %self.parameter, "the main policy document does not exist");
                Err(Denial::policy_error())
            }
            Missing::Unusable(_) => Err(Denial::policy_error()),
            Missing::Store(error) => Err(self.store_failed(call, error)),
        }
    }

    /// The document that governs `profile`, which `caller` requests.
    ///
    /// # Errors
    /// `POLICY_DENY` if there is none. `POLICY_ERROR` if the document cannot be used. A caller that its
    /// rules could never allow gets `POLICY_DENY` then, since the error would reveal that the document
    /// exists.
    pub(crate) async fn governing(
        &self,
        call: &Call,
        caller: &Caller,
        profile: &ProfileName,
    ) -> Result<Governing, Denial> {
        let (rules, main) = match self.main_document(call).await {
            Ok(main) => (Some(Arc::clone(&main.policy)), Some(main)),
            // It decides nothing, and still governs its profiles.
            Err(Missing::Unusable(Some(rules))) => (Some(rules), None),
            Err(missing) => {
                self.without_main(call, &missing)?;
                (None, None)
            }
        };
        let main_is_unusable = rules.is_some() && main.is_none();
        let unusable = |rules: Option<&Policy>| unusable(call, caller, profile, rules);
        if let Some(rules) = &rules
            && (self.parameter.name() == profile.as_str() || rules.names_profile(profile.as_str()))
        {
            let document = main.ok_or_else(|| unusable(Some(rules)))?;
            return Ok(Governing { document, is_main: true });
        }
        // An unknown name causes no read of a document.
        let (names, names_are_stale) = self.names(call).await?;
        if !names.contains(profile.as_str()) {
            return Err(Denial::policy_deny());
        }
        let document = match self.own_document(call, main.as_ref(), profile).await {
            Ok(document) if main_is_unusable => return Err(unusable(Some(&document.policy))),
            Ok(document) => document,
            Err(Missing::Absent) => return Err(Denial::policy_deny()),
            Err(Missing::Unusable(rules)) => return Err(unusable(rules.as_deref())),
            Err(Missing::Store(error)) => return Err(self.store_failed(call, &error)),
        };
        // The main document and the list determine that this document governs.
        let main_is_stale = main.as_ref().is_some_and(|main| main.stale);
        let stale = document.stale || main_is_stale || names_are_stale;
        Ok(Governing { document: LoadedPolicy { stale, ..document }, is_main: false })
    }

    /// The document of a profile that the main document does not govern. It cannot be used if the
    /// profile's role belongs to a profile that the main document governs: the author of one profile's
    /// document must not decide about the role of another profile.
    pub(crate) async fn own_document(
        &self,
        call: &Call,
        main: Option<&LoadedPolicy>,
        profile: &ProfileName,
    ) -> Result<LoadedPolicy, Missing> {
        let document = self.document(call, &self.root.join(profile.as_str())).await?;
        match main.and_then(|main| main.roles.owner(&self.template, &call.home, profile)) {
            None => Ok(document),
            Some(owner) => {
                tracing::error!(
                    request_id = call.request_id,
                    %profile,
                    owner,
                    "a profile with its own document has the role of another profile, which the main \
                     document governs: rename the profile, or give the other profile another role"
                );
                Err(Missing::Unusable(Some(document.policy)))
            }
        }
    }

    /// The profile of the main document that gets its role from the template, if a profile pattern
    /// assigns that role to `profile`. A pattern must not reach a role that it does not name.
    pub(crate) fn reached_by_pattern<'m>(
        &self,
        call: &Call,
        main: &'m LoadedPolicy,
        profile: &str,
    ) -> Option<&'m str> {
        let described = main.policy.profile(profile).filter(|described| described.from_pattern)?;
        main.roles.filled(&self.template, &call.home, &described.role_arn.as_ref()?.value)
    }

    /// The names of the documents under the root, and whether the list is stale.
    pub(crate) async fn names(&self, call: &Call) -> Result<(Arc<BTreeSet<String>>, bool), Denial> {
        let read = async |_: Option<&Arc<BTreeSet<String>>>| {
            let as_of = self.freshness.clock.now();
            let mut names = BTreeSet::new();
            let mut texts = HashMap::new();
            let mut bytes = 0;
            let mut pages = Pages::policies(&self.store, &self.root);
            while let Some(page) = pages.next().await? {
                for ListedPolicy { name, document, .. } in page.items {
                    let fits = |text: &PolicyText| bytes + text.text.len() <= MAX_LISTED_BYTES;
                    if let Some(text) = document.filter(fits) {
                        bytes += text.text.len();
                        texts.insert(self.root.join(&name), Copy { value: text, as_of });
                    }
                    names.insert(name);
                }
                if names.len() > MAX_NAMES {
                    return Err(StoreError::Refused("too many names under the policy root".into()));
                }
            }
            *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = texts;
            Ok(Arc::new(names))
        };
        match self.freshness.copy(call, &self.names, |_| None, read).await {
            Ok(listed) => Ok(listed),
            Err(error) => Err(self.store_failed(call, &error)),
        }
    }

    pub(crate) fn store_failed(&self, call: &Call, error: &StoreError) -> Denial {
        tracing::warn!(request_id = call.request_id, cause = %Causes(error), "failed to read a policy");
        match error {
            StoreError::Throttled(_) => Denial::rate_limited(),
            StoreError::Unavailable(_) => Denial::unavailable(),
            // The store was reached: something must be fixed first.
            StoreError::NotFound(_)
            | StoreError::Conflict(_)
            | StoreError::Refused(_)
            | StoreError::Corrupt(_) => Denial::policy_error(),
        }
    }

    async fn document(&self, call: &Call, path: &PolicyPath) -> Result<LoadedPolicy, Missing> {
        let slot = {
            let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(documents.entry(path.clone()).or_default())
        };
        let listed = |last: Option<&Copy<CachedDocument>>| {
            let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner).remove(path)?;
            if last.is_some_and(|last| last.as_of >= listed.as_of) {
                return None;
            }
            let last = last.map(|last| &last.value);
            let value = self.compile(path, &listed.value, last);
            Some(Copy { value, as_of: listed.as_of })
        };
        let read = async |last: Option<&CachedDocument>| {
            let text = self.store.policy(path).await.optional()?;
            Ok(text.map_or(CachedDocument::Absent, |text| self.compile(path, &text, last)))
        };
        match self.freshness.copy(call, &slot, listed, read).await {
            Ok((CachedDocument::Usable { policy, roles, used }, stale)) => {
                Ok(LoadedPolicy { policy, roles, used, stale })
            }
            Ok((CachedDocument::Unusable { rules, .. }, _)) => Err(Missing::Unusable(rules)),
            Ok((CachedDocument::Absent, _)) => Err(Missing::Absent),
            Err(error) => Err(Missing::Store(error)),
        }
    }

    /// Compiles a document. Reuses the last result if the text is the same.
    fn compile(
        &self,
        path: &PolicyPath,
        text: &PolicyText,
        last: Option<&CachedDocument>,
    ) -> CachedDocument {
        let digest = text.digest();
        let used = PolicyUsed::new(path, &text.version, &digest);
        match last {
            Some(CachedDocument::Usable { policy, roles, used: last })
                if last.sha256 == used.sha256 =>
            {
                let (policy, roles) = (Arc::clone(policy), Arc::clone(roles));
                return CachedDocument::Usable { policy, roles, used };
            }
            Some(CachedDocument::Unusable { digest: last, rules }) if *last == digest => {
                return CachedDocument::Unusable { digest, rules: rules.clone() };
            }
            Some(
                CachedDocument::Usable { .. }
                | CachedDocument::Unusable { .. }
                | CachedDocument::Absent,
            )
            | None => {}
        }
        let is_main = *path == self.parameter;
        let refused = |diagnostics: sentinel_policy::Diagnostics, rules| {
            let findings = diagnostics.render(&self.store.place(path), &text.text, false);
            tracing::error!(%path, version = text.version, "a policy cannot be used\n{findings}");
            CachedDocument::Unusable { digest, rules }
        };
        let checked = match CheckedPolicy::parse(&text.text, &Limits::default()) {
            Ok(checked) => checked,
            Err(diagnostics) => return refused(diagnostics, None),
        };
        if is_main && groups::are_too_many(&checked, path, &text.version) {
            return CachedDocument::Unusable { digest, rules: None };
        }
        let usable = checked
            .usable_in_server()
            .and_then(|()| if is_main { Ok(()) } else { checked.usable_for_one_profile() });
        let warnings = checked.warnings_in_server();
        let policy = Arc::new(checked.compile());
        if let Err(diagnostics) = usable {
            return refused(diagnostics, Some(policy));
        }
        if let Some(warnings) = warnings {
            let findings = warnings.render(&self.store.place(path), &text.text, false);
            tracing::warn!(%path, version = text.version, "a policy has warnings\n{findings}");
        }
        let roles = if is_main {
            GovernedRoles::of(&policy, &self.parameter)
        } else {
            GovernedRoles::default()
        };
        CachedDocument::Usable { policy, roles: Arc::new(roles), used }
    }
}

/// The refusal of a request for a profile whose document cannot be used. `rules` are the document's, if
/// they could be read.
fn unusable(call: &Call, caller: &Caller, profile: &ProfileName, rules: Option<&Policy>) -> Denial {
    tracing::error!(
        request_id = call.request_id,
        %profile,
        "refused a request: a policy that decides about the profile cannot be used"
    );
    match rules {
        Some(rules) if !rules.may_obtain(&caller.in_policy(), profile.as_str()) => {
            Denial::policy_deny()
        }
        Some(_) | None => Denial::policy_error(),
    }
}
