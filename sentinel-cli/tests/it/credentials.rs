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
fn the_default_format_is_the_one_that_sdks_read() {
    let dev = Dev::start();
    let output = dev.run("alice", "credentials --profile production");
    assert_eq!(output.status, 0, "{}", output.stderr);
    let document = output.json();
    let members: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["AccessKeyId", "Expiration", "SecretAccessKey", "SessionToken", "Version"]
    );
    assert_eq!(document["Version"], 1);
    assert!(document["AccessKeyId"].as_str().unwrap().starts_with("ASIA"));
}

#[test]
fn other_formats_contain_the_session_id() {
    let dev = Dev::start();
    let output = dev.run("alice", "credentials --profile production --output json");
    assert_eq!(output.json()["Profile"], "production");
    let id = output.json()["SessionId"].as_str().unwrap().to_owned();
    assert!(id.starts_with("session-"));
    let output = dev.run("alice", "credentials --profile production --output env");
    assert!(
        output.stdout.contains(&format!("export SENTINEL_SESSION_ID='{id}'\n")),
        "the cached credentials"
    );
    assert!(output.stdout.starts_with("export AWS_ACCESS_KEY_ID='ASIA"));
}

#[test]
fn the_cache_is_private_and_used_again() {
    let dev = Dev::start();
    let first = dev.run("alice", "credentials --profile production");
    let again = dev.run("alice", "credentials --profile production");
    assert_eq!(first.stdout, again.stdout);
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
fn the_cache_distinguishes_profile_duration_and_signer() {
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
fn credentials_that_expire_earlier_than_requested_have_a_warning_with_the_reason() {
    let dev = Dev::start();
    let output = dev.run("alice", "credentials --profile production --duration 1h");
    assert_eq!(output.status, 0);
    assert!(
        output.stderr.contains("earlier than requested: the policy limits their lifetime"),
        "{}",
        output.stderr
    );
    let output = dev.run("alice", "credentials --profile production --duration 15m");
    assert_eq!((output.status, output.stderr.as_str()), (0, ""));
    let output = dev.run("bob", "credentials --profile staging --duration 12h");
    assert!(output.stderr.contains("SENTINEL_MAX_DURATION"), "{}", output.stderr);
}

#[test]
fn no_cache_and_a_revocation_remove_cached_credentials() {
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
    let cached_again = dev.run("alice", "credentials --profile production");
    assert_eq!(
        cached_again.stdout, first.stdout,
        "the command cannot detect that its session was revoked"
    );
    let renewed = dev.run("alice", "credentials --profile production --no-cache");
    assert_ne!(renewed.stdout, first.stdout);
    assert_eq!(entries(), 0);
    let next = dev.run("alice", "credentials --profile production");
    assert!(next.status == 0 && next.stdout != first.stdout);
    assert_eq!(entries(), 1);
    dev.run("carol", "sessions revoke --user alice --profile production --reason theft");
    let output = dev.run("alice", "credentials --profile production --no-cache");
    assert!(output.stderr.contains("SESSION_REVOKED"), "{}", output.stderr);
    assert_eq!(entries(), 0);
}

#[test]
fn concurrent_processes_share_a_refusal() {
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
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.starts_with("refused: POLICY_DENY: "), "{stderr}");
    }
    // A process that started later sends its own request.
    let requests = decisions(&dev);
    assert!((1..4).contains(&requests), "{requests}");
}

#[test]
fn no_cache_neither_reads_nor_writes() {
    let dev = Dev::start();
    let first = dev.run("alice", "credentials --profile production --no-cache");
    assert!(cached(&dev).is_empty());
    let second = dev.run("alice", "credentials --profile production --no-cache");
    assert_ne!(first.stdout, second.stdout);
}

#[test]
fn a_cache_entry_that_others_can_read_or_that_is_damaged_is_not_used() {
    let dev = Dev::start();
    let first = dev.run("alice", "credentials --profile production");
    let entry = cached(&dev).into_iter().find(|path| path.extension().unwrap() == "json").unwrap();
    std::fs::set_permissions(&entry, std::fs::Permissions::from_mode(0o644)).unwrap();
    let second = dev.run("alice", "credentials --profile production");
    assert_ne!(first.stdout, second.stdout);
    assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&entry, "{").unwrap();
    assert_eq!(dev.run("alice", "credentials --profile production").status, 0);
}

#[test]
fn a_cache_folder_that_cannot_be_written_does_not_prevent_access() {
    let dev = Dev::start();
    let mut command = dev.client("alice", "credentials --profile production");
    command.env("XDG_CACHE_HOME", "/dev/null/nowhere");
    let output = run(&mut command);
    assert_eq!(output.status, 0);
    assert!(output.stderr.contains("not cached"), "{}", output.stderr);
}

#[test]
fn concurrent_processes_send_one_request() {
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
    let output = dev.run("mallory", "credentials --profile production");
    assert_eq!((output.status, output.stdout.as_str()), (1, ""));
    assert!(output.stderr.starts_with("refused: POLICY_DENY: "), "{}", output.stderr);
    assert!(
        !output.stderr.contains("left-the-company"),
        "a caller must not see the name of a rule"
    );
    assert!(cached(&dev).iter().all(|path| path.extension().unwrap() == "lock"));

    let output = dev.run("bob", "credentials --profile billing --verbose");
    assert!(output.stderr.contains("you are `bob` of account 111122223333"), "{}", output.stderr);
    assert!(output.stderr.contains("profiles that you can get: maintenance, production, staging"));
    let output = dev.run("bob", "credentials --profile production --verbose");
    assert!(output.stderr.contains("under other conditions"), "{}", output.stderr);

    let output = dev.run("bob", "credentials --profile billing --format json");
    let refused: serde_json::Value = serde_json::from_str(&output.stderr).unwrap();
    assert_eq!((output.status, &refused["code"]), (1, &json!("POLICY_DENY")));
}

#[test]
fn a_command_that_cannot_be_completed_is_exit_3() {
    let dev = Dev::start();
    let unreachable = "whoami --tvm http://127.0.0.1:1";
    let output = dev.run("alice", unreachable);
    assert_eq!(output.status, 3);
    assert!(output.stderr.contains("cannot reach http://127.0.0.1:1/"), "{}", output.stderr);
    let mut without_credentials = sentinel(dev.home.path());
    let output = run(without_credentials.args(["whoami", "--tvm", &dev.url]));
    assert_eq!(output.status, 3);
    assert!(output.stderr.contains("no AWS credentials to sign with"), "{}", output.stderr);
    let output = dev.run("unknown", "whoami");
    assert_eq!(output.status, 3, "{}", output.stderr);
}

#[test]
fn the_aws_profile_option_overrides_the_environment() {
    let dev = Dev::start();
    let key = dev.key("bob");
    let mut command = dev.client("alice", "whoami --format json");
    command.env("AWS_ACCESS_KEY_ID", &key.id).env("AWS_SECRET_ACCESS_KEY", &key.secret);
    assert_eq!(run(&mut command).json()["user"], "bob");
    command.args(["--aws-profile", "carol"]);
    assert_eq!(run(&mut command).json()["user"], "carol");
}

#[test]
fn the_region_of_the_environment_applies_if_the_host_names_none() {
    let dev = Dev::start();
    let mut command = dev.client("alice", "whoami");
    command.env("AWS_REGION", "eu-central-1");
    let output = run(&mut command);
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("`eu-central-1/execute-api`"), "{}", output.stderr);
}

#[test]
fn a_profile_whose_process_is_this_command_is_refused() {
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
    let output = run(command.env("AWS_CONFIG_FILE", &config));
    assert_eq!(output.status, 3);
    assert!(output.stderr.contains("call itself forever"), "{}", output.stderr);
    // Credentials that were vended for another profile are valid credentials, but
    // their principal is not a caller of the TVM.
    let mut command = dev.client("good", "whoami");
    let output = run(command.env("AWS_CONFIG_FILE", &config));
    assert_eq!(output.status, 1, "{}", output.stderr);
    assert!(output.stderr.contains("vended by Sentinel"), "{}", output.stderr);
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
    for (name, remains) in [
        ("old.lock", false),
        ("old.json", false),
        (".tmpold", false),
        ("young.lock", true),
        ("held.lock", true),
    ] {
        assert_eq!(folder.join(name).exists(), remains, "{name}");
    }
    assert_eq!(cached(&dev).len(), 6, "two entries with their locks, and the files that remain");
}
