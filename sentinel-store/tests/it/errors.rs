//! Errors name the record and the store, and never a secret.

use sentinel_store::folder::FolderPolicies;
use sentinel_store::memory::{MemoryPolicies, MemorySessions};
use sentinel_store::{
    Causes, Cursor, Listing, Location, PolicyStore, SessionStore, StoreError, StoreResultExt,
};

use crate::fixtures::{RedbBackdoor, at, caller, id, root, session};

/// The errors of a session store without records.
async fn errors(store: &dyn SessionStore) -> Vec<String> {
    let (alice, bob) = (caller("alice"), caller("bob"));
    let handle = id(&alice, 1).handle;
    let mut strays = session(&alice, 1);
    strays.handle = id(&bob, 1).handle;
    let cursor = Cursor("x".to_owned());
    let listing = Listing::Caller(alice);
    let results = [
        store.session(&handle).await.map(drop),
        store.end_session(&handle, at(0)).await,
        store.create_session(&strays).await,
        store.sessions(&listing, Some(&cursor)).await.map(drop),
        store.sessions(&Listing::All, Some(&cursor)).await.map(drop),
    ];
    results.into_iter().map(|result| Causes(&result.unwrap_err()).to_string()).collect()
}

#[tokio::test]
async fn an_error_names_the_record_and_the_store() {
    let (alice, bob) = (id(&caller("alice"), 1).handle, id(&caller("bob"), 1).handle);
    let file = RedbBackdoor::new();
    let path = file.folder.path().join("sentinel.redb");
    let database = format!("the database `{}`", path.display());
    let memory = MemorySessions::new();
    let stores: [(&dyn SessionStore, &str); 2] = [(&memory, "memory"), (&file.sessions, &database)];
    for (store, place) in stores {
        assert_eq!(
            errors(store).await,
            [
                format!("not found: session `{alice}` in {place}"),
                format!("not found: session `{alice}` in {place}"),
                format!(
                    "refused: session `{bob}` in {place}: \
                     the handle of the session is not of its caller"
                ),
                format!("not found: sessions of `alice` in {place}"),
                format!("not found: all sessions in {place}"),
            ]
        );
    }

    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let policies = FolderPolicies::new(&missing, root());
    let listed = policies.list(&root(), None).await.unwrap_err();
    let expected =
        format!("unavailable: policies under `{}` in the folder `{}`", root(), missing.display());
    assert_eq!(listed.to_string(), expected);

    let path = root().join("production");
    let read = MemoryPolicies::new().policy(&path).await.unwrap_err();
    assert_eq!(read.to_string(), format!("not found: policy `{path}` in memory"));
}

#[tokio::test]
async fn invariant_6_an_error_does_not_show_the_secret_of_a_session() {
    let store = MemorySessions::new();
    let alice = caller("alice");
    let shown = id(&alice, 1).reveal();
    let (_, secret) = shown.split_at(shown.len() - 26);
    store.create_session(&session(&alice, 1)).await.unwrap();
    let error = store.create_session(&session(&alice, 1)).await.unwrap_err();
    let text = format!("{error:?} {}", Causes(&error));
    assert!(!text.contains(secret), "{text}");
}

#[test]
fn the_location_nearest_to_the_fault_stays() {
    let error = StoreError::not_found().at(|| Location::new("the inner store").key("it"));
    let error = error.at(|| Location::new("the wrapper"));
    assert_eq!(error.to_string(), "not found: it in the inner store");
    assert_eq!(error.without_location().to_string(), "not found");
}

#[test]
fn a_location_is_one_line_of_bounded_length() {
    let location = Location::new("memory").key("x\n".repeat(10_000)).to_string();
    assert!(location.len() < 2_000 && !location.contains('\n'), "{location}");
}

#[test]
fn only_the_named_kind_of_error_becomes_none() {
    let all = [
        StoreError::NotFound,
        StoreError::Conflict,
        StoreError::Throttled,
        StoreError::Unavailable,
        StoreError::Refused,
        StoreError::Corrupt,
    ];
    for (place, kind) in all.iter().enumerate() {
        let result = || Err::<(), _>(kind("injected".into()));
        assert_eq!(matches!(result().optional(), Ok(None)), place == 0);
        assert_eq!(matches!(result().unless_conflict(), Ok(None)), place == 1);
    }
    assert!(matches!(Ok(1).optional(), Ok(Some(1))));
    assert!(matches!(Ok(1).unless_conflict(), Ok(Some(1))));
}
