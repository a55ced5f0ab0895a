//! The file behind `RedbSessions`.

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use sentinel_store::redb::{RedbFile, RedbSessions};
use sentinel_store::{Epoch, Gate, Listing, Scope, SessionStore, StoreError};
use tempfile::TempDir;

use crate::fixtures::{at, caller, id, revoke, session};

fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sentinel.redb");
    (folder, path)
}

fn open(path: &Path) -> RedbSessions {
    RedbSessions::open(path).unwrap()
}

fn refusal(path: &Path) -> StoreError {
    RedbSessions::open(path).unwrap_err()
}

#[tokio::test]
async fn records_are_kept_when_the_file_is_opened_again() {
    let (_folder, path) = file();
    let alice = caller("alice");
    for round in 1..=10 {
        let store = open(&path);
        store.create_session(&session(&alice, round)).await.unwrap();
        let gate = store.change_gate(&alice, &revoke(Scope::Caller, None)).await.unwrap();
        assert_eq!(gate.whole.epoch, Epoch(u64::from(round)));
        drop(store);
        let (found, found_gate) = open(&path).session(&id(&alice, round).handle).await.unwrap();
        assert!(found == session(&alice, round));
        assert_eq!(found_gate, gate);
    }
}

#[tokio::test]
async fn an_open_file_is_refused_until_it_is_closed() {
    let (_folder, path) = file();
    let store = open(&path);
    let clone = store.clone();
    drop(store);
    let StoreError::Refused(cause) = refusal(&path) else { panic!("the file was opened twice") };
    assert!(cause.to_string().starts_with("it is in use by another process"), "{cause}");
    drop(clone);
    open(&path);
}

#[test]
fn a_file_that_is_not_a_database_is_corrupt_and_left_unchanged() {
    let (_folder, path) = file();
    for bytes in [&b"version: \"1\"\nrules: []\n"[..], &[0; 4096], &[0xff; 100_000]] {
        fs::write(&path, bytes).unwrap();
        let error = refusal(&path);
        assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn an_empty_file_is_created_by_one_of_several_processes() {
    for _ in 0..5 {
        let (folder, path) = file();
        fs::write(&path, b"").unwrap();
        let barrier = std::sync::Barrier::new(4);
        let opened: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        RedbSessions::open(&path)
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1, "{opened:?}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing is left next to it");
    }
}

#[tokio::test]
async fn a_removed_or_replaced_file_is_no_longer_used() {
    let (folder, path) = file();
    let store = open(&path);
    let alice = caller("alice");
    store.create_session(&session(&alice, 1)).await.unwrap();
    let elsewhere = folder.path().join("elsewhere");
    for what in ["removed", "replaced"] {
        fs::rename(&path, &elsewhere).unwrap();
        if what == "replaced" {
            drop(open(&path));
        }
        let written = store.create_session(&session(&alice, 2)).await.unwrap_err();
        let read = store.session(&id(&alice, 1).handle).await.unwrap_err();
        for error in [written, read] {
            let StoreError::Unavailable(cause) = error else { panic!("{error:?}") };
            assert!(cause.to_string().contains(what), "{cause}");
        }
        // Nothing is lost when it is moved back.
        fs::rename(&elsewhere, &path).unwrap();
        assert!(store.session(&id(&alice, 1).handle).await.is_ok());
    }
    store.create_session(&session(&alice, 2)).await.unwrap();
}

#[tokio::test]
async fn a_truncated_file_is_corrupt() {
    let (_folder, path) = file();
    let store = open(&path);
    store.create_session(&session(&caller("alice"), 1)).await.unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    for length in [1, 100, 511, 4096] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = refusal(&path);
        assert!(matches!(error, StoreError::Corrupt(_)), "{length}: {error:?}");
    }
}

#[test]
fn a_file_that_cannot_be_created_is_unavailable() {
    let (folder, _) = file();
    let error = refusal(&folder.path().join("missing").join("sentinel.redb"));
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let error = refusal(folder.path());
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[test]
fn creating_a_file_leaves_no_other_file() {
    let (folder, path) = file();
    drop(open(&path));
    let found: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(found, [path]);
}

#[test]
fn one_of_several_concurrent_creators_opens_the_file() {
    let (_folder, path) = file();
    let barrier = std::sync::Barrier::new(8);
    let opened: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    RedbSessions::open(&path)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let refused = opened.iter().filter(|opened| matches!(opened, Err(StoreError::Refused(_))));
    assert_eq!((opened.iter().filter(|opened| opened.is_ok()).count(), refused.count()), (1, 7));
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = file();
    let _store = open(&path);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn tables_of_another_kind_are_refused() {
    let (_folder, path) = file();
    let database = redb::Database::create(&path).unwrap();
    let other: redb::TableDefinition<'_, u64, u64> =
        redb::TableDefinition::new("sentinel-sessions");
    let transaction = database.begin_write().unwrap();
    transaction.open_table(other).unwrap().insert(1, 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = refusal(&path);
    assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
}

#[tokio::test]
async fn stores_of_one_file_share_it() {
    let (_folder, path) = file();
    let file = RedbFile::open(&path).unwrap();
    let one = RedbSessions::new(file.clone()).unwrap();
    let other = RedbSessions::new(file).unwrap();
    let alice = caller("alice");
    one.create_session(&session(&alice, 1)).await.unwrap();
    let (found, gate) = other.session(&id(&alice, 1).handle).await.unwrap();
    assert!(found == session(&alice, 1));
    assert_eq!(gate, Gate::open(alice));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_caller_was_cancelled_still_happens() {
    let (_folder, path) = file();
    let store = open(&path);
    let alice = caller("alice");
    // Polled once, so that the change is sent, and dropped.
    let change = revoke(Scope::Caller, None);
    tokio::select! {
        biased;
        gate = store.change_gate(&alice, &change) => panic!("{gate:?} without waiting"),
        () = std::future::ready(()) => {}
    }
    // Writes happen in the order in which they were sent.
    store.create_session(&session(&alice, 1)).await.unwrap();
    assert_eq!(store.gate(&alice).await.unwrap().whole.epoch, Epoch(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_share_transactions_and_each_gets_its_own_result() {
    let (_folder, path) = file();
    let store = open(&path);
    let alice = caller("alice");
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..1000_u32 {
        let (store, alice) = (store.clone(), alice.clone());
        // Each session is written twice, and one of the two is a conflict.
        tasks.spawn(async move { store.create_session(&session(&alice, task / 2)).await.is_ok() });
    }
    let written = tasks.join_all().await.into_iter().filter(|written| *written).count();
    assert_eq!(written, 500);
}

#[tokio::test]
async fn a_page_has_the_number_of_sessions_that_was_set() {
    let (_folder, path) = file();
    let store = open(&path).with_page_size(NonZeroUsize::new(2).unwrap());
    let alice = caller("alice");
    for number in 0..3 {
        store.create_session(&session(&alice, number)).await.unwrap();
    }
    let first = store.sessions(&Listing::All, None).await.unwrap();
    assert_eq!(first.items.len(), 2);
    let second = store.sessions(&Listing::All, first.next.as_ref()).await.unwrap();
    assert_eq!((second.items.len(), second.next), (1, None));
}

#[tokio::test]
async fn a_purge_counts_removed_and_unreadable_sessions() {
    let (_folder, path) = file();
    let store = open(&path);
    let alice = caller("alice");
    for number in 0..10 {
        let mut session = session(&alice, number);
        session.expires = at(i64::from(number));
        store.create_session(&session).await.unwrap();
    }
    let unreadable = id(&alice, 3).handle;
    store.plant_session(&unreadable, None).await.unwrap();
    let purged = store.purge_expired(at(5)).await.unwrap();
    assert_eq!((purged.removed, purged.unreadable), (4, 1));
    let purged = store.purge_expired(at(5)).await.unwrap();
    assert_eq!((purged.removed, purged.unreadable), (0, 1));
    assert!(matches!(store.session(&unreadable).await, Err(StoreError::Corrupt(_))));
    assert!(store.session(&id(&alice, 5).handle).await.is_ok());
}

#[tokio::test]
async fn damage_to_the_file_does_not_change_a_record_into_another() {
    use sentinel_store::conformance::{Schedule, Seeded};
    let (_folder, path) = file();
    let alice = caller("alice");
    let store = open(&path);
    for number in 0..40 {
        store.create_session(&session(&alice, number)).await.unwrap();
    }
    let gate = store.change_gate(&alice, &revoke(Scope::Caller, None)).await.unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    let used: Vec<_> = (0..whole.len()).filter(|at| whole[*at] != 0).collect();
    let (mut random, mut read, mut refused) = (Seeded::new(7), 0, 0);
    for _ in 0..60 {
        let mut damaged = whole.clone();
        let at = used[random.choose(used.len())];
        if random.choose(2) == 0 {
            damaged[at] ^= 1 << random.choose(8);
        } else {
            // A sector that was not written.
            damaged[at / 512 * 512..][..512].fill(0);
        }
        fs::write(&path, &damaged).unwrap();
        let Ok(store) = RedbSessions::open(&path) else {
            refused += 1;
            continue;
        };
        for number in 0..40 {
            match store.session(&id(&alice, number).handle).await {
                Ok((found, found_gate)) => {
                    assert!(found == session(&alice, number));
                    assert_eq!(found_gate, gate);
                    read += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    assert!(read > 0 && refused > 0, "{read} {refused}");
}
