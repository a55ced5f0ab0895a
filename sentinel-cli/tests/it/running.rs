//! Processes of the real binary: a command that runs to its end, and a server that
//! runs until it is dropped.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::wire::Key;

/// Maximum time for any action of a server on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The command, in an environment without the configuration of a user.
pub(crate) fn sentinel(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sentinel"));
    clean(&mut command, home);
    command
}

fn clean(command: &mut Command, home: &Path) {
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .stdin(Stdio::null());
}

/// The output and the status of a command that ended.
pub(crate) struct CommandOutput {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl CommandOutput {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {:?} {:?}", self.stdout, self.stderr))
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> CommandOutput {
    let Output { status, stdout, stderr } = command.output().unwrap();
    CommandOutput {
        status: status.code().unwrap(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// Runs the command with arguments that are separated by spaces, in an empty home
/// directory.
pub(crate) fn run_words(words: &str) -> CommandOutput {
    let home = TempDir::new().unwrap();
    run(sentinel(home.path()).args(words.split_whitespace()))
}

/// A running `sentinel dev`.
pub(crate) struct Dev {
    pub(crate) home: TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
    pub(crate) ready: Value,
    child: Child,
    lines: Receiver<String>,
    /// Its output on stderr so far, if the log is read.
    log: Arc<Mutex<String>>,
    /// Keeps the pipe open, whether or not it is read.
    _stdout: OwnedFd,
}

impl Dev {
    /// Starts a server with the example policies.
    pub(crate) fn start() -> Self {
        Self::start_in(TempDir::new().unwrap(), &[])
    }

    /// Starts a server with its data in `home`, and more arguments.
    pub(crate) fn start_in(home: TempDir, more: &[&str]) -> Self {
        Self::start_with(home, more, &[], usize::MAX)
    }

    /// Starts a server whose log is read, in a shell that runs `first` before it.
    pub(crate) fn start_logged(home: TempDir, first: &str, more: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{first}; exec \"$@\""), "sh"]);
        command.arg(env!("CARGO_BIN_EXE_sentinel"));
        clean(&mut command, home.path());
        command.stderr(Stdio::piped());
        Self::spawn(command, home, more, usize::MAX)
    }

    /// Starts a server with these environment variables.
    pub(crate) fn start_as(home: TempDir, more: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_with(home, more, variables, usize::MAX)
    }

    /// Starts a server with verbose output, of which only the ready line is read.
    pub(crate) fn start_unread() -> Self {
        Self::start_with(TempDir::new().unwrap(), &[], &[], 1)
    }

    fn start_with(
        home: TempDir,
        more: &[&str],
        variables: &[(&str, &str)],
        lines_read: usize,
    ) -> Self {
        let mut command = sentinel(home.path());
        command.envs(variables.iter().copied()).env("RUST_LOG", "off");
        if lines_read < usize::MAX {
            command.env("RUST_LOG", "debug").stderr(Stdio::piped());
        }
        Self::spawn(command, home, more, lines_read)
    }

    fn spawn(mut command: Command, home: TempDir, more: &[&str], lines_read: usize) -> Self {
        command
            .args(["dev", "--format", "json", "--listen", "127.0.0.1:0", "--data"])
            .arg(home.path().join("data"))
            .args(more)
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Arc::<Mutex<String>>::default();
        if lines_read == usize::MAX
            && let Some(stderr) = child.stderr.take()
        {
            let log = Arc::clone(&log);
            std::thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let mut log = log.lock().unwrap();
                    log.push_str(&line);
                    log.push('\n');
                }
            });
        }
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = channel();
        let unread = stdout.as_fd().try_clone_to_owned().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok).take(lines_read) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let ready: Value = serde_json::from_str(&lines.recv_timeout(TIMEOUT).unwrap()).unwrap();
        let url = ready["url"].as_str().unwrap().to_owned();
        let address = url.strip_prefix("http://").unwrap().parse().unwrap();
        Self { home, address, url, ready, child, lines, log, _stdout: unread }
    }

    /// Its log, as soon as the log contains the text.
    pub(crate) fn log_with(&self, text: &str) -> String {
        let end = Instant::now() + TIMEOUT;
        loop {
            let log = self.log.lock().unwrap().clone();
            if log.contains(text) {
                return log;
            }
            assert!(Instant::now() < end, "no `{text}` in the log: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn credentials_file(&self) -> PathBuf {
        self.ready["credentials_file"].as_str().unwrap().into()
    }

    pub(crate) fn policies(&self) -> PathBuf {
        self.home.path().join("data/policies")
    }

    /// The access key of an identity.
    pub(crate) fn key(&self, name: &str) -> Key {
        let file = std::fs::read_to_string(self.credentials_file()).unwrap();
        let section = file.split_once(&format!("[{name}]\n")).unwrap().1;
        let value = |key: &str| {
            let line = section.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_once(" = ").unwrap().1.to_owned()
        };
        Key { id: value("aws_access_key_id"), secret: value("aws_secret_access_key"), token: None }
    }

    /// The command, with the credentials of an identity, for this server.
    pub(crate) fn client(&self, name: &str, words: &str) -> Command {
        let mut command = sentinel(self.home.path());
        command
            .env("AWS_SHARED_CREDENTIALS_FILE", self.credentials_file())
            .env("AWS_PROFILE", name)
            .env("SENTINEL_TVM_URL", &self.url)
            .args(words.split_whitespace());
        command
    }

    /// Runs the command with the credentials of an identity.
    pub(crate) fn run(&self, name: &str, words: &str) -> CommandOutput {
        run(&mut self.client(name, words))
    }

    /// The next record that the server writes.
    pub(crate) fn record(&self) -> Value {
        serde_json::from_str(&self.lines.recv_timeout(TIMEOUT).unwrap()).unwrap()
    }

    /// All records that the server has written, after it has responded to all
    /// requests.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.lines.try_iter().map(|line| serde_json::from_str(&line).unwrap()).collect()
    }

    /// All lines that the server has written, as it wrote them, after it has responded to all requests.
    pub(crate) fn raw_records(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    /// Sends a signal by its name, waits for the end, and returns the status.
    pub(crate) fn end(mut self, signal: &str) -> (Option<i32>, TempDir) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let home = std::mem::replace(&mut self.home, TempDir::new().unwrap());
        (status.code(), home)
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
