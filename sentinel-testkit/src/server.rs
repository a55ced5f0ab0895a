//! An HTTP server on a free port of this machine, for the stand-in and the proxy. It can answer,
//! and it can break off a connection on purpose. Nothing is bounded here, because only tests send
//! requests to it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

/// A body, which may fail on purpose.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A complete body.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// What happens to a request.
pub(crate) enum Reply {
    /// It is answered.
    Answer(Response<Body>),
    /// The connection is reset.
    Reset,
}

/// A running server. It and its connections end when this value is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) async fn start<H, F>(handler: H) -> io::Result<Self>
    where
        H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, Arc::new(handler)));
        Ok(Self { address, accepting })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept<H, F>(listener: TcpListener, handler: Arc<H>)
where
    H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    // The set ends its connections when it is dropped with this future.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(serve(stream, Arc::clone(&handler)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve<H, F>(stream: TcpStream, handler: Arc<H>)
where
    H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    // Otherwise the client's small requests wait for acknowledgements.
    drop(stream.set_nodelay(true));
    let reset = Arc::new(Notify::new());
    let wanted = Arc::clone(&reset);
    let service = service_fn(move |request| {
        let (replying, reset) = (handler(request), Arc::clone(&reset));
        Box::pin(async move {
            match replying.await {
                Reply::Answer(answer) => Ok::<_, Infallible>(answer),
                Reply::Reset => {
                    reset.notify_one();
                    std::future::pending().await
                }
            }
        })
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let end = std::future::poll_fn(|context| connection.poll_without_shutdown(context));
    let reset = tokio::select! {
        _ = end => false,
        () = wanted.notified() => true,
    };
    let mut stream = connection.into_parts().io.into_inner();
    if reset {
        // Closing with a zero linger time sends RST instead of FIN.
        drop(stream.set_zero_linger());
    } else {
        drop(tokio::io::AsyncWriteExt::shutdown(&mut stream).await);
    }
}
