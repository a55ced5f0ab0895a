//! Tests of the suite: it detects stores that do not conform.
#![expect(clippy::wildcard_enum_match_arm, reason = "a flaw affects one method only")]

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sentinel_store::memory::MemorySessions;
use sentinel_store::{
    CallerKey, Counted, Cursor, Gate, GateAction, GateChange, Listing, RateWindow, Session,
    SessionHandle, SessionPage, SessionStore, StoreError,
    conformance::{self, CaseResult, FreshSessions, SessionsUnderTest},
};

use crate::fixtures::{MemoryBackdoor, page_size};

/// What is wrong with a store.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    /// A missing gate is an error.
    MissingGate,
    /// A gate is read, changed and written without a transaction.
    LostUpdate,
    /// Reinstating resets the epoch.
    ForgetsEpoch,
    /// A read returns the gate before the last change.
    StaleGate,
    /// The case of a caller key is ignored.
    FoldsCase,
    /// A session overwrites another one.
    Overwrites,
    /// A session is acknowledged before it is written, with the next one.
    Defers,
    /// A session can end again.
    EndsAgain,
    /// Every list contains the sessions of all callers.
    ListsOthers,
    /// An invalid cursor starts the list again.
    ForgivesCursors,
    /// The last page omits a session.
    DropsLast,
    /// A page repeats the last session of the previous one.
    Repeats,
    /// A count is read and written without a transaction.
    LostCount,
    /// All windows share one count.
    OneWindow,
    /// A count above the limit is written.
    CountsRefused,
}

#[derive(Debug)]
struct Flawed {
    flaw: Flaw,
    inner: Arc<MemorySessions>,
    before: Mutex<Option<Gate>>,
    deferred: Mutex<Option<Session>>,
    counts: Mutex<HashMap<(CallerKey, RateWindow), u32>>,
}

impl Flawed {
    fn key(&self, caller: &CallerKey) -> CallerKey {
        match self.flaw {
            Flaw::FoldsCase => CallerKey::parse(&caller.as_str().to_lowercase()).unwrap(),
            _ => caller.clone(),
        }
    }
}

#[async_trait]
impl SessionStore for Flawed {
    async fn gate(&self, caller: &CallerKey) -> Result<Gate, StoreError> {
        let mut gate = self.inner.gate(&self.key(caller)).await?;
        gate.caller = caller.clone();
        let before = self.before.lock().unwrap().clone();
        match (self.flaw, before) {
            (Flaw::MissingGate, _) if gate == Gate::open(caller.clone()) => {
                Err(StoreError::not_found())
            }
            (Flaw::StaleGate, Some(before)) if before.caller == *caller => Ok(before),
            _ => Ok(gate),
        }
    }

    async fn change_gate(
        &self,
        caller: &CallerKey,
        change: &GateChange,
    ) -> Result<Gate, StoreError> {
        let key = self.key(caller);
        let mut gate = self.inner.gate(&key).await?;
        *self.before.lock().unwrap() = Some(gate.clone());
        match (self.flaw, &change.action) {
            (Flaw::LostUpdate, _) => {
                tokio::task::yield_now().await;
                gate.apply(change)?;
                self.inner.plant_gate(&key, gate.clone());
                Ok(gate)
            }
            (Flaw::ForgetsEpoch, GateAction::Reinstate) => {
                let gate = Gate::open(key.clone());
                self.inner.plant_gate(&key, gate.clone());
                Ok(gate)
            }
            _ => self.inner.change_gate(&key, change).await,
        }
    }

    async fn create_session(&self, session: &Session) -> Result<(), StoreError> {
        match self.flaw {
            Flaw::Overwrites => self.inner.plant_session(session.handle, session.clone()),
            Flaw::Defers => {
                let before = self.deferred.lock().unwrap().replace(session.clone());
                if let Some(before) = before {
                    return self.inner.create_session(&before).await;
                }
            }
            _ => return self.inner.create_session(session).await,
        }
        Ok(())
    }

    async fn end_session(
        &self,
        handle: &SessionHandle,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        if let Flaw::EndsAgain = self.flaw {
            let (mut session, _) = self.inner.session(handle).await?;
            session.ended = Some(at);
            self.inner.plant_session(*handle, session);
            return Ok(());
        }
        self.inner.end_session(handle, at).await
    }

    async fn count_vend(
        &self,
        caller: &CallerKey,
        window: &RateWindow,
        limit: NonZeroU32,
    ) -> Result<Counted, StoreError> {
        let key = (self.key(caller), *window);
        match self.flaw {
            Flaw::LostCount | Flaw::CountsRefused => {
                let count = self.counts.lock().unwrap().get(&key).copied().unwrap_or_default();
                if let Flaw::LostCount = self.flaw {
                    tokio::task::yield_now().await;
                }
                let within = count < limit.get();
                if within || matches!(self.flaw, Flaw::CountsRefused) {
                    self.counts.lock().unwrap().insert(key, count + 1);
                }
                Ok(if within { Counted::WithinLimit } else { Counted::AboveLimit })
            }
            Flaw::OneWindow => {
                let epoch = RateWindow::containing(DateTime::UNIX_EPOCH, Duration::from_secs(60));
                self.inner.count_vend(&key.0, &epoch, limit).await
            }
            _ => self.inner.count_vend(&key.0, window, limit).await,
        }
    }

    async fn session(&self, handle: &SessionHandle) -> Result<(Session, Gate), StoreError> {
        self.inner.session(handle).await
    }

    async fn sessions(
        &self,
        listing: &Listing,
        cursor: Option<&Cursor>,
    ) -> Result<SessionPage, StoreError> {
        match self.flaw {
            Flaw::ListsOthers => self.inner.sessions(&Listing::All, cursor).await,
            Flaw::ForgivesCursors => match self.inner.sessions(listing, cursor).await {
                Err(StoreError::NotFound(_)) => self.inner.sessions(listing, None).await,
                answer => answer,
            },
            Flaw::DropsLast => {
                let mut page = self.inner.sessions(listing, cursor).await?;
                if page.next.is_none() && cursor.is_some() {
                    page.items.pop();
                }
                Ok(page)
            }
            Flaw::Repeats => {
                let mut page = self.inner.sessions(listing, cursor).await?;
                if let Some(cursor) = cursor {
                    let last = SessionHandle::parse(&cursor.0).unwrap();
                    page.items.push(self.inner.session(&last).await?.0);
                }
                Ok(page)
            }
            _ => self.inner.sessions(listing, cursor).await,
        }
    }
}

#[async_trait]
impl SessionsUnderTest for Flaw {
    async fn fresh(&self) -> FreshSessions {
        let inner = Arc::new(MemorySessions::with_page_size(page_size()));
        let backdoor = MemoryBackdoor(Arc::clone(&inner));
        let (before, deferred, counts) = (Mutex::default(), Mutex::default(), Mutex::default());
        let store = Flawed { flaw: *self, inner, before, deferred, counts };
        FreshSessions::new(store).with_backdoor(backdoor)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_flaw_fails_the_case_for_it() {
    let flaws = [
        (Flaw::MissingGate, "a_missing_gate_is_open"),
        (Flaw::LostUpdate, "many_concurrent_changes_all_count"),
        (Flaw::ForgetsEpoch, "reinstating_lifts_the_block_and_keeps_the_epoch"),
        (Flaw::StaleGate, "revoking_raises_the_epoch_and_blocks"),
        (Flaw::FoldsCase, "similar_caller_keys_are_distinguished"),
        (Flaw::Overwrites, "a_second_session_with_the_same_handle_is_a_conflict"),
        (Flaw::Defers, "a_list_of_a_caller_contains_every_acknowledged_session"),
        (Flaw::EndsAgain, "a_session_ends_once"),
        (Flaw::ListsOthers, "a_list_of_a_caller_contains_each_session_once"),
        (Flaw::ForgivesCursors, "an_invalid_cursor_is_not_found"),
        (Flaw::DropsLast, "a_list_of_a_caller_contains_each_session_once"),
        (Flaw::Repeats, "concurrent_sessions_do_not_disturb_a_list"),
        (Flaw::LostCount, "exactly_the_limit_of_many_concurrent_counts_is_within_it"),
        (Flaw::OneWindow, "each_caller_and_each_window_has_its_own_count"),
        (Flaw::CountsRefused, "vends_are_counted_up_to_the_limit"),
    ];
    let mut tasks = tokio::task::JoinSet::new();
    for (flaw, case) in flaws {
        tasks.spawn(async move { (flaw, case, conformance::sessions(&flaw).await) });
    }
    while let Some(tried) = tasks.join_next().await {
        let (flaw, case, report) = tried.unwrap();
        let outcome = report.outcomes().iter().find(|outcome| outcome.case == case).unwrap();
        assert!(matches!(outcome.result, CaseResult::Failed(_)), "{flaw:?}: {outcome:?}");
        let broken = report.result().unwrap_err().to_string();
        assert!(broken.contains(&format!("\n- {case}: ")), "{broken}");
    }
}
