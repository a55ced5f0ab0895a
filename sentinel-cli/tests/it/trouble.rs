//! `sentinel dev` with invalid arguments or in a faulty environment: each message
//! names the cause, the path and what to do, and the server recovers.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use tempfile::TempDir;

use crate::running::{CommandOutput, Dev, run, sentinel};
use crate::wire::{Request, Response};

fn vend(dev: &Dev, name: &str) -> Response {
    Request::new("GET", "/?profile=production", b"")
        .signed(dev.address, &dev.key(name), "execute-api")
        .send(dev.address)
}

/// Sets a resource limit of a process, and leaves its hard limit unchanged.
fn limit(dev: &Dev, resource: Resource, current: Option<u64>) {
    let process = Pid::from_raw(i32::try_from(dev.process()).unwrap());
    // The server process has inherited this hard limit.
    let maximum = getrlimit(resource).maximum;
    prlimit(process, resource, Rlimit { current: current.or(maximum), maximum }).unwrap();
}

/// Starts a server that cannot start.
fn refused(home: &Path, arguments: &[&str]) -> CommandOutput {
    let output = run(sentinel(home).args(["dev", "--listen", "127.0.0.1:0"]).args(arguments));
    assert_eq!(
        (output.status, output.stdout.as_str()),
        (3, ""),
        "{arguments:?}: {}",
        output.stderr
    );
    output
}

#[test]
fn after_a_full_disk_vending_resumes_and_no_acknowledged_write_is_lost() {
    // A limit of the size of files has the same effect as a full disk.
    let dev = Dev::start_logged(TempDir::new().unwrap(), "trap '' XFSZ", &[]);
    let session = |response: &Response| response.headers["x-sentinel-session-id"].clone();
    let first = vend(&dev, "alice");
    assert_eq!(first.status, 200, "{first:?}");
    for round in 0..2 {
        limit(&dev, Resource::Fsize, Some(4096));
        for _ in 0..3 {
            let response = vend(&dev, "alice");
            assert_eq!((response.status, response.code().as_str()), (503, "STORE_UNAVAILABLE"));
        }
        limit(&dev, Resource::Fsize, None);
        assert_eq!(vend(&dev, "alice").status, 200, "round {round}");
    }
    let used = |dev: &Dev| {
        let target = format!("/downstream?sentinel_session_id={}", session(&first));
        Request::new("GET", &target, b"").send(dev.address).status
    };
    assert_eq!(used(&dev), 200);
    let (status, home) = dev.end("TERM");
    assert_eq!(status, Some(0));
    assert_eq!(used(&Dev::start_in(home, &[])), 200);
}

#[test]
fn a_database_that_is_removed_while_it_is_in_use_is_reported_and_nothing_is_vended() {
    let dev = Dev::start_logged(TempDir::new().unwrap(), ":", &[]);
    let vended = vend(&dev, "alice");
    let target =
        format!("/downstream?sentinel_session_id={}", vended.headers["x-sentinel-session-id"]);
    let used = || Request::new("GET", &target, b"").send(dev.address).status;
    assert_eq!(used(), 200);
    let (data, aside) = (dev.home.path().join("data"), dev.home.path().join("aside"));
    let key = dev.key("alice");
    let again = || {
        Request::new("GET", "/?profile=production", b"")
            .signed(dev.address, &key, "execute-api")
            .send(dev.address)
    };
    for what in ["data", "data/sentinel.redb"] {
        let path = dev.home.path().join(what);
        fs::rename(&path, &aside).unwrap();
        // The message appears without a request.
        dev.log_with("was removed or replaced");
        let response = again();
        // The built-in policies are in the folder, too.
        assert_eq!(
            (response.status, response.code().as_str()),
            (503, "STORE_UNAVAILABLE"),
            "{what}"
        );
        assert_eq!(used(), 403, "{what}");
        fs::rename(&aside, &path).unwrap();
        assert_eq!((used(), again().status), (200, 200), "{what}");
    }
    assert!(data.exists());
}

#[test]
fn every_problem_of_the_policies_folder_is_reported_at_the_start_and_at_each_change() {
    let home = TempDir::new().unwrap();
    let policies = home.path().join("policies");
    fs::create_dir(&policies).unwrap();
    let write = |name: &str, text: &str| fs::write(policies.join(name), text).unwrap();
    let rule = |profile: &str| {
        format!(
            "version: \"1\"\nrules:\n  - name: a\n    effect: allow\n    conditions:\n      \
             profiles: [{profile}]\n"
        )
    };
    write("main.yaml", &rule("production"));
    write("staging.yaml", "version: \"1\"\nrules:\n  - name: a\n    effect: alow\n");
    write("production.yaml", &rule("production"));
    write("broken.yml", "rules: [");
    write("bad name.yaml", "rules: [");
    write("README.md", "nothing");
    write("../shared.yaml", &rule("shared"));
    symlink("../shared.yaml", policies.join("shared.yaml")).unwrap();
    let folder = policies.to_str().unwrap().to_owned();
    let dev = Dev::start_logged(home, ":", &["--policies", &folder]);
    for expected in [
        format!("{folder}/staging.yaml:4:13"),
        format!("`{folder}/production.yaml` governs nothing"),
        format!("`{folder}/broken.yml` is never read: name it `broken.yaml`"),
        format!("`{folder}/bad name.yaml` is never read"),
        format!("cannot use `{folder}/shared.yaml`: refused: a link that leads out"),
    ] {
        dev.log_with(&expected);
    }
    assert!(!dev.log_with("never read").contains("README"));
    let vend = |profile: &str| {
        Request::new("GET", &format!("/?profile={profile}"), b"")
            .signed(dev.address, &dev.key("alice"), "execute-api")
            .send(dev.address)
            .code()
    };
    assert_eq!((vend("shared"), vend("staging")), ("POLICY_ERROR".into(), "POLICY_ERROR".into()));
    // The message about the request names the file too.
    assert!(!dev.log_with("a policy cannot be used").contains("--> /sentinel/policies"));
    for name in ["staging.yaml", "production.yaml", "broken.yml", "bad name.yaml", "shared.yaml"] {
        fs::remove_file(policies.join(name)).unwrap();
    }
    dev.log_with("no more problems");
    write("later.yaml", "version: \"1\"\nrules: []\nrule: []\n");
    assert!(dev.log_with(&format!("{folder}/later.yaml:3:1")).contains("unknown key"));
}

#[test]
fn one_client_cannot_occupy_every_connection() {
    let dev = Dev::start_logged(TempDir::new().unwrap(), ":", &[]);
    let body = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nprofile=";
    let served = "GET /downstream HTTP/1.1\r\nhost: x\r\n\r\n";
    for (what, sent) in
        [("a slow head", "GET / HTTP/1.1\r\nhost: "), ("a slow body", body), ("idle", served)]
    {
        let open: Vec<TcpStream> = (0..300)
            .map(|_| {
                let mut stream = TcpStream::connect(dev.address).unwrap();
                stream.write_all(sent.as_bytes()).unwrap();
                stream
            })
            .collect();
        // The connections would be closed after ten seconds anyway.
        let started = Instant::now();
        assert_eq!(vend(&dev, "alice").status, 200, "{what}");
        assert!(started.elapsed() < Duration::from_secs(8), "{what}: {:?}", started.elapsed());
        drop(open);
    }
    let log = dev.log_with("every connection is in use");
    assert!(log.matches("every connection is in use").count() < 10, "{log}");
}

#[test]
fn connections_that_cannot_be_accepted_are_logged_and_served_later() {
    let dev = Dev::start_logged(TempDir::new().unwrap(), ":", &[]);
    assert_eq!(vend(&dev, "alice").status, 200);
    limit(&dev, Resource::Nofile, Some(5));
    let mut waiting = TcpStream::connect(dev.address).unwrap();
    waiting.write_all(b"GET /downstream HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    dev.log_with("failed to accept a connection");
    limit(&dev, Resource::Nofile, Some(1024));
    let mut response = String::new();
    std::io::Read::read_to_string(&mut waiting, &mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
    assert_eq!(vend(&dev, "alice").status, 200);
    assert!(dev.log_with("failed").matches("failed to accept").count() < 5);
}

#[test]
fn too_few_open_files_are_reported() {
    let home = TempDir::new().unwrap();
    for files in [6, 8, 10, 12, 24, 79] {
        let mut command = Command::new("sh");
        let line = format!("ulimit -n {files}; exec \"$0\" dev --listen 127.0.0.1:0");
        let output = run(command
            .args(["-c", &line, env!("CARGO_BIN_EXE_sentinel")])
            .env("HOME", home.path()));
        assert_eq!(output.status, 3, "{files}: {}", output.stderr);
        assert!(output.stderr.contains("ulimit -n 512"), "{files}: {}", output.stderr);
        assert!(!output.stderr.contains("panicked"), "{files}: {}", output.stderr);
    }
}

#[test]
fn the_temporary_folder_is_removed_when_the_terminal_is_closed() {
    let home = TempDir::new().unwrap();
    let temporary = home.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let mut child = sentinel(home.path())
        .args(["dev", "--listen", "127.0.0.1:0", "--format", "json"])
        .env("TMPDIR", &temporary)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let out = child.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut ready).unwrap();
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 1);
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::HUP).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
}

#[test]
fn an_unusable_path_or_address_is_reported_with_a_remedy() {
    let home = TempDir::new().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("file"), "x").unwrap();
    let named = |arguments: &[&str], expected: &[&str]| {
        let output = refused(home.path(), arguments);
        for expected in expected {
            assert_eq!(output.stderr.matches(expected).count(), 1, "{expected}: {}", output.stderr);
        }
    };
    let data = path("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    for file in [path("file"), path("file/below")] {
        named(&["--data", &file], &["cannot use the data folder", &file]);
    }
    for folder in [path("none"), path("file")] {
        let expected = ["cannot read the policies folder", folder.as_str()];
        named(&["--data", &data, "--policies", &folder], &expected);
    }
    named(&["--identities", &path("none")], &[&path("none"), "No such file"]);
    fs::create_dir(path("data/credentials")).unwrap();
    named(&["--data", &data], &["cannot write the credentials file", &path("data/credentials")]);
    fs::remove_dir(path("data/credentials")).unwrap();
    fs::write(path("data/sentinel.redb"), "no database").unwrap();
    fs::set_permissions(path("data/sentinel.redb"), fs::Permissions::from_mode(0o600)).unwrap();
    named(&["--data", &data], &[&path("data/sentinel.redb"), "restore a copy of it"]);
    // An empty file, as `touch` creates it.
    fs::write(path("data/sentinel.redb"), "").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(sentinel(home.path()).args(["dev", "--data", &data, "--listen", &address]));
    assert_eq!(output.status, 3);
    assert!(output.stderr.contains("is empty: the server starts without"), "{}", output.stderr);
    assert!(
        output.stderr.contains(&address) && output.stderr.contains("--listen 127.0.0.1:0"),
        "{}",
        output.stderr
    );
    let output =
        run(sentinel(home.path()).args(["dev", "--allow-remote", "--listen", "203.0.113.1:1"]));
    assert!(output.stderr.contains("not an address of this machine"), "{}", output.stderr);
}

#[test]
fn a_fault_in_the_identities_is_reported_once_with_its_file() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("identities.yaml");
    let name = file.to_str().unwrap();
    for (text, message) in [
        ("- { name: a, arn: x }\n", "`x` is neither"),
        (
            "- { name: a, arn: \"arn:aws:iam::444455556666:user/a\", more: 1 }\n",
            "unknown field `more`",
        ),
        (
            "- { name: a, arn: \"arn:aws:iam::444455556666:user/a\" }\n\
             - { name: b, arn: \"arn:aws:iam::444455556666:user/a\" }\n",
            "`a` and `b` have the same ARN",
        ),
    ] {
        fs::write(&file, text).unwrap();
        let output = refused(home.path(), &["--identities", name]);
        for once in [message, name] {
            assert_eq!(output.stderr.matches(once).count(), 1, "{once}: {}", output.stderr);
        }
        assert!(!output.stderr.contains("<input>"), "{}", output.stderr);
    }
}
