//! The connection in front of a proxy: failures of an endpoint before it has read a request, or
//! without any HTTP.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What happens to a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ConnectionFault {
    /// No process listens on the port.
    Refused,
    /// It is accepted and closed.
    Closed,
    /// It is accepted, and nothing is read.
    NotRead,
    /// These bytes are the answer to every request. Then it is closed.
    Responds(&'static [u8]),
}

/// A listener that can be closed and opened again on the same port.
pub(crate) struct FaultyConnections {
    address: SocketAddr,
    upstream: SocketAddr,
    cut: Arc<Mutex<Option<ConnectionFault>>>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl FaultyConnections {
    pub(crate) async fn to(upstream: &str) -> Self {
        let upstream = upstream.strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let line = Self { address, upstream, cut: Arc::default(), accepting: Mutex::new(None) };
        line.accept(listener);
        line
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends every connection, and applies the fault to later ones.
    pub(crate) async fn cut(&self, cut: ConnectionFault) {
        *self.cut.lock().unwrap() = Some(cut);
        self.stop().await;
        match cut {
            ConnectionFault::Refused => {}
            ConnectionFault::Closed | ConnectionFault::NotRead | ConnectionFault::Responds(_) => {
                self.accept(self.listen_again().await)
            }
        }
    }

    /// Forwards every connection again.
    pub(crate) async fn restore(&self) {
        let cut = self.cut.lock().unwrap().take();
        if cut.is_some() {
            self.stop().await;
            self.accept(self.listen_again().await);
        }
    }

    async fn stop(&self) {
        let accepting = self.accepting.lock().unwrap().take();
        if let Some(accepting) = accepting {
            accepting.abort();
            // The listener is closed when this task has ended.
            drop(accepting.await);
        }
    }

    /// Listens on the same port again. For a short time, another process may use it as the local
    /// port of a connection.
    async fn listen_again(&self) -> TcpListener {
        for _ in 0..500 {
            if let Ok(listener) = TcpListener::bind(self.address).await {
                return listener;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("port {} is taken", self.address.port());
    }

    fn accept(&self, listener: TcpListener) {
        let (cut, upstream) = (Arc::clone(&self.cut), self.upstream);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let cut = *cut.lock().unwrap();
                connections.spawn(serve(stream, cut, upstream));
                while connections.try_join_next().is_some() {}
            }
        });
        *self.accepting.lock().unwrap() = Some(accepting);
    }
}

impl Drop for FaultyConnections {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.lock().unwrap().take() {
            accepting.abort();
        }
    }
}

async fn serve(mut stream: TcpStream, cut: Option<ConnectionFault>, upstream: SocketAddr) {
    match cut {
        None => {
            stream.set_nodelay(true).unwrap();
            if let Ok(mut up) = TcpStream::connect(upstream).await {
                up.set_nodelay(true).unwrap();
                drop(copy_bidirectional(&mut stream, &mut up).await);
            }
        }
        Some(ConnectionFault::Refused | ConnectionFault::Closed) => {}
        Some(ConnectionFault::NotRead) => std::future::pending().await,
        Some(ConnectionFault::Responds(bytes)) => {
            // Only after a request was received: an answer before it is another fault.
            let mut request = [0; 64 * 1024];
            drop(stream.read(&mut request).await);
            drop(stream.write_all(bytes).await);
            drop(stream.shutdown().await);
        }
    }
}
