//! A server that returns the same answer to every request.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running server. It ends when this value is dropped.
pub(crate) struct Fixed {
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Fixed {
    /// The requests so far, each with its headers and its body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) async fn start(status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut answer = format!("HTTP/1.1 {status} Fixed\r\nconnection: close\r\n");
        for (name, value) in headers {
            write!(answer, "{name}: {value}\r\n").unwrap();
        }
        write!(answer, "content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&requests);
        let accepting = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                // The whole request is read, because closing the connection earlier would reset it.
                let mut request = Vec::new();
                while !is_whole(&request) {
                    match stream.read_buf(&mut request).await {
                        Ok(0) | Err(_) => break,
                        Ok(_) => {}
                    }
                }
                received.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        Self { url, requests, accepting }
    }
}

/// Whether the request contains the whole body that its headers announce.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

impl Drop for Fixed {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
