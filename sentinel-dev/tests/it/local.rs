//! Starting and ending the system in a test.

use std::net::TcpStream;

use sentinel_dev::{Identity, LocalSentinel, StartError};

const POLICY: &str = "version: \"1\"\n";

fn is_listening(url: &str) -> bool {
    TcpStream::connect(url.trim_start_matches("http://")).is_ok()
}

#[test]
fn it_listens_until_it_is_dropped_and_leaves_nothing_behind() {
    let sentinel = LocalSentinel::builder().start().unwrap();
    let (url, file) = (sentinel.url(), sentinel.credentials_file().to_owned());
    assert!(is_listening(&url) && file.exists());
    let names: Vec<&str> = sentinel.identities().map(Identity::name).collect();
    assert_eq!(names, ["alice", "bob", "carol", "mallory", "ci/build-7"]);
    drop(sentinel);
    assert!(!is_listening(&url) && !file.exists());
}

#[tokio::test]
async fn it_starts_within_a_runtime_of_one_thread() {
    let sentinel = LocalSentinel::builder().policy("main", POLICY).start().unwrap();
    assert!(is_listening(&sentinel.url()));
}

#[test]
fn a_data_folder_keeps_the_keys() {
    let home = tempfile::tempdir().unwrap();
    let key = || {
        let sentinel = LocalSentinel::builder().data(home.path().join("data")).start().unwrap();
        sentinel.credentials("alice").unwrap().access_key_id().to_owned()
    };
    assert_eq!(key(), key());
}

#[test]
fn a_start_that_fails_names_the_cause() {
    let error = LocalSentinel::builder().policy("not a name", POLICY).start().unwrap_err();
    assert!(error.to_string().contains("`not a name`"), "{error}");
    let twice = LocalSentinel::builder().policy("main", POLICY).policy("main", POLICY);
    assert!(twice.start().unwrap_err().to_string().contains("`main`"));
    let both = LocalSentinel::builder().policy("main", POLICY).policies("/tmp");
    assert!(both.start().unwrap_err().to_string().contains("both"));
    let remote = LocalSentinel::builder().listen("0.0.0.0:0".parse().unwrap());
    assert!(remote.start().unwrap_err().to_string().contains("other machines"));
    let error = LocalSentinel::builder().policies("/does/not/exist").start().unwrap_err();
    assert!(error.to_string().contains("`/does/not/exist`"), "{error}");
    let one = LocalSentinel::builder().start().unwrap();
    let taken = one.url().trim_start_matches("http://").parse().unwrap();
    let error = LocalSentinel::builder().listen(taken).start().unwrap_err();
    assert!(matches!(error, StartError::Listen { address, .. } if address == taken), "{error:?}");
    let error = LocalSentinel::builder().identities(Vec::new()).start().unwrap_err();
    assert!(error.to_string().contains("empty"), "{error}");
}

#[test]
fn a_start_that_fails_leaves_the_policies_of_a_running_system() {
    let home = tempfile::tempdir().unwrap();
    let start = || LocalSentinel::builder().data(home.path()).policy("main", POLICY).start();
    let running = start().unwrap();
    let main = running.policies().join("main.yaml");
    assert!(start().is_err(), "the database is in use");
    assert_eq!(std::fs::read_to_string(&main).unwrap(), POLICY);
    drop(running);
    assert!(!main.exists());
    drop(start().unwrap());
}

#[tokio::test]
async fn a_runtime_of_one_thread_is_refused_by_bind() {
    let error = LocalSentinel::builder().bind().await.unwrap_err();
    assert!(error.to_string().contains("multi-threaded"), "{error}");
}
