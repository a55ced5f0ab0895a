//! AWS emulators that are started for a test and stopped after it. Each is a separate process on a
//! free loopback port. The tests that use an emulator must allow for its differences from AWS.
//!
//! Not in this module: what the emulators lack (a strict STS), and fault injection (the proxy).

use std::{
    collections::HashMap,
    env, fmt, fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use aws_types::SdkConfig;
use rustix::process::{Pid, Signal, kill_process_group};
use sentinel_store::aws;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Mutex,
    time::{sleep, timeout},
};

/// An AWS emulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// DynamoDB, SSM, STS, IAM, Lambda and API Gateway. It verifies signatures and evaluates
    /// identity policies.
    Ministack,
    /// DynamoDB, SSM and many other services. A second implementation to compare with.
    Moto,
    /// DynamoDB with the strictest validation of requests. It has no transactions and no time to
    /// live. It needs Node, so it may not be installed.
    Dynalite,
}

/// Why an emulator is not available.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// It is not installed.
    #[error(
        "`{}` is not installed: run `make test`, which installs it, or set SENTINEL_TOOLS to its folder", .0.display()
    )]
    Missing(PathBuf),
    /// It cannot be started.
    #[error("cannot start {0}")]
    Start(&'static str, #[source] io::Error),
    /// It did not respond, or it ended.
    #[error("{0} does not respond; its output:\n{1}")]
    Silent(&'static str, String),
    /// Its client configuration cannot be created.
    #[error("cannot configure a client of the emulator")]
    Configuration,
}

/// Access key id of the account's root. The secret key has the same value.
pub const ROOT_KEY: &str = "test";

/// The account id that ministack uses.
const ACCOUNT: &str = "111122223333";

/// Maximum time for an emulator to start, on a machine that runs builds at the same time.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Number of attempts, each with another port, because another process may take the port first.
const ATTEMPTS: usize = 3;

/// moto checks a condition and then writes, and another thread can write in between, so several
/// writes with the same condition succeed. With a single thread, no write can come in between.
const ONE_THREAD: &str = "\
import moto.server as server
run = server.run_simple
server.run_simple = lambda *given, **named: run(*given, **{**named, 'threaded': False})
server.main()
";

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Ministack => "ministack",
            Self::Moto => "moto_server",
            Self::Dynalite => "dynalite",
        }
    }

    fn program(self) -> PathBuf {
        let tools = tools();
        match self {
            Self::Ministack | Self::Moto => tools.join("venv/bin").join(self.name()),
            Self::Dynalite => tools.join("node/node_modules/.bin").join(self.name()),
        }
    }

    /// Whether it is installed.
    #[must_use]
    pub fn is_installed(self) -> bool {
        self.program().exists()
    }

    /// The program and its arguments.
    fn command(self, port: u16) -> (PathBuf, Vec<String>) {
        let (before, arguments) = match self {
            Self::Ministack => (None, String::new()),
            Self::Moto => (Some(ONE_THREAD), format!("-H 127.0.0.1 -p {port}")),
            Self::Dynalite => (None, format!("--host 127.0.0.1 --port {port} --createTableMs 0")),
        };
        let arguments = arguments.split_whitespace().map(str::to_owned);
        match before {
            None => (self.program(), arguments.collect()),
            Some(code) => {
                let before = ["-c".to_owned(), code.to_owned()];
                let python = self.program().with_file_name("python");
                (python, before.into_iter().chain(arguments).collect())
            }
        }
    }

    fn environment(self, port: u16) -> Vec<(&'static str, String)> {
        match self {
            Self::Ministack => vec![
                ("AUTH", "true".to_owned()),
                ("MINISTACK_ACCOUNT_ID", ACCOUNT.to_owned()),
                ("BIND_HOST", "127.0.0.1".to_owned()),
                ("GATEWAY_PORT", port.to_string()),
            ],
            Self::Moto | Self::Dynalite => Vec::new(),
        }
    }
}

/// Folder of the emulators: `SENTINEL_TOOLS`, or `.tools` next to the workspace's manifest.
fn tools() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    env::var_os("SENTINEL_TOOLS").map_or_else(|| workspace.join(".tools"), PathBuf::from)
}

/// A running emulator. It stops when this value is dropped, and also when the process that owns it
/// ends in any other way.
pub struct Emulator {
    kind: Kind,
    port: u16,
    child: Child,
    /// When this pipe closes, the shell around the emulator stops the emulator.
    life: Option<ChildStdin>,
    output: tempfile::TempDir,
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("kind", &self.kind).field("port", &self.port).finish()
    }
}

impl Emulator {
    /// Starts an emulator and waits until it responds.
    ///
    /// # Errors
    /// If it is not installed, cannot be started, or does not respond.
    pub async fn start(kind: Kind) -> Result<Self, EmulatorError> {
        let program = kind.program();
        if !program.exists() {
            return Err(EmulatorError::Missing(program));
        }
        let mut attempt = 1;
        loop {
            let mut emulator =
                Self::spawn(kind).map_err(|error| EmulatorError::Start(kind.name(), error))?;
            if emulator.answers().await {
                return Ok(emulator);
            }
            if attempt == ATTEMPTS {
                return Err(EmulatorError::Silent(kind.name(), emulator.output()));
            }
            attempt += 1;
        }
    }

    /// An emulator that concurrent tests share. It starts for the first of them and stops after the
    /// last. Each test uses its own names of tables and parameters.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn shared(kind: Kind) -> Result<Arc<Self>, EmulatorError> {
        static RUNNING: Mutex<Option<HashMap<Kind, Weak<Emulator>>>> = Mutex::const_new(None);
        let mut running = RUNNING.lock().await;
        let running = running.get_or_insert_default();
        if let Some(emulator) = running.get(&kind).and_then(Weak::upgrade) {
            return Ok(emulator);
        }
        let emulator = Arc::new(Self::start(kind).await?);
        running.insert(kind, Arc::downgrade(&emulator));
        Ok(emulator)
    }

    fn spawn(kind: Kind) -> io::Result<Self> {
        // The port is free when it is chosen. If another process takes it before the emulator does,
        // the emulator ends, and another port is tried.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let (program, arguments) = kind.command(port);
        let output = tempfile::tempdir()?;
        let file = fs::File::create(output.path().join("output"))?;
        // The shell reads until this process closes the pipe: by dropping it, or by ending for any
        // reason.
        let guard = r#"exec 3<&0; "$@" </dev/null 3<&- & child=$!; (read -r _ <&3; kill -9 0) & wait $child"#;
        let mut child = Command::new("/bin/sh")
            .args(["-c", guard, "sh"])
            .arg(program)
            .args(arguments)
            .envs(kind.environment(port))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .current_dir(output.path())
            .stdin(Stdio::piped())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()?;
        let life = child.stdin.take();
        Ok(Self { kind, port, child, life, output })
    }

    /// Waits until it responds. Returns `false` if it ended.
    async fn answers(&mut self) -> bool {
        let end = Instant::now() + TIMEOUT;
        while Instant::now() < end {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return false;
            }
            if let Ok(Ok(true)) = timeout(Duration::from_secs(2), self.reports_its_start()).await {
                return true;
            }
            sleep(Duration::from_millis(50)).await;
        }
        false
    }

    async fn reports_its_start(&self) -> io::Result<bool> {
        let mut stream = TcpStream::connect(self.address()).await?;
        stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await?;
        Ok(answer == *b"HTTP/")
    }

    fn output(&self) -> String {
        fs::read_to_string(self.output.path().join("output")).unwrap_or_default()
    }

    /// Closes the pipe, as the end of this process would.
    pub fn abandon(&mut self) {
        drop(self.life.take());
    }

    /// The address on which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The endpoint for AWS clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// A configuration for clients that use the account's root. It has its own connections, because
    /// a connection pool must not outlive the test's runtime.
    ///
    /// # Errors
    /// None are known.
    pub fn config(&self) -> Result<SdkConfig, EmulatorError> {
        config(&self.url(), ROOT_KEY, ROOT_KEY)
    }
}

/// A configuration for clients of this endpoint, with these keys, in the region `us-east-1`.
///
/// # Errors
/// None are known.
pub fn config(url: &str, key: &str, secret: &str) -> Result<SdkConfig, EmulatorError> {
    let variable = |name: &str| {
        let value = match name {
            "AWS_REGION" => "us-east-1",
            "AWS_ACCESS_KEY_ID" => key,
            "AWS_SECRET_ACCESS_KEY" => secret,
            "AWS_ENDPOINT_URL" => url,
            _ => return None,
        };
        Some(value.to_owned())
    };
    aws::config(variable, aws::http_client()).map_err(|_| EmulatorError::Configuration)
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.life.take());
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // The process may have ended already.
            let _gone = kill_process_group(group, Signal::KILL);
        }
        let _status = self.child.wait();
    }
}
