//! The Runtime API of AWS Lambda, for a function under test. The program runs as a child process
//! with an environment like Lambda's. It receives one event after another, and its answers, its
//! output and its memory can be read.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>
//!
//! Not included: API Gateway in front of a function, and the freezing between two events.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// The ARN by which functions are invoked, unless another is set.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:111122223333:function:under-test";

/// Prefix of every path of the API.
const VERSION: &str = "/2018-06-01/runtime/";

/// A function that does not request an event, or answer one, within this time is considered hung.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How a function is run.
#[derive(Clone, Debug)]
pub struct Start {
    /// The program.
    pub program: PathBuf,
    /// A program that runs it, with its arguments. Empty if no program runs it.
    pub runner: Vec<String>,
    /// Its environment, in addition to what Lambda sets in every function. Nothing is inherited.
    pub variables: Vec<(String, String)>,
    /// The ARN by which it is invoked.
    pub arn: String,
    /// Maximum duration of an event.
    pub timeout: Duration,
}

impl Start {
    /// This program, with only the variables that Lambda sets.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            runner: Vec::new(),
            variables: Vec::new(),
            arn: FUNCTION_ARN.to_owned(),
            timeout: Duration::from_secs(30),
        }
    }

    /// Adds a variable.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Runs the program under another one, for example valgrind.
    #[must_use]
    pub fn under<I: Into<String>>(mut self, runner: impl IntoIterator<Item = I>) -> Self {
        self.runner = runner.into_iter().map(Into::into).collect();
        self
    }

    fn command(&self) -> Command {
        match self.runner.split_first() {
            None => Command::new(&self.program),
            Some((runner, arguments)) => {
                let mut command = Command::new(runner);
                command.args(arguments).arg(&self.program);
                command
            }
        }
    }
}

/// The result of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvocationResult {
    /// It answered.
    Response(Value),
    /// It answered with an error: the JSON that Lambda forwards, with `errorType` and
    /// `errorMessage`.
    Error(Value),
}

impl InvocationResult {
    /// The answer; `None` for an error.
    #[must_use]
    pub const fn response(&self) -> Option<&Value> {
        match self {
            Self::Response(value) => Some(value),
            Self::Error(_) => None,
        }
    }

    /// The message of an error; `None` for an answer.
    #[must_use]
    pub fn error_message(&self) -> Option<&str> {
        match self {
            Self::Response(_) => None,
            Self::Error(value) => value.get("errorMessage").and_then(Value::as_str),
        }
    }
}

/// The memory of a process, in kibibytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The current memory (VmRSS).
    pub resident: u64,
    /// The peak memory (VmHWM).
    pub peak: u64,
}

/// A running function. It ends when this value is dropped.
#[derive(Debug)]
pub struct Function {
    start: Start,
    child: Child,
    started: Instant,
    api: Arc<Api>,
    server: JoinHandle<()>,
    output: TempDir,
    invocations: u64,
}

/// What the server and the test share.
#[derive(Debug, Default)]
struct Api {
    state: Mutex<State>,
    /// The function polled, or there is an event.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    first_poll: Option<Instant>,
    /// The event that the function has not requested yet.
    waiting: Option<Invocation>,
    /// The receivers of the answers, by request id.
    answers: HashMap<String, oneshot::Sender<InvocationResult>>,
    init_error: Option<Value>,
}

#[derive(Debug)]
struct Invocation {
    request_id: String,
    deadline_ms: u128,
    arn: String,
    payload: Bytes,
}

impl Function {
    /// Starts a function. It has not requested an event yet: see [`Function::first_poll`].
    ///
    /// # Errors
    /// If the server or the program cannot be started.
    pub async fn start(start: Start) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let api = Arc::new(Api::default());
        let server = tokio::spawn(Arc::clone(&api).serve(listener));
        let output = TempDir::new()?;
        let mut command = start.command();
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "under-test")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "7")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/under-test")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/25/[7]0123456789abcdef")
            .envs(start.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            // Files, so that everything that was written before an answer can be read when the
            // answer arrives.
            .stdout(File::create(output.path().join("stdout"))?)
            .stderr(File::create(output.path().join("stderr"))?)
            .kill_on_drop(true);
        let started = Instant::now();
        let child = command.spawn()?;
        Ok(Self { start, child, started, api, server, output, invocations: 0 })
    }

    /// Waits for the first request for an event. Returns the time from before the program was
    /// executed until then.
    ///
    /// # Errors
    /// If the function ends before that, or never requests an event.
    pub async fn first_poll(&mut self) -> io::Result<Duration> {
        let (api, started) = (Arc::clone(&self.api), self.started);
        let polled = async {
            loop {
                let changed = api.changed.notified();
                if let Some(first_poll) = api.state().first_poll {
                    return first_poll.duration_since(started);
                }
                changed.await;
            }
        };
        self.unless_it_ends(polled).await
    }

    /// Sends an event and waits for the result.
    ///
    /// # Errors
    /// If the function ends instead, or hangs.
    pub async fn invoke(&mut self, event: &Value) -> io::Result<InvocationResult> {
        self.invoke_bytes(event.to_string()).await
    }

    /// Like [`invoke`](Self::invoke), for a payload that need not be JSON.
    ///
    /// # Errors
    /// If the function ends instead, or hangs.
    pub async fn invoke_bytes(
        &mut self,
        payload: impl Into<Bytes>,
    ) -> io::Result<InvocationResult> {
        self.invocations += 1;
        let request_id = format!("8476a536-e9f4-11e8-9739-{:012}", self.invocations);
        let deadline = SystemTime::now() + self.start.timeout;
        let deadline_ms = deadline.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis());
        let arn = self.start.arn.clone();
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.api.state();
            state.answers.insert(request_id.clone(), answer);
            state.waiting =
                Some(Invocation { request_id, deadline_ms, arn, payload: payload.into() });
        }
        self.api.changed.notify_waiters();
        let answered = self.unless_it_ends(answered).await?;
        answered.map_err(|_| io::Error::other("the event was dropped"))
    }

    /// What it has written to standard output.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn stdout(&self) -> io::Result<String> {
        std::fs::read_to_string(self.output.path().join("stdout"))
    }

    /// What it has written to standard error.
    ///
    /// # Errors
    /// If the output cannot be read.
    pub fn stderr(&self) -> io::Result<String> {
        std::fs::read_to_string(self.output.path().join("stderr"))
    }

    /// Its memory.
    ///
    /// # Errors
    /// If it has ended.
    pub fn memory(&self) -> io::Result<Memory> {
        let status = std::fs::read_to_string(self.proc()?.join("status"))?;
        let of = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let value = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            value.ok_or_else(|| io::Error::other("the function has ended"))
        };
        Ok(Memory { resident: of("VmRSS:")?, peak: of("VmHWM:")? })
    }

    /// The id of its process.
    ///
    /// # Errors
    /// If it has ended.
    pub fn id(&self) -> io::Result<u32> {
        self.child.id().ok_or_else(|| io::Error::other("the function has ended"))
    }

    /// The folder in which the kernel describes its process.
    fn proc(&self) -> io::Result<PathBuf> {
        Ok(Path::new("/proc").join(self.id()?.to_string()))
    }

    /// The time for which its threads have run so far. Threads that have ended are not included.
    ///
    /// # Errors
    /// If it has ended.
    pub fn processor_time(&self) -> io::Result<Duration> {
        let threads = std::fs::read_dir(self.proc()?.join("task"))?;
        let mut nanoseconds = 0;
        for thread in threads {
            // `schedstat`: time on a processor in nanoseconds, time waiting for one, time slices.
            // https://docs.kernel.org/scheduler/sched-stats.html
            let times = std::fs::read_to_string(thread?.path().join("schedstat"))?;
            let ran = times.split_whitespace().next().and_then(|ran| ran.parse::<u64>().ok());
            nanoseconds += ran.ok_or_else(|| io::Error::other("cannot read `schedstat`"))?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Ends it with SIGTERM, so that a program that runs it can write its results.
    ///
    /// # Errors
    /// If it does not end.
    pub async fn terminate(&mut self) -> io::Result<ExitStatus> {
        if let Some(id) =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
        {
            kill_process(id, Signal::TERM)?;
        }
        self.ended().await
    }

    /// The error that it reported if it failed before its first event.
    #[must_use]
    pub fn init_error(&self) -> Option<Value> {
        self.api.state().init_error.clone()
    }

    /// Waits until it ends without being stopped.
    ///
    /// # Errors
    /// If it does not end.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        tokio::time::timeout(TIMEOUT, self.child.wait())
            .await
            .map_err(|_| io::Error::other("the function does not end"))?
    }

    /// The output of the future, if the function is still running by then.
    async fn unless_it_ends<T>(&mut self, future: impl Future<Output = T>) -> io::Result<T> {
        let ended = tokio::select! {
            value = future => return Ok(value),
            status = self.child.wait() => status?.to_string(),
            () = tokio::time::sleep(TIMEOUT) => "it does not end".to_owned(),
        };
        let stderr = self.stderr()?;
        Err(io::Error::other(format!(
            "the function did not respond ({ended}); its stderr: {stderr}"
        )))
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Api {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let api = Arc::clone(&self);
            let service = service_fn(move |request| {
                let api = Arc::clone(&api);
                async move { api.answer(request).await }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            // A connection breaks when its function has ended. The test detects that separately.
            drop(tokio::spawn(async move { connection.await.ok() }));
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let path = path.strip_prefix(VERSION).unwrap_or_default();
        if (&method, path) == (&Method::GET, "invocation/next") {
            return Ok(self.next().await);
        }
        let body = request.into_body().collect().await?.to_bytes();
        // A body that is not JSON is an answer too. Lambda would forward its text.
        let value = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        let status = match (method, path.split('/').collect::<Vec<_>>().as_slice()) {
            (Method::POST, ["invocation", id, "response"]) => {
                self.answered(id, InvocationResult::Response(value))
            }
            (Method::POST, ["invocation", id, "error"]) => {
                self.answered(id, InvocationResult::Error(value))
            }
            (Method::POST, ["init", "error"]) => {
                self.state().init_error = Some(value);
                StatusCode::ACCEPTED
            }
            (_, _) => StatusCode::NOT_FOUND,
        };
        let mut response = Response::new(Full::new(Bytes::from_static(b"{\"status\":\"OK\"}")));
        *response.status_mut() = status;
        Ok(response)
    }

    /// The next event, as soon as there is one.
    async fn next(&self) -> Response<Full<Bytes>> {
        self.state().first_poll.get_or_insert_with(Instant::now);
        self.changed.notify_waiters();
        let invocation = loop {
            let changed = self.changed.notified();
            if let Some(invocation) = self.state().waiting.take() {
                break invocation;
            }
            changed.await;
        };
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", &invocation.request_id)
            .header("lambda-runtime-deadline-ms", invocation.deadline_ms.to_string())
            .header("lambda-runtime-invoked-function-arn", &invocation.arn)
            .header(
                "lambda-runtime-trace-id",
                "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
            )
            .body(Full::new(invocation.payload));
        // An ARN that is not a valid header value is a mistake in the test.
        response.unwrap_or_else(|_| {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }

    fn answered(&self, id: &str, outcome: InvocationResult) -> StatusCode {
        match self.state().answers.remove(id) {
            Some(answer) => {
                // A receiver that no longer waits has failed already.
                answer.send(outcome).ok();
                StatusCode::ACCEPTED
            }
            None => StatusCode::BAD_REQUEST,
        }
    }
}
