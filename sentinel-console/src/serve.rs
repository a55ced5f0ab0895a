//! A server for the console alone, for a command on the machine of one person. A server with other routes
//! passes requests to [`Console::handle`].

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::console::Console;
use crate::response::{self, Response};

/// Maximum number of connections. A browser uses six. A further one closes the oldest, so that clients that
/// hold connections keep no browser waiting.
const CONNECTIONS: usize = 64;
/// Maximum time to receive a head or a body, and maximum idle time.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Maximum size of a body, in bytes. Every text that a person enters is shorter.
const MAX_BODY: usize = 64 * 1024;
/// Maximum time that calls in flight may keep the server from ending.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause after a failure to accept, usually because no file descriptor is free.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves the console until `end`, then lets calls in flight finish.
pub async fn serve(listener: TcpListener, console: Arc<Console>, end: impl Future<Output = ()>) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(RECEIVE_TIMEOUT);
    let graceful = GracefulShutdown::new();
    let mut oldest: VecDeque<AbortHandle> = VecDeque::new();
    tokio::pin!(end);
    loop {
        let accepted = tokio::select! {
            () = &mut end => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let console = Arc::clone(&console);
        let service = service_fn(move |request| {
            let console = Arc::clone(&console);
            async move { Ok::<_, Infallible>(respond(&console, request, peer.ip()).await) }
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        oldest.retain(|connection| !connection.is_finished());
        if oldest.len() >= CONNECTIONS
            && let Some(connection) = oldest.pop_front()
        {
            connection.abort();
        }
        let served = tokio::spawn(async move {
            // A browser that disconnects is not an error of the server.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
        oldest.push_back(served.abort_handle());
    }
    drop(listener);
    console.close();
    drop(timeout(DRAIN_TIMEOUT, graceful.shutdown()).await);
}

async fn respond(console: &Console, request: Request<Incoming>, peer: IpAddr) -> Response {
    let (parts, body) = request.into_parts();
    match timeout(RECEIVE_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => {
            let request = Request::from_parts(parts, body.to_bytes().into());
            console.handle(&request, peer).await
        }
        Ok(Err(_)) | Err(_) => response::error(
            StatusCode::BAD_REQUEST,
            "INVALID_REQUEST",
            "the body is too long, or was not received in time",
        ),
    }
}
