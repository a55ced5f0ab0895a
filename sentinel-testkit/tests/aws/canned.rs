//! A server that returns the answers of a test, and records the requests.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_types::SdkConfig;
use sentinel_testkit::emulator;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Barrier,
    task::JoinHandle,
};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The operation, without the name of its service.
    pub(crate) operation: String,
    pub(crate) body: Value,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(u16, String),
    /// Sent unchanged, including the head. Then the connection ends.
    Raw(String),
    /// Sent when as many requests wait as the barrier needs.
    Together(Arc<Barrier>, String),
    /// Never sent.
    Silence,
}

impl Answer {
    pub(crate) fn ok(body: &Value) -> Self {
        Self::Status(200, body.to_string())
    }

    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({
            "__type": format!("com.amazonaws.service#{code}"),
            "message": message,
        });
        Self::Status(status, body.to_string())
    }
}

type Handler = dyn Fn(&Request) -> Answer + Send + Sync;

pub(crate) struct Canned {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Canned {
    pub(crate) async fn new(handler: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (handler, seen): (Arc<Handler>, _) = (Arc::new(handler), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (handler, seen) = (Arc::clone(&handler), Arc::clone(&seen));
                // A client that stops waiting closes its connection. This is not a failure.
                tokio::spawn(async move {
                    let _ended = serve(stream, &*handler, &seen).await;
                });
            }
        });
        Self { address, requests, task }
    }

    pub(crate) fn config(&self) -> SdkConfig {
        config(self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn operations(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.operation).collect()
    }
}

pub(crate) fn config(address: SocketAddr) -> SdkConfig {
    emulator::config(&format!("http://{address}"), "AKIDEXAMPLE", "hunter2").unwrap()
}

async fn serve(
    stream: TcpStream,
    handler: &Handler,
    seen: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut operation, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else {
                if line == "\r\n" {
                    break;
                }
                continue;
            };
            match name.to_lowercase().as_str() {
                "x-amz-target" => operation = value.rsplit('.').next().unwrap().to_owned(),
                "content-length" => length = value.trim().parse().unwrap(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;
        let request = Request { operation, body: serde_json::from_slice(&body).unwrap() };
        seen.lock().unwrap().push(request.clone());
        let (status, body) = match handler(&request) {
            Answer::Status(status, body) => (status, body),
            Answer::Together(barrier, body) => {
                barrier.wait().await;
                (200, body)
            }
            Answer::Raw(text) => {
                stream.write_all(text.as_bytes()).await?;
                return stream.shutdown().await;
            }
            Answer::Silence => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                return Ok(());
            }
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n");
        let head = format!("{head}content-type: application/x-amz-json-1.0\r\n\r\n");
        stream.write_all((head + &body).as_bytes()).await?;
    }
}
