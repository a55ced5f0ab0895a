//! `sentinel request --wait`: how it ends, what it shows, and what it survives.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::running::{CommandOutput, Dev};
use crate::terminal::{Terminal, start};

/// Maximum time for any step on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

const REQUEST: &str = "request --profile production --reason deploy --wait";

/// A command that waits, and what it has written to stderr so far.
struct Waiting {
    child: Child,
    stderr: Arc<Mutex<String>>,
    reader: std::thread::JoinHandle<()>,
}

impl Waiting {
    fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = Arc::<Mutex<String>>::default();
        let (mut stream, text) = (child.stderr.take().unwrap(), Arc::clone(&stderr));
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                text.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
        });
        Self { child, stderr, reader }
    }

    /// Its stderr, as soon as it contains `part`.
    fn with(&self, part: &str) -> String {
        let end = Instant::now() + TIMEOUT;
        loop {
            let text = self.stderr.lock().unwrap().clone();
            if text.contains(part) {
                return text;
            }
            assert!(Instant::now() < end, "no `{part}` in {text}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The id of the request that it waits for.
    fn id(&self) -> String {
        let text = self.with("waiting for a decision on `request-");
        let (_, rest) = text.split_once("decision on `").unwrap();
        rest.split_once('`').unwrap().0.to_owned()
    }

    fn end(self) -> CommandOutput {
        let output = self.child.wait_with_output().unwrap();
        self.reader.join().unwrap();
        CommandOutput {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: self.stderr.lock().unwrap().clone(),
        }
    }
}

fn state(dev: &Dev, id: &str) -> Value {
    dev.run("bob", &format!("requests show {id} --format json")).json()["state"].clone()
}

#[test]
fn an_approval_ends_the_wait_with_0_and_a_denial_and_a_cancellation_with_1() {
    let dev = Dev::start();
    for (name, words, ends) in [
        ("alice", "deny", "denied"),
        ("bob", "cancel", "cancelled"),
        ("alice", "approve", "approved"),
    ] {
        let waiting = Waiting::start(&mut dev.client("bob", &format!("{REQUEST} --format json")));
        let id = waiting.id();
        let line = waiting.with(" until the deadline");
        assert!(line.contains("1 approval is missing: ") && line.contains(" elapsed, 23 h 59 min"));
        assert_eq!(dev.run(name, &format!("{words} {id}")).status, 0);
        let output = waiting.end();
        assert_eq!(output.status, i32::from(ends != "approved"), "{words}: {}", output.stderr);
        assert_eq!((&output.json()["id"], &output.json()["state"]), (&id.into(), &ends.into()));
        // Without a change, a second line is written only after a long time.
        assert_eq!(output.stderr.matches("elapsed").count(), 1, "{}", output.stderr);
    }
    assert_eq!(dev.run("bob", "credentials --profile production --no-cache").status, 0);
}

#[test]
fn a_request_without_a_decision_ends_the_wait_with_1_at_its_deadline() {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("served");
    std::fs::create_dir(&folder).unwrap();
    let policy = "version: \"1\"\nrules:\n  - { name: ask, effect: require_approval, conditions: { \
                  profiles: [main] } }\napprovals:\n  - { name: leads, profiles: [main], approvers: \
                  [alice], deadline: 4s }\n";
    std::fs::write(folder.join("main.yaml"), policy).unwrap();
    let folder = folder.to_str().unwrap().to_owned();
    let dev = Dev::start_in(home, &["--policies", &folder]);
    let words = "request --profile main --reason deploy --wait --format json";
    let output = Waiting::start(&mut dev.client("bob", words)).end();
    assert_eq!(
        (output.status, &output.json()["state"]),
        (1, &"expired".into()),
        "{}",
        output.stderr
    );
}

#[test]
fn a_pending_request_is_found_and_waited_for() {
    let dev = Dev::start();
    let first = dev.run("bob", "request --profile production --reason deploy --format json").json();
    let id = first["id"].as_str().unwrap();
    let again = Waiting::start(&mut dev.client("bob", REQUEST));
    let without_reason =
        Waiting::start(&mut dev.client("bob", "request --profile production --wait"));
    assert_eq!((again.id().as_str(), without_reason.id().as_str()), (id, id));
    again.with("you have a pending request for `production` already");
    // Another caller's request is not found.
    let other = dev.run("alice", "request --profile production --wait");
    assert_eq!(other.status, 2, "{}", other.stderr);
    assert!(other.stderr.contains("no pending request for `production`"), "{}", other.stderr);
    assert_eq!(dev.run("alice", &format!("approve {id}")).status, 0);
    for waiting in [again, without_reason] {
        let output = waiting.end();
        assert_eq!(output.status, 0, "{}", output.stderr);
        let next = "get credentials with `sentinel credentials --profile production`";
        assert!(output.stderr.contains(next), "{}", output.stderr);
    }
}

#[test]
fn a_signal_and_a_timeout_end_the_wait_with_3_and_the_request_remains_pending() {
    let dev = Dev::start();
    let mut id = String::new();
    for signal in [Some(Signal::INT), Some(Signal::TERM), None] {
        let words = match signal {
            Some(_) => REQUEST.to_owned(),
            None => format!("{REQUEST} --wait-timeout 2s"),
        };
        let waiting = Waiting::start(&mut dev.client("bob", &words));
        id = waiting.id();
        waiting.with("until the deadline");
        if let Some(signal) = signal {
            let process = Pid::from_raw(i32::try_from(waiting.child.id()).unwrap()).unwrap();
            kill_process(process, signal).unwrap();
        }
        let output = waiting.end();
        assert_eq!((output.status, output.stdout.as_str()), (3, ""), "{}", output.stderr);
        let why = if signal.is_some() { "interrupted" } else { "not decided within 2 s" };
        let message = format!(
            "error: {why}: the request remains pending; cancel it with `sentinel cancel {id}`"
        );
        assert!(output.stderr.contains(&message), "{}", output.stderr);
        assert_eq!(state(&dev, &id), "pending");
    }
    assert_eq!(dev.run("bob", &format!("cancel {id}")).status, 0);
}

#[test]
fn an_approval_for_later_names_its_beginning() {
    let dev = Dev::start();
    let later = (chrono::Utc::now() + chrono::TimeDelta::hours(3)).to_rfc3339();
    let waiting =
        Waiting::start(&mut dev.client("bob", &format!("{REQUEST} --not-before {later}")));
    assert_eq!(dev.run("alice", &format!("approve {}", waiting.id())).status, 0);
    let output = waiting.end();
    assert_eq!(output.status, 0, "{}", output.stderr);
    assert!(output.stderr.contains("the approval is valid from 2"), "{}", output.stderr);
    assert!(output.stderr.contains("(in 2 h) on"), "{}", output.stderr);
}

/// A server in front of another one, which can be away: it then closes every connection.
struct Gate {
    address: SocketAddr,
    is_away: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Gate {
    fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (is_away, open) =
            (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<TcpStream>>>::default());
        let (away, streams) = (Arc::clone(&is_away), Arc::clone(&open));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                if away.load(Ordering::SeqCst) {
                    continue;
                }
                let server = TcpStream::connect(server).unwrap();
                let both = [stream.try_clone().unwrap(), server.try_clone().unwrap()];
                streams.lock().unwrap().extend(both);
                for (mut from, mut to) in
                    [(stream.try_clone().unwrap(), server.try_clone().unwrap()), (server, stream)]
                {
                    std::thread::spawn(move || {
                        let mut buffer = [0; 4096];
                        while let Ok(read @ 1..) = from.read(&mut buffer) {
                            if to.write_all(&buffer[..read]).is_err() {
                                break;
                            }
                        }
                        drop(to.shutdown(Shutdown::Both));
                    });
                }
            }
        });
        Self { address, is_away, open }
    }

    fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
        if is_away {
            for stream in self.open.lock().unwrap().drain(..) {
                drop(stream.shutdown(Shutdown::Both));
            }
        }
    }
}

#[test]
fn a_tvm_that_is_away_for_a_while_does_not_end_the_wait() {
    let dev = Dev::start();
    let gate = Gate::before(dev.address);
    let mut command = dev.client("bob", REQUEST);
    command.env("SENTINEL_TVM_URL", format!("http://{}", gate.address));
    let waiting = Waiting::start(&mut command);
    let id = waiting.id();
    waiting.with("until the deadline");
    gate.set_away(true);
    let text = waiting.with("this command continues to wait");
    assert!(text.contains("warning: cannot reach http://"), "{text}");
    assert_eq!(dev.run("alice", &format!("approve {id}")).status, 0);
    gate.set_away(false);
    let output = waiting.end();
    assert_eq!(output.status, 0, "{}", output.stderr);
    assert!(output.stderr.contains("the TVM responds again"), "{}", output.stderr);
    assert_eq!(output.stderr.matches("continues to wait").count(), 1, "{}", output.stderr);
}

#[test]
fn a_terminal_shows_the_progress_on_one_line_that_is_replaced_and_removed() {
    let dev = Dev::start();
    let mut terminal = Terminal::new(80);
    let mut command = dev.client("bob", REQUEST);
    command
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(terminal.stdio());
    let child = start(&mut command);
    let line = "\r\u{1b}[K1 approval is missing: ";
    let text = terminal.with(line);
    let (_, rest) = text.split_once("decision on `").unwrap();
    let id = rest.split_once('`').unwrap().0.to_owned();
    let shown = terminal.until(|text| 2 < text.matches(line).count());
    assert!(shown.contains(" s elapsed, 23 h 59 min until the deadline"), "{shown:?}");
    assert_eq!(dev.run("alice", &format!("approve {id}")).status, 0);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("state        approved"));
    let text = terminal.all();
    assert!(!text.contains("deadline\n"), "{text:?}");
    let (_, after) = text.rsplit_once("deadline").unwrap();
    assert!(after.starts_with("\r\u{1b}[Kget credentials"), "{after:?}");
}
