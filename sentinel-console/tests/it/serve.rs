//! The server of the console alone.

use std::sync::Arc;
use std::time::Duration;

use sentinel_console::{Console, LinkUse};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The console closes a silent connection after 20 s.
const TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn clients_that_send_nothing_do_not_keep_a_browser_from_the_console() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let console = Arc::new(Console::new(Vec::new(), address, LinkUse::Once).unwrap());
    tokio::spawn(sentinel_console::serve(listener, console, std::future::pending()));
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let fetch = async {
        let mut browser = TcpStream::connect(address).await.unwrap();
        let request =
            format!("GET /console/ HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        browser.write_all(request.as_bytes()).await.unwrap();
        let mut response = Vec::new();
        browser.read_to_end(&mut response).await.unwrap();
        String::from_utf8_lossy(&response).into_owned()
    };
    let response = tokio::time::timeout(TIMEOUT, fetch).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
}
