//! The server: connections and their limits, and the vending for a request.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use sentinel_client::{Client, ClientError, ProfileCredentials, VendRequest};
use sentinel_dev::{Seat, Seats};
use sentinel_wire::ProfileName;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::request;
use super::response::{self, Problem, Response};
use super::token::Token;
use crate::open_files;
use crate::output::{Failure, Screen};

/// Maximum number of concurrent connections, where the limit of open files allows it. A further one takes
/// the place of the one that has sent nothing for the longest time.
const CONNECTIONS: u64 = 512;
/// Maximum time to receive the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum size of the head of a request, in bytes, and of its number of headers.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// Maximum time of a connection. A vend takes at most 30 s.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(45);
/// Time that a request waits for a refresh before it gets the current credentials. The AWS SDK for
/// JavaScript waits for 1 s, botocore for 2 s.
const REFRESH_WAIT: Duration = Duration::from_millis(600);
/// Maximum time of a refresh, for which no request waits. The caller's own credentials can come from a
/// slow program.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(30);
/// Time that a refused request waits until the reason is written.
const WRITE_WAIT: Duration = Duration::from_millis(200);
/// Time for requests in flight at the end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause after a failure to accept, usually because no file descriptor is free.
const PAUSE: Duration = Duration::from_millis(50);
/// Interval after which the same failure is written again.
const REPEAT: Duration = Duration::from_secs(60);

/// A profile that the endpoint serves.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) profile: ProfileName,
    token: Token,
    credentials: ProfileCredentials,
    path: String,
    /// The failure that was written last, and when.
    written: Mutex<Option<(Problem, Instant)>>,
}

impl Source {
    /// A profile with a new token.
    pub(crate) fn new(client: &Client, request: VendRequest) -> Result<Self, Failure> {
        let token = Token::random()
            .map_err(|error| Failure::because("cannot create a token for the endpoint", error))?;
        let profile = request.profile.clone();
        let credentials =
            ProfileCredentials::new(client.clone(), request).with_refresh_timeout(REFRESH_TIMEOUT);
        let path = format!("/{profile}");
        Ok(Self { profile, token, credentials, path, written: Mutex::default() })
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The token, for the environment or the file of a program that may use the source.
    pub(crate) fn token(&self) -> &str {
        self.token.reveal()
    }

    /// Whether that is the token.
    fn allows(&self, sent: &[u8]) -> bool {
        self.token.is(sent)
    }

    /// Vends credentials, for the requests that follow.
    pub(crate) async fn vend(&self) -> Result<(), Arc<ClientError>> {
        self.credentials.vended().await.map(drop)
    }

    /// The credentials for one request.
    async fn credentials(&self, screen: &Screen) -> Result<Credentials, Problem> {
        let credentials = self.credentials.clone();
        // In its own task: it continues after this request got the current credentials, or its client
        // disconnected.
        let mut vend = tokio::spawn(async move { credentials.vended().await });
        let done = match tokio::time::timeout(REFRESH_WAIT, &mut vend).await {
            Ok(done) => done,
            Err(_) => match self.credentials.fallback_on_interrupt() {
                Some(current) => return Ok(current),
                None => vend.await,
            },
        };
        match done {
            Ok(Ok(vended)) => Ok(Credentials::from(&vended)),
            Ok(Err(error)) => {
                let problem = Problem::from(&*error);
                self.write(&error, &problem, screen).await;
                Err(problem)
            }
            Err(_) => Err(Problem::internal("a vend ended without a result: report it")),
        }
    }

    /// Writes why there are no credentials, since not every SDK shows it. This is before the program receives
    /// the error, after which it may end. Requests that fail for the same reason within a minute write one
    /// message.
    async fn write(&self, error: &ClientError, problem: &Problem, screen: &Screen) {
        // The lock is held until the message is written: other requests wait for it too.
        let mut written = self.written.lock().await;
        let is_known = written
            .as_ref()
            .is_some_and(|(last, when)| last.is_same_reason(problem) && when.elapsed() < REPEAT);
        if is_known {
            return;
        }
        *written = Some((problem.clone(), Instant::now()));
        let text = format!("no credentials of `{}`: {}", self.profile, Failure::from(error));
        let screen = *screen;
        let warning = tokio::task::spawn_blocking(move || screen.warn(&text));
        // Output that is not read must not stop the endpoint.
        drop(tokio::time::timeout(WRITE_WAIT, warning).await);
    }
}

/// An endpoint that listens, and serves requests once [`serve`](Self::serve) runs.
#[derive(Debug)]
pub(crate) struct Endpoint {
    listener: TcpListener,
    local: SocketAddr,
    sources: Arc<[Source]>,
}

impl Endpoint {
    /// Listens on a loopback address; port 0 selects a free port.
    pub(crate) async fn bind(address: SocketAddr, sources: Vec<Source>) -> io::Result<Self> {
        if !address.ip().to_canonical().is_loopback() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a loopback address"));
        }
        let listener = TcpListener::bind(address).await?;
        let local = listener.local_addr()?;
        Ok(Self { listener, local, sources: sources.into() })
    }

    /// The URL without a path, such as `http://127.0.0.1:8788`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.local)
    }

    /// The URL of a source.
    pub(crate) fn url_of(&self, source: &Source) -> String {
        format!("{}{}", self.url(), source.path())
    }

    pub(crate) fn sources(&self) -> Arc<[Source]> {
        Arc::clone(&self.sources)
    }

    /// Serves requests until `end`, then lets requests in flight finish for a short time.
    pub(crate) async fn serve(self, screen: Screen, end: impl Future<Output = ()>) {
        let Self { listener, local, sources } = self;
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .keep_alive(false)
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS);
        let seats = Seats::new(open_files::within_limit(CONNECTIONS));
        let mut connections = JoinSet::new();
        tokio::pin!(end);
        loop {
            let accepted = tokio::select! {
                () = &mut end => break,
                Some(_) = connections.join_next() => continue,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let seat = tokio::select! {
                () = &mut end => break,
                seat = seats.take(|| {}) => seat,
            };
            let sources = Arc::clone(&sources);
            connections.spawn(connection(http.clone(), stream, seat, local, sources, screen));
        }
        drop(listener);
        let drain = async { while connections.join_next().await.is_some() {} };
        // What remains ends with the set.
        drop(tokio::time::timeout(DRAIN_TIMEOUT, drain).await);
    }
}

/// Serves the single request of a connection, unless it loses its place before that is received. A client
/// that disconnects or violates the protocol is not an error of the endpoint.
async fn connection(
    http: http1::Builder,
    stream: TcpStream,
    seat: Seat,
    local: SocketAddr,
    sources: Arc<[Source]>,
    screen: Screen,
) {
    let (seat, sources, screen) = (&seat, &*sources, &screen);
    let service = service_fn(move |request| async move {
        let _working = seat.working();
        Ok::<_, Infallible>(respond(request, local, sources, screen).await)
    });
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A request that has already arrived is answered.
        biased;
        _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection) => {}
        () = seat.lost() => {}
    }
}

async fn respond(
    request: hyper::Request<Incoming>,
    local: SocketAddr,
    sources: &[Source],
    screen: &Screen,
) -> Response {
    // The body, if there is one, is not read.
    let (parts, _) = request.into_parts();
    let result = match request::source(&parts, local, sources, Source::path, Source::allows) {
        Ok(source) => source.credentials(screen).await,
        Err(refusal) => Err(Problem::refused(refusal, local)),
    };
    let response = result.and_then(|vended| {
        response::credentials(&vended)
            .ok_or_else(|| Problem::internal("the vended credentials are incomplete: report it"))
    });
    response.unwrap_or_else(Problem::response)
}
