//! Opens a browser at a secret URL.
//!
//! The arguments of a process are visible to every user of the machine, and those of a browser for as
//! long as it runs. The browser is therefore started with an address of this process, which redirects
//! it to the secret URL once.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, HeaderValue, LOCATION, REFERRER_POLICY};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::output::Failure;
use crate::random;

/// Maximum time for the browser to start. A sign-in URL is valid for 15 minutes.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Maximum time for a client to send the head of its request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a browser at the URL, and returns when the browser has received it.
pub(super) async fn open(url: &str) -> Result<(), Failure> {
    let broken = |error| Failure::because("cannot open a browser: pass `--print`", error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(broken)?;
    let address = listener.local_addr().map_err(broken)?;
    let page = Arc::new(Page::new(url)?);
    let mut opener = opener(&format!("http://{address}{}", page.path));
    let program = opener.get_program().display().to_string();
    let mut child = opener.spawn().map_err(|error| {
        Failure::because(format!("cannot open a browser with `{program}`: pass `--print`"), error)
    })?;
    tokio::select! {
        () = serve(listener, &page) => Ok(()),
        status = failed(&mut child) => Err(Failure::other(format!(
            "cannot open a browser: `{program}` failed with {status}: pass `--print`"
        ))),
        () = tokio::time::sleep(TIMEOUT) => Err(Failure::other(format!(
            "the browser did not start within {} s: pass `--print`", TIMEOUT.as_secs()
        ))),
    }
}

/// The program of the system that opens an address in the person's browser.
fn opener(address: &str) -> Command {
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        let mut command = Command::new("rundll32");
        command.arg("url.dll,FileProtocolHandler");
        command
    } else {
        Command::new("xdg-open")
    };
    command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // Ctrl-C ends this command, and not a browser that the program may have become.
    command.process_group(0);
    command
}

/// Waits until the program fails. Its success is not a reason to stop waiting for the browser.
async fn failed(child: &mut Child) -> String {
    loop {
        match child.try_wait() {
            Ok(None) => tokio::time::sleep(Duration::from_millis(50)).await,
            Ok(Some(status)) if status.success() => std::future::pending().await,
            Ok(Some(status)) => return status.to_string(),
            Err(error) => return error.to_string(),
        }
    }
}

/// The only page of this process.
struct Page {
    path: String,
    /// The secret URL, until it has been used.
    location: Mutex<Option<HeaderValue>>,
}

impl Page {
    fn new(url: &str) -> Result<Self, Failure> {
        let broken = |what| Failure::other(format!("cannot open a browser: {what}"));
        let name = random::secret().map_err(|_| broken("the system has no random numbers"))?;
        let mut location =
            HeaderValue::from_str(url).map_err(|_| broken("the sign-in URL is malformed"))?;
        location.set_sensitive(true);
        Ok(Self { path: format!("/{}", name.reveal()), location: Mutex::new(Some(location)) })
    }

    fn take(&self) -> Option<HeaderValue> {
        self.location.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn is_used(&self) -> bool {
        self.location.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn respond(&self, request: &Request<Incoming>) -> Response<Empty<Bytes>> {
        let mut response = Response::new(Empty::new());
        let location = (request.method() == Method::GET && request.uri().path() == self.path)
            .then(|| self.take())
            .flatten();
        *response.status_mut() = StatusCode::NOT_FOUND;
        if let Some(location) = location {
            *response.status_mut() = StatusCode::SEE_OTHER;
            response.headers_mut().insert(LOCATION, location);
        }
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }
}

/// Serves the page until its redirect has been sent. Browsers open connections that they do not use,
/// so connections are served concurrently.
async fn serve(listener: TcpListener, page: &Arc<Page>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(connection(stream, Arc::clone(page)));
            }
            Some(_) = connections.join_next() => {
                if page.is_used() {
                    return;
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, page: Arc<Page>) {
    let service = service_fn(move |request| {
        let response = page.respond(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // A client that breaks off does not receive the URL.
    drop(served.await);
}
