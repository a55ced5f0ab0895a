//! `sentinel exec`: real children, and requests to the endpoint that they get.

mod endpoint;
mod process;
mod refresh;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::running::Dev;
use crate::wire::{Request, Response};

/// Maximum time for anything on a busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// Prints where the endpoint is, and waits for a line. The default child.
const WAITING: &str = "echo \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"; \
                       echo \"$AWS_CONTAINER_AUTHORIZATION_TOKEN\"; read line";

/// Starts a server whose policy allows alice `production` for that time.
pub(crate) fn dev(max_duration: &str) -> Dev {
    let home = TempDir::new().unwrap();
    let policies = home.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    let text = policy("allow", max_duration);
    std::fs::write(policies.join("production.yaml"), text).unwrap();
    let folder = policies.to_str().unwrap().to_owned();
    Dev::start_in(home, &["--policies", &folder, "--caller-rate", "0"])
}

fn policy(effect: &str, max_duration: &str) -> String {
    format!(
        "version: \"1\"\nrules:\n  - name: only\n    effect: {effect}\n    reason: ask carol\n    \
         max_duration: {max_duration}\n"
    )
}

/// The number of decisions so far.
pub(crate) fn decisions(dev: &Dev) -> Vec<Value> {
    dev.records().into_iter().filter(|record| record.get("effect").is_some()).collect()
}

/// A command that serves and whose output is read.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Receiver<String>,
    address: Option<SocketAddr>,
    target: String,
    pub(crate) token: String,
}

impl Running {
    /// Runs a shell script, which first prints the URL and the token.
    pub(crate) fn exec(dev: &Dev, script: &str) -> Self {
        let mut command = dev.client("alice", "exec --profile production -- sh -c");
        command.arg(format!("{WAITING}; {script}"));
        Self::connected(command)
    }

    /// `exec` with a limit of open files, for a program that does nothing.
    pub(crate) fn exec_with_open_files(dev: &Dev, limit: u32) -> Self {
        let exec = dev.client("alice", "exec --profile production -- sh -c");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -S -n {limit}; exec \"$0\" \"$@\"")]);
        command.arg(exec.get_program()).args(exec.get_args()).arg(WAITING);
        command.env_clear().envs(exec.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self::connected(command)
    }

    /// A command whose first lines are the URL and the token.
    pub(crate) fn connected(command: Command) -> Self {
        let mut running = Self::start(command);
        let url = running.line();
        let (address, profile) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        running.address = Some(address.parse().unwrap());
        running.target = format!("/{profile}");
        running.token = running.line();
        running
    }

    pub(crate) fn start(command: Command) -> Self {
        let mut command = with_default_signals(&command);
        // In its own process group: the group of these tests can be in the foreground of a terminal.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.take();
        let lines = read(child.stdout.take().unwrap());
        let errors = read(child.stderr.take().unwrap());
        let (address, target, token) = (None, String::new(), String::new());
        Self { child, stdin, lines, errors, address, target, token }
    }

    /// The next line of its output.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(TIMEOUT).unwrap_or_else(|_| panic!("no output: {}", self.stderr()))
    }

    /// What it has written to stderr so far.
    pub(crate) fn stderr(&self) -> String {
        self.errors.try_iter().collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// A valid request.
    pub(crate) fn request(&self) -> Request {
        Request::new("GET", &self.target, b"")
            .with("host", &self.address().to_string())
            .with("authorization", &self.token)
    }

    pub(crate) fn fetch(&self) -> Response {
        self.request().send(self.address())
    }

    /// Sends a signal to this process, not to its child.
    pub(crate) fn signal(&self, name: &str) {
        kill(name, &self.child.id().to_string());
    }

    /// Sends a signal to this process and its child.
    pub(crate) fn signal_group(&self, name: &str) {
        kill(name, &format!("-{}", self.child.id()));
    }

    /// Lets the child end.
    pub(crate) fn release(&mut self) {
        self.stdin.take().unwrap().write_all(b"go\n").unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end, and returns its exit status.
    pub(crate) fn end(mut self) -> (i32, String) {
        let deadline = Instant::now() + TIMEOUT;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => assert!(Instant::now() < deadline, "it does not end"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.signal(), None);
        let errors: Vec<String> = self.errors.iter().collect();
        (status.code().unwrap(), errors.join("\n"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(
            Command::new("kill")
                .args(["-s", "KILL", "--", &format!("-{}", self.child.id())])
                .output(),
        );
        drop(self.child.wait());
    }
}

/// The same command, which ignores no signal, even if these tests ignore some (`nohup`).
fn with_default_signals(command: &Command) -> Command {
    let script = "import os, signal, sys\n\
                  for number in (1, 2, 3, 10, 12, 15): signal.signal(number, signal.SIG_DFL)\n\
                  os.execvp(sys.argv[1], sys.argv[1:])";
    let mut wrapped = Command::new("python3");
    wrapped.args(["-c", script]).arg(command.get_program()).args(command.get_args());
    wrapped.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    wrapped
}

pub(crate) fn kill(signal: &str, process: &str) {
    let done = Command::new("kill").args(["-s", signal, "--", process]).status().unwrap();
    assert!(done.success(), "{signal} {process}");
}

fn read(output: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

/// Waits until a condition holds.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process is stopped.
pub(crate) fn is_stopped(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    let output = || {
        let done = Command::new("ps").args(["-o", "state=", "-p", &process.to_string()]).output();
        String::from_utf8(done.unwrap().stdout).unwrap()
    };
    let state = match &stat {
        Ok(stat) => stat.rsplit(") ").next().unwrap().to_owned(),
        Err(_) => output(),
    };
    state.trim().starts_with(['T', 't'])
}

/// Replaces a policy.
pub(crate) fn write_policy(folder: &Path, effect: &str, max_duration: &str) {
    let new = folder.join("new");
    std::fs::write(&new, policy(effect, max_duration)).unwrap();
    std::fs::rename(new, folder.join("production.yaml")).unwrap();
}
