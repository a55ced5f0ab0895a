//! The HTTP server: connections, their limits, and shutdown.
//!
//! A connection is closed if it sends its headers slowly, if it is idle, or if it
//! does not read its responses. The gateway limits the size and duration of a body.
//! When there is no place for another connection, the connection that has waited
//! for its client for the longest time is closed ([`Seats`]). A panic in a handler
//! becomes a response (500) and does not end the process.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Either;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};

use crate::gateway::{self, Gateway, request_id};
use crate::log_limit::LogLimit;
use crate::mount::Mounted;
use crate::response::{AnyResponse, Response, error};
use crate::seats::{Seat, Seats};
use crate::timeout::WriteTimeout;

/// Higher than the gateway's own limits, which have responses in Sentinel's format.
/// If a request exceeds these limits, hyper responds to it, or it gets no response.
const MAX_HEADERS: usize = 500;
const MAX_HEAD_BYTES: usize = 128 * 1024;
/// Maximum time that requests in flight may keep the process from ending.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause after a failure to accept, usually because no file descriptor is free.
const PAUSE: Duration = Duration::from_millis(50);

/// The limits of connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Maximum number of concurrent connections.
    connections: usize,
    /// Maximum time to receive a head, and maximum idle time.
    head_timeout: Duration,
    /// Maximum time that a write may wait for the client to read.
    write_timeout: Duration,
}

impl Bounds {
    const fn of(connections: usize) -> Self {
        let timeout = Duration::from_secs(10);
        Self { connections, head_timeout: timeout, write_timeout: timeout }
    }
}

/// Serves the gateway on up to that number of connections until `end`, then lets
/// requests in flight finish.
pub(crate) async fn serve(
    listener: TcpListener,
    connections: usize,
    gateway: Arc<Gateway>,
    mounted: Option<Mounted>,
    end: impl Future<Output = ()>,
) {
    let handler =
        move |request, ip, seat| handle(Arc::clone(&gateway), mounted.clone(), request, ip, seat);
    accept(listener, Bounds::of(connections), handler, end).await;
}

async fn accept<H, R>(
    listener: TcpListener,
    bounds: Bounds,
    handler: H,
    end: impl Future<Output = ()>,
) where
    H: Fn(Request<Incoming>, IpAddr, Arc<Seat>) -> R + Clone + Send + 'static,
    R: Future<Output = AnyResponse> + Send + 'static,
{
    let mut connections = Connections::new(bounds);
    tokio::pin!(end);
    loop {
        let (stream, peer, seat) = tokio::select! {
            () = &mut end => break,
            next = connections.next(&listener) => next,
        };
        connections.spawn(stream, peer, seat, handler.clone());
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.graceful.shutdown()).await.is_err() {
        tracing::warn!("stopped before all requests in flight had ended");
    }
}

/// The connections of a server.
struct Connections {
    bounds: Bounds,
    http: http1::Builder,
    seats: Arc<Seats>,
    graceful: GracefulShutdown,
    failing: LogLimit,
    full: LogLimit,
}

impl Connections {
    fn new(bounds: Bounds) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(bounds.head_timeout)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS);
        Self {
            bounds,
            http,
            seats: Seats::new(bounds.connections),
            graceful: GracefulShutdown::new(),
            failing: LogLimit::default(),
            full: LogLimit::default(),
        }
    }

    /// The next connection, with a place. Until a place is free, no other connection
    /// is accepted, and clients wait in the system's queue.
    async fn next(&mut self, listener: &TcpListener) -> (TcpStream, SocketAddr, Seat) {
        let (stream, peer) = loop {
            match listener.accept().await {
                Ok(accepted) => break accepted,
                Err(error) => {
                    if let Some(skipped) = self.failing.now() {
                        tracing::warn!(%error, skipped, "failed to accept a connection");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        let connections = self.bounds.connections;
        let full = &mut self.full;
        let seat = self.seats.take(|| {
            if let Some(skipped) = full.now() {
                tracing::warn!(
                    connections,
                    %peer,
                    skipped,
                    "every connection is in use: closing the connection that has waited for its \
                     client longest"
                );
            }
        });
        (stream, peer, seat.await)
    }

    /// Serves a connection in a separate task, until it ends or loses its place.
    fn spawn<H, R>(&self, stream: TcpStream, peer: SocketAddr, seat: Seat, handler: H)
    where
        H: Fn(Request<Incoming>, IpAddr, Arc<Seat>) -> R + Send + 'static,
        R: Future<Output = AnyResponse> + Send + 'static,
    {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "packets may be delayed");
        }
        let seat = Arc::new(seat);
        let place = Arc::clone(&seat);
        let service = service_fn(move |request| {
            let response = handler(request, peer.ip(), Arc::clone(&place));
            async move { Ok::<_, Infallible>(response.await) }
        });
        let stream = TokioIo::new(WriteTimeout::new(stream, self.bounds.write_timeout));
        let connection = self.graceful.watch(self.http.serve_connection(stream, service));
        tokio::spawn(async move {
            tokio::select! {
                // A request that has already arrived is answered.
                biased;
                // A client that disconnects or violates the protocol is not an
                // error of the server.
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection ended early");
                },
                () = seat.lost() => {
                    tracing::debug!(%peer, "closed a connection to accept another one");
                }
            }
        });
    }
}

async fn handle(
    gateway: Arc<Gateway>,
    mounted: Option<Mounted>,
    request: Request<Incoming>,
    source_ip: IpAddr,
    seat: Arc<Seat>,
) -> AnyResponse {
    let Some(id) = request_id() else { return internal_error("").map(Either::Left) };
    let request_id = id.clone();
    let work = async move {
        let mounted = mounted.filter(|mounted| mounted.serves(request.uri().path()));
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let request = match gateway::read(request, source_ip.to_canonical(), id).await {
            Ok(request) => request,
            Err(response) => return response.map(Either::Left),
        };
        let _working = seat.working();
        let Some(Mounted { mount, .. }) = mounted else {
            return gateway.serve(&request).await.map(Either::Left);
        };
        let mut plain = Request::new(request.body);
        *plain.method_mut() = method;
        *plain.uri_mut() = uri;
        *plain.headers_mut() = request.headers;
        mount.serve(&plain, source_ip).await.map(Either::Right)
    };
    in_separate_task(&request_id, work).await
}

/// Handles a request in a separate task: a panic ends only that task, and a client
/// that disconnects does not interrupt what must still be recorded.
async fn in_separate_task(
    request_id: &str,
    work: impl Future<Output = AnyResponse> + Send + 'static,
) -> AnyResponse {
    match tokio::spawn(work).await {
        Ok(response) => response,
        Err(stopped) => {
            tracing::error!(request_id, %stopped, "a handler panicked");
            internal_error(request_id).map(Either::Left)
        }
    }
}

fn internal_error(request_id: &str) -> Response {
    error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "INTERNAL_ERROR",
        "internal error: see the server's log",
        request_id,
    )
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::response::response;

    #[tokio::test]
    async fn a_panic_in_a_handler_is_a_response() {
        let response = in_separate_task("r-1", async { panic!("injected fault") }).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    /// Larger than what the system buffers for a client that does not read.
    const LONG: usize = 16 * 1024 * 1024;

    #[tokio::test]
    async fn clients_that_read_nothing_lose_their_place() {
        let bounds = Bounds {
            connections: 3,
            head_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_millis(300),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let handler = |request: Request<Incoming>, _, _| async move {
            let length = if request.uri().path() == "/long" { LONG } else { 1 };
            response(StatusCode::OK, "text/plain", "x".repeat(length)).map(Either::Left)
        };
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        let server = tokio::spawn(accept(listener, bounds, handler, async {
            drop(end.await);
        }));
        let mut unread = Vec::new();
        for _ in 0..bounds.connections {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream
                .write_all("GET /long HTTP/1.1\r\nhost: x\r\n\r\n".repeat(8).as_bytes())
                .await
                .unwrap();
            unread.push(stream);
        }
        let started = Instant::now();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        let read = stream.read_to_string(&mut text);
        tokio::time::timeout(Duration::from_secs(20), read).await.unwrap().unwrap();
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        assert!(started.elapsed() >= Duration::from_millis(100), "a place was free before");
        // A client that reads slowly, but reads, receives the complete response.
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /long HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let (mut buffer, mut read) = (vec![0; 1024 * 1024], 0);
        loop {
            match slow.read(&mut buffer).await.unwrap() {
                0 => break,
                more => read += more,
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(read > LONG, "{read}");
        drop(unread);
        ended.send(()).unwrap();
        server.await.unwrap();
    }
}
