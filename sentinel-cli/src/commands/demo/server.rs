//! The server of the demo: a child process of the same binary.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use sentinel_client::Endpoint;
use serde::Deserialize;
use serde_json::Value;

use crate::output::Failure;

/// Maximum time for the server to become ready, or to record a decision.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The process of the server. It is killed when it is dropped.
#[derive(Debug)]
struct Process {
    child: Child,
    lines: Receiver<String>,
}

/// A running `sentinel dev`.
#[derive(Debug)]
pub(super) struct Server {
    process: Process,
    pub(super) endpoint: Endpoint,
    pub(super) identities: HashMap<String, Credentials>,
}

#[derive(Deserialize)]
struct Ready {
    url: String,
    credentials_file: PathBuf,
    identities: Vec<ReadyIdentity>,
}

#[derive(Deserialize)]
struct ReadyIdentity {
    name: String,
}

impl Server {
    /// Starts the server on a free port with the data in that folder, and waits
    /// until it is ready.
    pub(super) fn start(data: &Path) -> Result<Self, Failure> {
        let cannot = |error| Failure::because("cannot start `sentinel dev`", error);
        let program = std::env::current_exe().map_err(cannot)?;
        let mut child = Command::new(program)
            .args(["dev", "--format", "json", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            // Only the server's own output is needed: the demo is about decisions.
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let lines = match child.stdout.take() {
            Some(stdout) => follow(stdout),
            None => return Err(Failure::other("`sentinel dev` has no output")),
        };
        let process = Process { child, lines };
        let ready: Ready = process.line().and_then(|line| {
            serde_json::from_str(&line)
                .map_err(|error| Failure::because("`sentinel dev` is not ready", error))
        })?;
        let endpoint = ready.url.parse().map_err(|error| {
            Failure::because("`sentinel dev` returned an invalid address", error)
        })?;
        let mut server = Self { process, endpoint, identities: HashMap::new() };
        let file = std::fs::read_to_string(&ready.credentials_file).map_err(cannot)?;
        for ReadyIdentity { name } in ready.identities {
            let credentials = section(&file, &name).ok_or_else(|| {
                Failure::other(format!("the credentials file has no access key of `{name}`"))
            })?;
            server.identities.insert(name, credentials);
        }
        Ok(server)
    }

    /// Kills the server without warning, as a power failure would.
    pub(super) fn kill(mut self) -> Result<(), Failure> {
        let child = &mut self.process.child;
        child.kill().map_err(|error| Failure::because("cannot kill `sentinel dev`", error))?;
        child.wait().map_err(|error| Failure::because("cannot kill `sentinel dev`", error))?;
        Ok(())
    }

    /// The record of the decision on a request. Records are in order.
    pub(super) fn record(&self, request_id: &str) -> Result<Value, Failure> {
        self.record_of("request_id", request_id)
    }

    /// The next record in which that member has that value.
    pub(super) fn record_of(&self, member: &str, value: &str) -> Result<Value, Failure> {
        let started = Instant::now();
        while started.elapsed() < TIMEOUT {
            let record: Value = serde_json::from_str(&self.process.line()?).unwrap_or_default();
            if record.get(member).and_then(Value::as_str) == Some(value) {
                return Ok(record);
            }
        }
        Err(Failure::other("the decision was not recorded"))
    }
}

impl Process {
    fn line(&self) -> Result<String, Failure> {
        self.lines.recv_timeout(TIMEOUT).map_err(|error| match error {
            RecvTimeoutError::Timeout => Failure::other("`sentinel dev` wrote no line in time"),
            RecvTimeoutError::Disconnected => Failure::other("`sentinel dev` ended early"),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already, which has the same effect.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reads lines until the end, so that the child never blocks on a full pipe.
fn follow(stdout: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// The access key in a section of an AWS credentials file.
fn section(file: &str, name: &str) -> Option<Credentials> {
    let header = format!("[{name}]");
    let values: HashMap<&str, &str> = file
        .lines()
        .skip_while(|line| *line != header)
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = "))
        .collect();
    let (id, secret) = (values.get("aws_access_key_id")?, values.get("aws_secret_access_key")?);
    Some(Credentials::new(*id, *secret, None, None, "sentinel demo"))
}
