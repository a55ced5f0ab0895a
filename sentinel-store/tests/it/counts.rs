//! Counts of vends: how long they are kept.

use std::{num::NonZeroU32, time::Duration};

use chrono::TimeDelta;
use sentinel_store::memory::MemorySessions;
use sentinel_store::redb::RedbSessions;
use sentinel_store::{Counted, RateWindow, SessionStore};

use crate::fixtures::{at, caller, session};

/// Number of callers: more than one batch of a purge.
const CALLERS: u32 = 300;

fn window(seconds: i64) -> RateWindow {
    RateWindow::containing(at(seconds), Duration::from_secs(60))
}

/// The result of counting one vend of each caller with a limit of one.
async fn count_all(store: &impl SessionStore, window: RateWindow) -> Counted {
    let mut results = Vec::new();
    for number in 0..CALLERS {
        let key = caller(&format!("caller-{number}"));
        results.push(store.count_vend(&key, &window, NonZeroU32::MIN).await.unwrap());
    }
    results.dedup();
    let [result] = results.as_slice() else { panic!("{results:?}") };
    *result
}

#[tokio::test]
async fn a_purge_of_the_memory_removes_the_counts_of_ended_windows_only() {
    let store = MemorySessions::new();
    let (ended, current) = (window(0), window(60));
    for window in [ended, current] {
        assert_eq!(count_all(&store, window).await, Counted::WithinLimit);
    }
    store.purge_expired(ended.end());
    assert_eq!(count_all(&store, ended).await, Counted::AboveLimit);
    store.purge_expired(ended.end() + TimeDelta::seconds(1));
    assert_eq!(count_all(&store, ended).await, Counted::WithinLimit);
    assert_eq!(count_all(&store, current).await, Counted::AboveLimit);
}

#[tokio::test]
async fn a_purge_of_the_memory_returns_the_number_of_removed_sessions() {
    let store = MemorySessions::new();
    let alice = caller("alice");
    for number in 0..10 {
        let mut session = session(&alice, number);
        session.expires = at(i64::from(number));
        store.create_session(&session).await.unwrap();
    }
    assert_eq!(store.purge_expired(at(4)), 4);
    assert_eq!(store.purge_expired(at(4)), 0);
}

#[tokio::test]
async fn a_purge_of_the_file_removes_the_counts_of_ended_windows_only() {
    let folder = tempfile::tempdir().unwrap();
    let store = RedbSessions::open(&folder.path().join("sentinel.redb")).unwrap();
    let (ended, current) = (window(0), window(60));
    for window in [ended, current] {
        assert_eq!(count_all(&store, window).await, Counted::WithinLimit);
    }
    store.purge_expired(ended.end()).await.unwrap();
    assert_eq!(count_all(&store, ended).await, Counted::AboveLimit);
    store.purge_expired(ended.end() + TimeDelta::seconds(1)).await.unwrap();
    assert_eq!(count_all(&store, ended).await, Counted::WithinLimit);
    assert_eq!(count_all(&store, current).await, Counted::AboveLimit);
}

#[tokio::test]
async fn a_count_is_kept_when_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sentinel.redb");
    for expected in [Counted::WithinLimit, Counted::AboveLimit] {
        let store = RedbSessions::open(&path).unwrap();
        let counted = store.count_vend(&caller("alice"), &window(0), NonZeroU32::MIN).await;
        assert_eq!(counted.unwrap(), expected);
    }
}
