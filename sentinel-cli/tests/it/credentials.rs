//! `sentinel credentials`: formats, cache, a single request for concurrent callers,
//! refusals.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::running::{Dev, run, sentinel};

fn cached(dev: &Dev) -> Vec<PathBuf> {
    let folder = dev.home.path().join(".cache/sentinel/credentials");
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
        Err(_) => Vec::new(),
    }
}

fn decisions(dev: &Dev) -> usize {
    dev.records().iter().filter(|record| record.get("effect").is_some()).count()
}

#[test]
fn the_default_shape_is_the_one_that_sdks_take() {
    let dev = Dev::start();
    let said = dev.run("alice", "credentials --profile production");
    assert_eq!(said.status, 0, "{}", said.err);
    let document = said.json();
    let members: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["AccessKeyId", "Expiration", "SecretAccessKey", "SessionToken", "Version"]
    );
    assert_eq!(document["Version"], 1);
    assert!(document["AccessKeyId"].as_str().unwrap().starts_with("ASIA"));
}

#[test]
fn other_shapes_have_the_session_id() {
    let dev = Dev::start();
    let said = dev.run("alice", "credentials --profile production --output json");
    assert_eq!(said.json()["Profile"], "production");
    let id = said.json()["SessionId"].as_str().unwrap().to_owned();
    assert!(id.starts_with("session-"));
    let said = dev.run("alice", "credentials --profile production --output env");
    assert!(said.out.contains(&format!("export SENTINEL_SESSION_ID='{id}'\n")), "the cached one");
    assert!(said.out.starts_with("export AWS_ACCESS_KEY_ID='ASIA"));
}

#[test]
fn the_cache_is_private_and_used_again() {
    let dev = Dev::start();
    let first = dev.run("alice", "credentials --profile production");
    let again = dev.run("alice", "credentials --profile production");
    assert_eq!(first.out, again.out);
    assert_eq!(decisions(&dev), 1);
    let files = cached(&dev);
    assert_eq!(files.len(), 2, "an entry and its lock");
    for file in &files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    let folder = files[0].parent().unwrap();
    assert_eq!(folder.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn profile_duration_and_signer_are_told_apart() {
    let dev = Dev::start();
    for (name, words) in [
        ("alice", "credentials --profile production"),
        ("alice", "credentials --profile staging"),
        ("alice", "credentials --profile production --duration 15m"),
        ("bob", "credentials --profile staging"),
    ] {
        assert_eq!(dev.run(name, words).status, 0);
    }
    assert_eq!(decisions(&dev), 4);
}

#[test]
fn credentials_that_end_earlier_than_asked_for_say_why() {
    let dev = Dev::start();
    let said = dev.run("alice", "credentials --profile production --duration 1h");
    assert_eq!(said.status, 0);
    assert!(said.err.contains("earlier than requested: the policy caps"), "{}", said.err);
    let said = dev.run("alice", "credentials --profile production --duration 15m");
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    let said = dev.run("bob", "credentials --profile staging --duration 12h");
    assert!(said.err.contains("SENTINEL_MAX_DURATION"), "{}", said.err);
}

#[test]
fn no_cache_and_a_revocation_drop_what_is_kept() {
    let dev = Dev::start();
    let entries = || {
        let files = cached(&dev);
        files.iter().filter(|path| path.extension().unwrap() == "json").count()
    };
    let first = dev.run("alice", "credentials --profile production");
    assert_eq!(entries(), 1);
    for (words, status) in [
        ("sessions revoke --user alice --profile production --reason theft", 0),
        ("sessions reinstate --user alice --profile production --reason found", 0),
    ] {
        assert_eq!(dev.run("carol", words).status, status);
    }
    let kept = dev.run("alice", "credentials --profile production");
    assert_eq!(kept.out, first.out, "the command cannot know that it is dead");
    let anew = dev.run("alice", "credentials --profile production --no-cache");
    assert_ne!(anew.out, first.out);
    assert_eq!(entries(), 0);
    let next = dev.run("alice", "credentials --profile production");
    assert!(next.status == 0 && next.out != first.out);
    assert_eq!(entries(), 1);
    dev.run("carol", "sessions revoke --user alice --profile production --reason theft");
    let said = dev.run("alice", "credentials --profile production --no-cache");
    assert!(said.err.contains("SESSION_REVOKED"), "{}", said.err);
    assert_eq!(entries(), 0);
}

#[test]
fn many_processes_that_are_refused_at_once_share_the_refusal() {
    let dev = Dev::start();
    assert_eq!(dev.run("mallory", "credentials --profile production").status, 1);
    assert_eq!(dev.record()["effect"], "deny");
    let [lock] = cached(&dev).try_into().unwrap();
    let lock = File::options().write(true).open(lock).unwrap();
    lock.lock().unwrap();
    let children: Vec<_> = (0..8)
        .map(|_| {
            let mut command = dev.client("mallory", "credentials --profile production");
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    // Waits until the processes wait for the lock.
    std::thread::sleep(Duration::from_secs(2));
    lock.unlock().unwrap();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("refused: POLICY_DENY: "), "{said}");
    }
    // A process that started later sends its own request.
    let asked = decisions(&dev);
    assert!((1..4).contains(&asked), "{asked}");
}

#[test]
fn no_cache_neither_reads_nor_writes() {
    let dev = Dev::start();
    let first = dev.run("alice", "credentials --profile production --no-cache");
    assert!(cached(&dev).is_empty());
    let second = dev.run("alice", "credentials --profile production --no-cache");
    assert_ne!(first.out, second.out);
}

#[test]
fn an_entry_that_others_may_read_or_that_is_damaged_is_not_used() {
    let dev = Dev::start();
    let first = dev.run("alice", "credentials --profile production");
    let entry = cached(&dev).into_iter().find(|path| path.extension().unwrap() == "json").unwrap();
    std::fs::set_permissions(&entry, std::fs::Permissions::from_mode(0o644)).unwrap();
    let second = dev.run("alice", "credentials --profile production");
    assert_ne!(first.out, second.out);
    assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&entry, "{").unwrap();
    assert_eq!(dev.run("alice", "credentials --profile production").status, 0);
}

#[test]
fn a_folder_that_cannot_be_written_keeps_nobody_out() {
    let dev = Dev::start();
    let mut command = dev.client("alice", "credentials --profile production");
    command.env("XDG_CACHE_HOME", "/dev/null/nowhere");
    let said = run(&mut command);
    assert_eq!(said.status, 0);
    assert!(said.err.contains("not cached"), "{}", said.err);
}

#[test]
fn many_processes_at_once_make_one_request() {
    let dev = Dev::start();
    let children: Vec<_> = (0..12)
        .map(|_| {
            dev.client("alice", "credentials --profile production")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let outputs: Vec<Vec<u8>> = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        })
        .collect();
    assert!(outputs.iter().all(|output| *output == outputs[0]));
    assert_eq!(decisions(&dev), 1);
}

#[test]
fn a_refusal_is_exit_1_and_verbose_explains_it() {
    let dev = Dev::start();
    let said = dev.run("mallory", "credentials --profile production");
    assert_eq!((said.status, said.out.as_str()), (1, ""));
    assert!(said.err.starts_with("refused: POLICY_DENY: "), "{}", said.err);
    assert!(!said.err.contains("left-the-company"), "a rule's name is not the caller's to know");
    assert!(cached(&dev).iter().all(|path| path.extension().unwrap() == "lock"));

    let said = dev.run("bob", "credentials --profile billing --verbose");
    assert!(said.err.contains("you are `bob` of account 111122223333"), "{}", said.err);
    assert!(said.err.contains("profiles that you can get: maintenance, production, staging"));
    let said = dev.run("bob", "credentials --profile production --verbose");
    assert!(said.err.contains("under other conditions"), "{}", said.err);

    let said = dev.run("bob", "credentials --profile billing --format json");
    let refused: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!((said.status, &refused["code"]), (1, &json!("POLICY_DENY")));
}

#[test]
fn what_could_not_be_done_is_exit_3() {
    let dev = Dev::start();
    let unreachable = "whoami --tvm http://127.0.0.1:1";
    let said = dev.run("alice", unreachable);
    assert_eq!(said.status, 3);
    assert!(said.err.contains("cannot reach http://127.0.0.1:1/"), "{}", said.err);
    let mut nobody = sentinel(dev.home.path());
    let said = run(nobody.args(["whoami", "--tvm", &dev.url]));
    assert_eq!(said.status, 3);
    assert!(said.err.contains("no AWS credentials to sign with"), "{}", said.err);
    let said = dev.run("nobody", "whoami");
    assert_eq!(said.status, 3, "{}", said.err);
}

#[test]
fn a_named_profile_counts_more_than_the_environment() {
    let dev = Dev::start();
    let key = dev.key("bob");
    let mut command = dev.client("alice", "whoami --format json");
    command.env("AWS_ACCESS_KEY_ID", &key.id).env("AWS_SECRET_ACCESS_KEY", &key.secret);
    assert_eq!(run(&mut command).json()["user"], "bob");
    command.args(["--aws-profile", "carol"]);
    assert_eq!(run(&mut command).json()["user"], "carol");
}

#[test]
fn the_region_of_the_environment_counts_where_the_host_names_none() {
    let dev = Dev::start();
    let mut command = dev.client("alice", "whoami");
    command.env("AWS_REGION", "eu-central-1");
    let said = run(&mut command);
    assert_eq!(said.status, 1);
    assert!(said.err.contains("`eu-central-1/execute-api`"), "{}", said.err);
}

#[test]
fn a_profile_whose_process_is_this_command_does_not_run_it_without_end() {
    let dev = Dev::start();
    let config = dev.home.path().join("config");
    let text = format!(
        "[profile loop]\ncredential_process = {} credentials --profile production\n\
         [profile good]\ncredential_process = {} credentials --profile production --aws-profile \
         alice\n",
        env!("CARGO_BIN_EXE_sentinel"),
        env!("CARGO_BIN_EXE_sentinel"),
    );
    std::fs::write(&config, text).unwrap();
    let mut command = dev.client("loop", "whoami");
    let said = run(command.env("AWS_CONFIG_FILE", &config));
    assert_eq!(said.status, 3);
    assert!(said.err.contains("call itself forever"), "{}", said.err);
    // Credentials that were vended for another profile are valid credentials, but
    // their principal is not a caller of the TVM.
    let mut command = dev.client("good", "whoami");
    let said = run(command.env("AWS_CONFIG_FILE", &config));
    assert_eq!(said.status, 1, "{}", said.err);
    assert!(said.err.contains("vended by Sentinel"), "{}", said.err);
}

#[test]
fn old_files_of_the_cache_are_removed_unless_another_process_holds_them() {
    let dev = Dev::start();
    assert_eq!(dev.run("alice", "credentials --profile production").status, 0);
    let folder = cached(&dev)[0].parent().unwrap().to_owned();
    let old = std::time::SystemTime::now() - Duration::from_secs(25 * 3600);
    let make = |name: &str, changed| {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(name))
            .unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).unwrap();
        file.set_modified(changed).unwrap();
        file
    };
    drop(["old.lock", "old.json", ".tmpold"].map(|name| make(name, old)));
    make("young.lock", std::time::SystemTime::now());
    let held = make("held.lock", old);
    held.lock().unwrap();
    assert_eq!(dev.run("alice", "credentials --profile staging").status, 0);
    for (name, stays) in [
        ("old.lock", false),
        ("old.json", false),
        (".tmpold", false),
        ("young.lock", true),
        ("held.lock", true),
    ] {
        assert_eq!(folder.join(name).exists(), stays, "{name}");
    }
    assert_eq!(cached(&dev).len(), 6, "two entries with their locks, and what stays");
}
