//! The folder behind `FolderPolicies`.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::Path,
    time::{Duration, Instant},
};

use sentinel_store::folder::FolderPolicies;
use sentinel_store::{PolicyPath, PolicyStore, PolicyText, StoreError};
use tempfile::TempDir;

use crate::fixtures::root;

const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Shorter than the default of a second, which the tests of the command use.
const SETTLED: Duration = Duration::from_millis(100);

/// The default.
const SLOWLY: Duration = Duration::from_secs(1);

fn folder() -> (TempDir, FolderPolicies) {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderPolicies::new(folder.path(), root()).with_settled(SETTLED);
    (folder, store)
}

/// With the default time, for tests in which another thread must act within a part of
/// it also on a busy machine.
fn slow_folder() -> (TempDir, FolderPolicies) {
    let folder = tempfile::tempdir().unwrap();
    let store = FolderPolicies::new(folder.path(), root());
    (folder, store)
}

async fn read(store: &FolderPolicies, name: &str) -> Result<PolicyText, StoreError> {
    store.policy(&root().join(name)).await
}

async fn names(store: &FolderPolicies) -> Vec<String> {
    let page = store.list(&root(), None).await.unwrap();
    assert_eq!(page.next, None);
    page.items.into_iter().map(|listed| listed.name).collect()
}

fn write(folder: &Path, file: &str, text: &[u8]) {
    fs::write(folder.join(file), text).unwrap();
}

#[tokio::test]
async fn only_files_named_after_a_valid_profile_are_listed() {
    let (folder, store) = folder();
    for file in [
        "production.yaml",
        "main.yaml",
        ".hidden.yaml",
        ".yaml",
        "-x.yaml",
        "with space.yaml",
        "\u{1f511}.yaml",
        "x.yml",
        "x.json",
        "x.YAML",
        "x.yaml.swp",
        "x.yaml~",
        "yaml",
        "README.md",
    ] {
        write(folder.path(), file, b"text");
    }
    fs::create_dir(folder.path().join("team")).unwrap();
    write(&folder.path().join("team"), "nested.yaml", b"text");
    assert_eq!(names(&store).await, ["main", "production"]);
    for name in [".hidden", "with space", "x", "team/nested", "team", "README"] {
        assert!(matches!(read(&store, name).await, Err(StoreError::NotFound(_))), "{name}");
    }
}

async fn members(store: &FolderPolicies, group: &str) -> Result<PolicyText, StoreError> {
    store.policy(&root().join("groups").join(group)).await
}

#[tokio::test]
async fn the_members_of_groups_are_in_a_folder_of_their_own_and_not_listed() {
    let (folder, store) = folder();
    assert!(matches!(members(&store, "oncall").await, Err(StoreError::NotFound(_))));
    write(folder.path(), "groups.yaml", b"the document of a profile");
    let groups = folder.path().join("groups");
    fs::create_dir(&groups).unwrap();
    write(&groups, "oncall.yaml", b"[alice]");
    fs::create_dir(groups.join("groups")).unwrap();
    write(&groups.join("groups"), "deep.yaml", b"[mallory]");
    assert_eq!(members(&store, "oncall").await.unwrap().text, b"[alice]");
    assert_eq!(read(&store, "groups").await.unwrap().text, b"the document of a profile");
    assert_eq!(names(&store).await, ["groups"]);
    let place = store.place(&root().join("groups").join("oncall"));
    assert!(place.ends_with("groups/oncall.yaml"), "{place}");
    for group in ["leads", "../groups", "groups/deep", ".oncall", "deep"] {
        assert!(matches!(members(&store, group).await, Err(StoreError::NotFound(_))), "{group}");
    }
    assert!(matches!(read(&store, "oncall").await, Err(StoreError::NotFound(_))));
    let page = store.list(&root().join("groups"), None).await.unwrap();
    assert!(page.items.is_empty());
}

#[tokio::test]
async fn briefly_missing_members_are_not_absent() {
    let (folder, store) = slow_folder();
    let groups = folder.path().join("groups");
    fs::create_dir(&groups).unwrap();
    write(&groups, "oncall.yaml", b"[alice]");
    members(&store, "oncall").await.unwrap();
    // The file, and then the whole folder.
    for path in [groups.join("oncall.yaml"), groups] {
        let away = path.with_file_name("away");
        fs::rename(&path, &away).unwrap();
        let back = std::thread::spawn(move || {
            std::thread::sleep(SLOWLY / 2);
            fs::rename(&away, &path).unwrap();
        });
        assert_eq!(members(&store, "oncall").await.unwrap().text, b"[alice]");
        back.join().unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_a_missing_folder_of_members_is_not_an_absent_group() {
    let (folder, store) = folder();
    std::os::unix::fs::symlink("missing", folder.path().join("groups")).unwrap();
    let error = members(&store, "oncall").await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn changed_members_are_read_once_they_are_settled() {
    let (folder, store) = slow_folder();
    let groups = folder.path().join("groups");
    fs::create_dir(&groups).unwrap();
    write(&groups, "oncall.yaml", b"[alice]");
    let begun = Instant::now();
    assert_eq!(members(&store, "oncall").await.unwrap().text, b"[alice]");
    assert!(begun.elapsed() > SLOWLY / 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_file_outside_the_folder_is_not_read() {
    let (folder, _) = folder();
    let inner = folder.path().join("policies");
    fs::create_dir(&inner).unwrap();
    write(folder.path(), "secret.yaml", b"secret");
    let store = FolderPolicies::new(&inner, root());
    let outside = folder.path().join("secret");
    for path in [
        root().join("../secret"),
        root().join("..\\secret"),
        root().join(outside.to_str().unwrap()),
        PolicyPath::new(outside.to_str().unwrap()),
        PolicyPath::new("/sentinel/policies/../policies/secret"),
        PolicyPath::new("/sentinel/secret"),
        PolicyPath::new("secret"),
    ] {
        assert!(matches!(store.policy(&path).await, Err(StoreError::NotFound(_))), "{path}");
    }
}

#[tokio::test]
async fn a_missing_folder_is_unavailable_and_not_empty() {
    let (folder, _) = folder();
    write(folder.path(), "file", b"text");
    for missing in ["missing", "file"] {
        let store = FolderPolicies::new(folder.path().join(missing), root());
        let error = store.list(&root(), None).await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        let error = read(&store, "production").await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_that_is_not_regular_is_refused_without_waiting() {
    let (folder, store) = folder();
    fs::create_dir(folder.path().join("directory.yaml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("device.yaml")).unwrap();
    let _socket =
        std::os::unix::net::UnixListener::bind(folder.path().join("socket.yaml")).unwrap();
    for name in ["directory", "device", "socket"] {
        let error = read(&store, name).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused(_)), "{name}: {error:?}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_to_a_file_is_followed_after_it_changes() {
    // A mounted ConfigMap changes like this.
    let (folder, store) = folder();
    let link = folder.path().join("production.yaml");
    for text in ["one", "two"] {
        write(folder.path(), text, text.as_bytes());
        let next = folder.path().join("next");
        std::os::unix::fs::symlink(text, &next).unwrap();
        fs::rename(&next, &link).unwrap();
        assert_eq!(read(&store, "production").await.unwrap().text, text.as_bytes());
    }
    fs::remove_file(&link).unwrap();
    assert!(matches!(read(&store, "production").await, Err(StoreError::NotFound(_))));
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_whose_target_is_missing_is_not_an_absent_document() {
    let (folder, store) = slow_folder();
    let target = folder.path().join("parts");
    fs::create_dir(&target).unwrap();
    let target = target.join("production.yaml");
    std::os::unix::fs::symlink(&target, folder.path().join("production.yaml")).unwrap();
    std::thread::sleep(SLOWLY * 3);
    let StoreError::Unavailable(cause) = read(&store, "production").await.unwrap_err() else {
        panic!("the document is absent")
    };
    assert_eq!(cause.to_string(), "a link to a file that does not exist");
    // The target is written while the read waits.
    let writer = std::thread::spawn(move || {
        std::thread::sleep(SLOWLY / 2);
        fs::write(&target, b"text").unwrap();
    });
    assert_eq!(read(&store, "production").await.unwrap().text, b"text");
    writer.join().unwrap();
}

#[tokio::test]
async fn a_file_is_read_up_to_the_size_limit() {
    let (folder, store) = folder();
    write(folder.path(), "large.yaml", &vec![b'#'; MAX_BYTES]);
    assert_eq!(read(&store, "large").await.unwrap().text.len(), MAX_BYTES);
    write(folder.path(), "larger.yaml", &vec![b'#'; MAX_BYTES + 1]);
    File::create(folder.path().join("huge.yaml")).unwrap().set_len(1 << 40).unwrap();
    for name in ["larger", "huge"] {
        let begun = Instant::now();
        let StoreError::Refused(cause) = read(&store, name).await.unwrap_err() else {
            panic!("{name} was read")
        };
        assert_eq!(cause.to_string(), "the file has more than 2097152 bytes");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test]
async fn a_version_depends_on_the_text_and_not_on_the_file() {
    let (folder, store) = folder();
    write(folder.path(), "production.yaml", b"one");
    let one = read(&store, "production").await.unwrap();
    write(folder.path(), "production.yaml", b"two");
    assert_ne!(read(&store, "production").await.unwrap().version, one.version);
    write(folder.path(), "production.yaml", b"one");
    assert_eq!(read(&store, "production").await.unwrap(), one);
}

#[tokio::test]
async fn an_unchanged_text_is_read_again_without_waiting() {
    let (folder, store) = folder();
    write(folder.path(), "production.yaml", b"text");
    read(&store, "production").await.unwrap();
    let begun = Instant::now();
    for _ in 0..100 {
        read(&store.clone(), "production").await.unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_written_document_is_not_read() {
    use std::io::Write;
    let (folder, store) = folder();
    let path = folder.path().join("production.yaml");
    // Without its second half, the rule allows every caller.
    let document = |round: u32| {
        let head = format!("# {round}\nrules:\n  - name: a\n    effect: allow\n");
        (head, "    conditions:\n      users: [alice]\n".to_owned())
    };
    let writer = std::thread::spawn(move || {
        let mut slowest = Duration::ZERO;
        for round in 0..8 {
            let (head, tail) = document(round);
            let begun = Instant::now();
            let mut file = File::create(&path).unwrap();
            file.write_all(head.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            file.write_all(tail.as_bytes()).unwrap();
            drop(file);
            slowest = slowest.max(begun.elapsed());
            std::thread::sleep(Duration::from_millis(250));
        }
        slowest
    });
    let (mut whole, mut halves) = (BTreeSet::new(), BTreeSet::new());
    while !writer.is_finished() {
        match read(&store, "production").await {
            Ok(found) => {
                let text = String::from_utf8(found.text).unwrap();
                if text.ends_with("[alice]\n") {
                    whole.insert(text);
                } else {
                    halves.insert(text);
                }
            }
            // Before the file exists, and while it is written.
            Err(StoreError::NotFound(_) | StoreError::Unavailable(_)) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    // If the machine paused the writer for longer than the settling time, a partial text
    // is used.
    let slowest = writer.join().unwrap();
    assert!(halves.is_empty() || slowest >= Duration::from_millis(100), "{slowest:?} {halves:?}");
    assert!(whole.len() > 3, "only {} documents were read", whole.len());
}

/// A text whose every prefix is a text as well.
fn half_and_whole(folder: &Path) -> (std::path::PathBuf, File) {
    use std::io::Write;
    let path = folder.join("production.yaml");
    let mut file = File::create(&path).unwrap();
    file.write_all(b"half").unwrap();
    (path, file)
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_old_file_that_is_open_for_writing_is_not_used() {
    use std::io::Write;
    let (folder, store) = folder();
    let (path, mut file) = half_and_whole(folder.path());
    std::thread::sleep(SETTLED * 3);
    // A process that only reads does not matter.
    let _reader = File::open(&path).unwrap();
    let StoreError::Unavailable(cause) = read(&store, "production").await.unwrap_err() else {
        panic!("the file was used or refused")
    };
    let expected = format!("process {} has the file open for writing", std::process::id());
    assert_eq!(cause.to_string(), expected);
    file.write_all(b" and whole").unwrap();
    drop(file);
    assert_eq!(read(&store, "production").await.unwrap().text, b"half and whole");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_writer_of_another_hard_link_is_found() {
    let (folder, store) = folder();
    let (path, file) = half_and_whole(folder.path());
    fs::hard_link(&path, folder.path().join("another")).unwrap();
    drop(file);
    let writer = File::options().append(true).open(folder.path().join("another")).unwrap();
    std::thread::sleep(SETTLED * 3);
    let result = read(&store, "production").await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    drop(writer);
    assert_eq!(read(&store, "production").await.unwrap().text, b"half");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_writer_is_found_although_the_name_that_it_opened_is_gone() {
    let (folder, store) = folder();
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    let writer = File::create(&first).unwrap();
    fs::write(&first, b"half").unwrap();
    fs::hard_link(&first, &second).unwrap();
    fs::rename(&second, folder.path().join("production.yaml")).unwrap();
    fs::remove_file(&first).unwrap();
    std::thread::sleep(SETTLED * 3);
    let result = read(&store, "production").await;
    assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
    drop(writer);
    assert_eq!(read(&store, "production").await.unwrap().text, b"half");
}

#[tokio::test]
async fn a_document_that_appears_and_disappears_is_not_absent() {
    let (folder, store) = slow_folder();
    let [path, aside] = ["production.yaml", "aside"].map(|name| folder.path().join(name));
    write(folder.path(), "production.yaml", b"text");
    read(&store, "production").await.unwrap();
    fs::rename(&path, &aside).unwrap();
    let editor = std::thread::spawn(move || {
        for pause in [3, 6, 5] {
            std::thread::sleep(SLOWLY * pause / 10);
            if path.exists() { fs::rename(&path, &aside) } else { fs::rename(&aside, &path) }
                .unwrap();
        }
        // There again for good.
    });
    let result = read(&store, "production").await;
    assert!(!matches!(result, Err(StoreError::NotFound(_))), "{result:?}");
    editor.join().unwrap();
    assert_eq!(read(&store, "production").await.unwrap().text, b"text");
}

#[tokio::test]
async fn a_partial_text_that_equals_the_last_one_settles_before_it_is_used() {
    let (folder, store) = slow_folder();
    write(folder.path(), "production.yaml", b"wide");
    assert_eq!(read(&store, "production").await.unwrap().text, b"wide");
    // No request reads this text.
    write(folder.path(), "production.yaml", b"narrow");
    std::thread::sleep(SLOWLY * 2);
    let path = folder.path().join("production.yaml");
    write(folder.path(), "production.yaml", b"wide");
    let writer = std::thread::spawn(move || {
        std::thread::sleep(SLOWLY / 2);
        fs::write(&path, b"wide and narrow").unwrap();
    });
    assert_eq!(read(&store, "production").await.unwrap().text, b"wide and narrow");
    writer.join().unwrap();
}

#[tokio::test]
async fn a_partial_text_unchanged_for_the_settling_time_is_used() {
    // The limit of detection: a writer that closes the file, or runs on another machine,
    // and then pauses for longer.
    let (folder, store) = folder();
    drop(half_and_whole(folder.path()));
    std::thread::sleep(SETTLED * 3);
    assert_eq!(read(&store, "production").await.unwrap().text, b"half");
}

#[tokio::test]
async fn a_renamed_file_is_used_once_settled_whatever_its_times() {
    let (folder, store) = folder();
    let now = std::time::SystemTime::now();
    let day = Duration::from_secs(86_400);
    for (text, modified) in [("old", now - day), ("now", now), ("future", now + day)] {
        let new = folder.path().join("new");
        fs::write(&new, text).unwrap();
        File::options().write(true).open(&new).unwrap().set_modified(modified).unwrap();
        let begun = Instant::now();
        fs::rename(&new, folder.path().join("production.yaml")).unwrap();
        assert_eq!(read(&store, "production").await.unwrap().text, text.as_bytes());
        let took = begun.elapsed();
        // Minus the resolution of file times.
        assert!(took > SETTLED - Duration::from_millis(20), "{text}: {took:?}");
        assert!(took < SETTLED * 10, "{text}: {took:?}");
    }
}

#[tokio::test]
async fn a_briefly_missing_document_is_not_absent() {
    // Editors save like this: the old file is moved away and a new one is created.
    let (folder, store) = slow_folder();
    write(folder.path(), "production.yaml", b"one");
    read(&store, "production").await.unwrap();
    let path = folder.path().join("production.yaml");
    fs::rename(&path, folder.path().join("production.yaml~")).unwrap();
    let editor = std::thread::spawn(move || {
        std::thread::sleep(SLOWLY / 2);
        fs::write(&path, b"two").unwrap();
    });
    assert_eq!(read(&store, "production").await.unwrap().text, b"two");
    editor.join().unwrap();
    fs::remove_file(folder.path().join("production.yaml")).unwrap();
    assert!(matches!(read(&store, "production").await, Err(StoreError::NotFound(_))));
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_that_leads_out_of_the_folder_is_refused() {
    let (outside, _) = folder();
    write(outside.path(), "shared.yaml", b"outside");
    let (folder, store) = folder();
    let link = folder.path().join("production.yaml");
    std::os::unix::fs::symlink(outside.path().join("shared.yaml"), link).unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("team")).unwrap();
    std::os::unix::fs::symlink("team/shared.yaml", folder.path().join("staging.yaml")).unwrap();
    for name in ["production", "staging"] {
        let StoreError::Refused(cause) = read(&store, name).await.unwrap_err() else {
            panic!("{name} was read")
        };
        assert!(cause.to_string().contains("leads out of the policies folder"), "{cause}");
    }
    // The folder itself may be reached through a link.
    let linked = outside.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &linked).unwrap();
    write(folder.path(), "solo.yaml", b"inside");
    let store = FolderPolicies::new(&linked, root()).with_settled(SETTLED);
    assert_eq!(read(&store, "solo").await.unwrap().text, b"inside");
}

#[tokio::test]
async fn a_known_text_is_used_without_waiting() {
    let (folder, _) = folder();
    write(folder.path(), "production.yaml", b"known");
    let name = sentinel_store::ProfileName::parse("production").unwrap();
    let store = FolderPolicies::new(folder.path(), root())
        .with_settled(Duration::from_secs(3600))
        .with_known(&name, b"known");
    assert_eq!(read(&store, "production").await.unwrap().text, b"known");
}
