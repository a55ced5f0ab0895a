//! Which document governs a profile, and the cache of compiled documents: one
//! flight per document, refreshed before it decides.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::HEXLOWER;
use sentinel_policy::{Checked, Limits, Policy};
use sentinel_store::{
    Causes, Clock, Cursor, PolicyPath, PolicyStore, PolicyText, PolicyUsed, ProfileName, StoreError,
};

use crate::{Call, Denial, Settings};

/// A document that was compiled, and which it is.
#[derive(Clone, Debug)]
pub(crate) struct LoadedPolicy {
    /// The compiled document.
    pub(crate) policy: Arc<Policy>,
    /// Which it is, for the record.
    pub(crate) used: PolicyUsed,
    /// Whether the store could not be asked whether it is still the newest, or
    /// still the one that governs.
    pub(crate) stale: bool,
}

/// What governs a profile.
#[derive(Clone, Debug)]
pub(crate) struct Governing {
    /// The document with the rules.
    pub(crate) document: LoadedPolicy,
    /// Whether it is the main document, which alone may name roles.
    pub(crate) is_main: bool,
}

/// More names than this under one root are not listed: something else than
/// policies lies there.
const MAX_NAMES: usize = 20_000;

/// Why there is no document.
#[derive(Debug)]
enum Missing {
    /// The store holds none.
    Absent,
    /// It holds one that cannot be used.
    Unusable,
    /// The store failed.
    Store(StoreError),
}

/// Something read from the store, as of the instant at which reading began.
#[derive(Clone, Debug)]
struct Copy<T> {
    value: T,
    as_of: DateTime<Utc>,
}

/// The copies of one document (or of the list of names), behind a lock that is
/// held during a read: whoever comes meanwhile waits for it and shares it.
#[derive(Debug)]
struct Slot<T> {
    state: tokio::sync::Mutex<SlotState<T>>,
}

#[derive(Debug)]
struct SlotState<T> {
    /// The last copy that the store gave.
    copy: Option<Copy<T>>,
    /// When the last read failed to reach the store, for those who waited for
    /// that very read.
    failed: Option<(DateTime<Utc>, bool)>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { state: tokio::sync::Mutex::new(SlotState { copy: None, failed: None }) }
    }
}

/// A document's copy: compiled, or found absent or unusable.
#[derive(Clone, Debug)]
enum Document {
    Usable(Arc<Policy>, PolicyUsed),
    Unusable { digest: [u8; 32] },
    Absent,
}

#[derive(Debug)]
pub(crate) struct PolicyCache {
    store: Arc<dyn PolicyStore>,
    clock: Arc<dyn Clock>,
    parameter: PolicyPath,
    root: PolicyPath,
    main_required: bool,
    ttl: Duration,
    max_age: Duration,
    documents: Mutex<HashMap<PolicyPath, Arc<Slot<Document>>>>,
    names: Slot<Arc<BTreeSet<String>>>,
}

impl PolicyCache {
    pub(crate) fn new(
        settings: &Settings,
        store: Arc<dyn PolicyStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            store,
            clock,
            parameter: settings.policy_parameter.clone(),
            root: settings.policy_root.clone(),
            main_required: settings.main_document_required,
            ttl: settings.policy_cache_ttl,
            max_age: settings.policy_max_age,
            documents: Mutex::default(),
            names: Slot::default(),
        }
    }

    /// The main document; none where there is none and none is required.
    pub(crate) async fn main(&self, call: &Call) -> Result<Option<LoadedPolicy>, Denial> {
        match self.document(call, &self.parameter).await {
            Ok(document) => Ok(Some(document)),
            Err(Missing::Absent) if !self.main_required => Ok(None),
            Err(Missing::Absent) => {
                tracing::error!(path = %self.parameter, "there is no main policy document");
                Err(Denial::policy_error())
            }
            Err(Missing::Unusable) => Err(Denial::policy_error()),
            Err(Missing::Store(error)) => Err(self.store_failed(call, &error)),
        }
    }

    /// The document that governs `profile`.
    pub(crate) async fn governing(
        &self,
        call: &Call,
        profile: &ProfileName,
    ) -> Result<Governing, Denial> {
        let main = self.main(call).await?;
        let main_is_stale = main.as_ref().is_some_and(|main| main.stale);
        if let Some(main) = main
            && (self.parameter.name() == profile.as_str()
                || main.policy.names_profile(profile.as_str()))
        {
            return Ok(Governing { document: main, is_main: true });
        }
        // An unknown name costs no read of its own.
        let (names, names_are_stale) = self.names(call).await?;
        if !names.contains(profile.as_str()) {
            return Err(Denial::policy_deny());
        }
        let document = self.profile_document(call, profile.as_str()).await?;
        let document = document.ok_or_else(Denial::policy_deny)?;
        // That this document governs was decided by the main one and the list.
        let stale = document.stale || main_is_stale || names_are_stale;
        Ok(Governing { document: LoadedPolicy { stale, ..document }, is_main: false })
    }

    /// The document of one profile; none when it is gone.
    pub(crate) async fn profile_document(
        &self,
        call: &Call,
        name: &str,
    ) -> Result<Option<LoadedPolicy>, Denial> {
        match self.document(call, &self.root.join(name)).await {
            Ok(document) => Ok(Some(document)),
            Err(Missing::Absent) => Ok(None),
            Err(Missing::Unusable) => Err(Denial::policy_error()),
            Err(Missing::Store(error)) => Err(self.store_failed(call, &error)),
        }
    }

    /// The names of the documents under the root, and whether the list is stale.
    pub(crate) async fn names(&self, call: &Call) -> Result<(Arc<BTreeSet<String>>, bool), Denial> {
        let read = async |_: Option<&Arc<BTreeSet<String>>>| {
            let mut names = BTreeSet::new();
            let mut cursor: Option<Cursor> = None;
            loop {
                let page = self.store.names(&self.root, cursor.as_ref()).await?;
                names.extend(page.items);
                if names.len() > MAX_NAMES {
                    return Err(StoreError::Refused("too many names under the policy root".into()));
                }
                match page.next {
                    Some(next) if Some(&next) == cursor.as_ref() => {
                        return Err(StoreError::Corrupt("a page is its own next page".into()));
                    }
                    Some(next) => cursor = Some(next),
                    None => return Ok(Arc::new(names)),
                }
            }
        };
        match self.fresh(call, &self.names, read).await {
            Ok(listed) => Ok(listed),
            Err(error) => Err(self.store_failed(call, &error)),
        }
    }

    fn store_failed(&self, call: &Call, error: &StoreError) -> Denial {
        tracing::warn!(request_id = call.request_id, cause = %Causes(error), "no policy");
        match error {
            StoreError::Throttled(_) => Denial::rate_limited(),
            StoreError::Unavailable(_) => Denial::unavailable(),
            // The store was reached: only mending something will help.
            StoreError::NotFound
            | StoreError::Conflict
            | StoreError::Refused(_)
            | StoreError::Corrupt(_) => Denial::policy_error(),
        }
    }

    async fn document(&self, call: &Call, path: &PolicyPath) -> Result<LoadedPolicy, Missing> {
        let slot = {
            let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(documents.entry(path.clone()).or_default())
        };
        let read = async |last: Option<&Document>| match self.store.policy(path).await {
            Ok(text) => Ok(self.compile(path, &text, last)),
            Err(StoreError::NotFound) => Ok(Document::Absent),
            Err(
                error @ (StoreError::Conflict
                | StoreError::Throttled(_)
                | StoreError::Unavailable(_)
                | StoreError::Refused(_)
                | StoreError::Corrupt(_)),
            ) => Err(error),
        };
        match self.fresh(call, &slot, read).await {
            Ok((Document::Usable(policy, used), stale)) => Ok(LoadedPolicy { policy, used, stale }),
            Ok((Document::Unusable { .. }, _)) => Err(Missing::Unusable),
            Ok((Document::Absent, _)) => Err(Missing::Absent),
            Err(error) => Err(Missing::Store(error)),
        }
    }

    /// A copy younger than the TTL, reading one if need be; or, when the store
    /// is throttled or unreachable, one younger than the maximal age, and `true`
    /// for stale.
    async fn fresh<T: Clone>(
        &self,
        call: &Call,
        slot: &Slot<T>,
        read: impl AsyncFnOnce(Option<&T>) -> Result<T, StoreError>,
    ) -> Result<(T, bool), StoreError> {
        let asked = self.clock.now();
        let late = || StoreError::Unavailable("no answer before the deadline".into());
        let mut state = call.in_time(slot.state.lock()).await.map_err(|_| late())?;
        let now = self.clock.now();
        if let Some(copy) = &state.copy
            // A read that began after this request came is fresh at any TTL.
            && ((asked < copy.as_of && copy.as_of <= now) || within(self.ttl, copy.as_of, now))
        {
            return Ok((copy.value.clone(), false));
        }
        let shared = state.failed.filter(|(at, _)| *at >= asked && asked < now);
        let error = match shared {
            Some((_, true)) => StoreError::Throttled("while another request asked".into()),
            Some((_, false)) => StoreError::Unavailable("while another request asked".into()),
            None => {
                let last = state.copy.as_ref().map(|copy| &copy.value);
                match call.ask(read(last)).await {
                    Ok(value) => {
                        state.copy = Some(Copy { value: value.clone(), as_of: now });
                        state.failed = None;
                        return Ok((value, false));
                    }
                    Err(error) => error,
                }
            }
        };
        match error {
            StoreError::Throttled(_) | StoreError::Unavailable(_) => {
                let throttled = matches!(error, StoreError::Throttled(_));
                let after = self.clock.now();
                state.failed = Some((after, throttled));
                match &state.copy {
                    Some(copy) if within(self.max_age, copy.as_of, after) => {
                        Ok((copy.value.clone(), true))
                    }
                    Some(_) | None => Err(error),
                }
            }
            // The store says no: what it said before counts no longer.
            StoreError::NotFound
            | StoreError::Conflict
            | StoreError::Refused(_)
            | StoreError::Corrupt(_) => {
                state.copy = None;
                Err(error)
            }
        }
    }

    /// Compiles a document, unless it is the one that was compiled last.
    fn compile(&self, path: &PolicyPath, text: &PolicyText, last: Option<&Document>) -> Document {
        let digest = text.digest();
        let used = PolicyUsed {
            name: path.as_str().to_owned(),
            version: text.version.clone(),
            sha256: HEXLOWER.encode(&digest),
        };
        match last {
            Some(Document::Usable(policy, last)) if last.sha256 == used.sha256 => {
                return Document::Usable(Arc::clone(policy), used);
            }
            Some(Document::Unusable { digest: last }) if *last == digest => {
                return Document::Unusable { digest };
            }
            Some(Document::Usable(..) | Document::Unusable { .. } | Document::Absent) | None => {}
        }
        let checked = Checked::parse(&text.text, &Limits::default()).and_then(|checked| {
            checked.usable_in_server()?;
            if *path != self.parameter {
                checked.usable_for_one_profile()?;
            }
            Ok(checked)
        });
        match checked {
            Ok(checked) => {
                if let Some(warnings) = checked.warnings_in_server() {
                    let findings = warnings.render(path.as_str(), &text.text, false);
                    tracing::warn!(%path, version = text.version, "doubtful policy\n{findings}");
                }
                Document::Usable(Arc::new(checked.compile()), used)
            }
            Err(diagnostics) => {
                let findings = diagnostics.render(path.as_str(), &text.text, false);
                tracing::error!(%path, version = text.version, "unusable policy\n{findings}");
                Document::Unusable { digest }
            }
        }
    }
}

/// Whether something as of then is younger than that. A clock that was set back
/// makes nothing young.
fn within(age: Duration, as_of: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    let elapsed = now - as_of;
    elapsed >= TimeDelta::zero() && elapsed.to_std().is_ok_and(|elapsed| elapsed < age)
}
