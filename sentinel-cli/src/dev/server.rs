//! The HTTP server: connections, their bounds, and the end.
//!
//! A connection that sends its headers slowly is closed, and so is one that
//! idles; a body is bounded in size and time by the gateway. A panic in a
//! handler is an answer (500), not the end of the process.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::answer::{Answer, error};
use super::gateway::{Gateway, request_id};

const MAX_CONNECTIONS: usize = 256;
const MAX_HEADERS: usize = 100;
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// The longest that a head may take to arrive, and that a connection may idle.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The longest that requests in flight may keep the process from ending.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);
/// After a failure to accept, mostly for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until `end`, then lets requests in flight finish.
pub(super) async fn serve(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    end: impl Future<Output = ()>,
) {
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    tokio::pin!(end);
    loop {
        // At the limit nothing is accepted: who comes then waits in the
        // system's queue.
        let accepted = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            () = &mut end => break,
            accepted = accepted => accepted,
        };
        let (Ok(permit), Ok((stream, peer))) = (permit, accepted) else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "packets may be delayed");
        }
        let gateway = Arc::clone(&gateway);
        let service = service_fn(move |request| {
            let gateway = Arc::clone(&gateway);
            async move { Ok::<_, Infallible>(handle(gateway, request, peer.ip()).await) }
        });
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A client that breaks off or breaks the protocol is its own affair.
            if let Err(error) = connection.await {
                tracing::debug!(%peer, %error, "a connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_WITHIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests in flight were broken off");
    }
}

async fn handle(gateway: Arc<Gateway>, request: Request<Incoming>, source_ip: IpAddr) -> Answer {
    let Some(id) = request_id() else { return internal_error("") };
    let request_id = id.clone();
    let work = async move { gateway.serve(request, source_ip.to_canonical(), id).await };
    in_its_own_task(&request_id, work).await
}

/// Answers in a task of its own: a panic ends that task alone, and a client that
/// goes away does not break off what must still be recorded.
async fn in_its_own_task(
    request_id: &str,
    work: impl Future<Output = Answer> + Send + 'static,
) -> Answer {
    match tokio::spawn(work).await {
        Ok(answer) => answer,
        Err(stopped) => {
            tracing::error!(request_id, %stopped, "a handler did not end");
            internal_error(request_id)
        }
    }
}

fn internal_error(request_id: &str) -> Answer {
    error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "INTERNAL_ERROR",
        "something went wrong; the server's log says what",
        request_id,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_handler_is_an_answer() {
        let answer = in_its_own_task("r-1", async { panic!("as if there were a fault") }).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
