//! Refreshes: a TVM that is away, refuses or hangs, and the caller's own credentials.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::{Running, decisions, dev, kill, until, write_policy};
use crate::running::Dev;
use crate::wire::Response;

fn expiration(response: &Response) -> DateTime<Utc> {
    response.json()["Expiration"].as_str().unwrap().parse().unwrap()
}

/// Waits until less than a third of their lifetime of `seconds` is left, so that the next request
/// refreshes them.
pub(super) fn wait_until_old(response: &Response, seconds: i64) {
    let old = expiration(response) - chrono::TimeDelta::milliseconds(seconds * 1000 / 3);
    until("the credentials are old", || Utc::now() > old);
}

#[test]
fn credentials_are_refreshed_across_many_expirations() {
    let dev = dev("6s");
    let exec = Running::exec(&dev, "");
    let mut ids = Vec::new();
    until("four credentials", || {
        let response = exec.fetch();
        assert_eq!(response.status, 200, "{response:?}");
        ids.push(response.json()["AccessKeyId"].as_str().unwrap().to_owned());
        ids.dedup();
        ids.len() >= 4
    });
    let vended = decisions(&dev);
    for id in ids {
        assert_eq!(vended.iter().filter(|record| record["access_key_id"] == id).count(), 1);
    }
}

#[test]
fn the_program_keeps_what_is_valid_while_the_tvm_hangs_and_gets_new_ones_afterwards() {
    let dev = dev("20s");
    let exec = Running::exec(&dev, "");
    let first = exec.fetch();
    kill("STOP", &dev.process().to_string());
    wait_until_old(&first, 20);
    while Utc::now() < expiration(&first) - chrono::TimeDelta::seconds(3) {
        let started = Instant::now();
        let response = exec.fetch();
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(response.body, first.body);
        // The AWS SDKs wait for one or two seconds; the rest is for a busy machine.
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        std::thread::sleep(Duration::from_millis(200));
    }
    kill("CONT", &dev.process().to_string());
    let mut next = exec.fetch();
    until("new credentials", || {
        next = exec.fetch();
        next.status == 200 && next.body != first.body
    });
    assert!(expiration(&next) > expiration(&first));
}

#[test]
fn a_program_that_ends_during_a_refresh_ends_the_command() {
    let dev = dev("15s");
    let mut exec = Running::exec(&dev, "exit 9");
    let first = exec.fetch();
    kill("STOP", &dev.process().to_string());
    wait_until_old(&first, 15);
    assert_eq!(exec.fetch().body, first.body);
    let started = Instant::now();
    exec.release();
    assert_eq!(exec.end().0, 9);
    assert!(started.elapsed() < Duration::from_secs(15), "it waited for the TVM");
    kill("CONT", &dev.process().to_string());
}

#[test]
fn a_refusal_reaches_the_program_and_is_written_once() {
    let dev = dev("6s");
    let mut exec = Running::exec(&dev, "");
    assert_eq!(exec.fetch().status, 200);
    write_policy(&dev.home.path().join("policies"), "deny", "6s");
    let mut refused = exec.fetch();
    until("it is refused", || {
        refused = exec.fetch();
        refused.status != 200
    });
    for _ in 0..3 {
        refused = exec.fetch();
        assert_eq!(refused.status, 403, "{refused:?}");
        let body = refused.json();
        assert_eq!((&body["code"], &body["Code"]), (&"POLICY_DENY".into(), &"POLICY_DENY".into()));
        let message = body["message"].as_str().unwrap();
        assert!(message.contains("(request "), "{message}");
        assert!(!message.contains("GET /"), "it names commands, not routes: {message}");
    }
    // An approval or another policy takes effect without a restart.
    write_policy(&dev.home.path().join("policies"), "allow", "6s");
    until("it is allowed", || exec.fetch().status == 200);
    exec.release();
    let (status, stderr) = exec.end();
    assert_eq!(status, 0);
    assert!(
        stderr.starts_with("warning: no credentials of `production`: POLICY_DENY: "),
        "{stderr}"
    );
    assert_eq!(stderr.matches("POLICY_DENY").count(), 1, "{stderr}");
}

/// Own credentials of alice from a program of the profile `me`.
struct OwnCredentials {
    /// What the program prints. Without it, the program fails.
    output: PathBuf,
    good: String,
    /// A line for each run.
    runs: PathBuf,
    /// The time that the program takes, for `sleep`.
    delay: PathBuf,
    config: PathBuf,
}

impl OwnCredentials {
    fn new(dev: &Dev) -> Self {
        let home = dev.home.path();
        let key = dev.key("alice");
        let [output, runs, delay, script, config] =
            ["output", "runs", "delay", "keys.sh", "config"].map(|name| home.join(name));
        let good = format!(
            "{{\"Version\":1,\"AccessKeyId\":\"{}\",\"SecretAccessKey\":\"{}\"}}",
            key.id, key.secret
        );
        std::fs::write(&output, &good).unwrap();
        std::fs::write(&delay, "0").unwrap();
        let text = format!(
            "#!/bin/sh\necho run >> {}\nsleep $(cat {})\ncat {} || {{ echo log in again >&2; exit \
             1; }}\n",
            runs.display(),
            delay.display(),
            output.display()
        );
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        let text = format!("[profile me]\ncredential_process = {}\n", script.display());
        std::fs::write(&config, text).unwrap();
        Self { output, good, runs, delay, config }
    }

    fn exec(&self, dev: &Dev) -> Running {
        let mut command = dev.client("me", "exec --profile production -- sh -c");
        command.arg(super::WAITING).env("AWS_CONFIG_FILE", &self.config);
        Running::connected(command)
    }

    fn runs(&self) -> usize {
        std::fs::read_to_string(&self.runs).unwrap().lines().count()
    }
}

#[test]
fn the_callers_own_credentials_are_loaded_again_for_each_vend() {
    let dev = dev("6s");
    let own = OwnCredentials::new(&dev);
    let exec = own.exec(&dev);
    assert_eq!(own.runs(), 1, "the first vend uses what was loaded at the start");
    let first = exec.fetch();
    until("a refresh", || exec.fetch().body != first.body);
    assert!(own.runs() >= 2);
    // The login has expired.
    std::fs::remove_file(&own.output).unwrap();
    let mut failed = exec.fetch();
    until("no credentials", || {
        failed = exec.fetch();
        failed.status != 200
    });
    assert_eq!(failed.status, 503, "{failed:?}");
    let message = failed.json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("cannot get AWS credentials to sign with: "), "{message}");
    assert!(message.contains("log in again"), "{message}");
    assert_eq!(message.matches("to sign with").count(), 1, "{message}");
    // The person logs in again, without a restart.
    std::fs::write(&own.output, &own.good).unwrap();
    until("credentials", || exec.fetch().status == 200);
}

#[test]
fn a_slow_source_of_the_callers_own_credentials_does_not_delay_the_program() {
    let dev = dev("24s");
    let own = OwnCredentials::new(&dev);
    let exec = own.exec(&dev);
    let first = exec.fetch();
    // Longer than an SDK waits.
    std::fs::write(&own.delay, "3").unwrap();
    wait_until_old(&first, 24);
    let started = Instant::now();
    assert_eq!(exec.fetch().body, first.body);
    assert!(started.elapsed() < Duration::from_secs(3), "it waited");
    let mut next = exec.fetch();
    until("new credentials", || {
        next = exec.fetch();
        next.body != first.body
    });
    assert_eq!(next.status, 200, "{next:?}");
    assert_eq!(own.runs(), 2);
    assert!(Utc::now() < expiration(&first), "the refresh waited for the expiration");
}
