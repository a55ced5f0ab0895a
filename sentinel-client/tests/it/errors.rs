//! Servers that are not a TVM, and TVMs that cannot be reached.

use aws_credential_types::Credentials;
use sentinel_client::{Client, ClientError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn client(url: &str) -> Client {
    let credentials = Credentials::new("AKIA", "secret", None, None, "test");
    Client::new(url.parse().unwrap(), credentials)
}

/// The error of a client whose request gets a response with that status line and headers, and that
/// body.
async fn error_for(head: &str, body: &str) -> ClientError {
    let response = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 64 * 1024];
        assert!(stream.read(&mut request).await.unwrap() > 0);
        stream.write_all(response.as_bytes()).await.unwrap();
    });
    let error = client(&url).whoami().await.unwrap_err();
    server.await.unwrap();
    error
}

#[tokio::test]
async fn a_page_of_a_proxy_is_not_a_decision() {
    for (head, body) in [
        ("200 OK\r\ncontent-type: text/html", "<html>"),
        ("403 Forbidden\r\ncontent-type: text/html", "<html>"),
        ("302 Found\r\nlocation: https://login.example.com/", ""),
    ] {
        let error = error_for(head, body).await;
        assert!(matches!(error, ClientError::NotSentinel { .. }), "{error:?}");
        assert!(error.is_transient());
    }
}

#[tokio::test]
async fn an_api_without_the_route_is_a_wrong_address() {
    let body = r#"{"message":"Missing Authentication Token"}"#;
    let error = error_for("403 Forbidden\r\ncontent-type: application/json", body).await;
    assert!(matches!(error, ClientError::WrongAddress { .. }), "{error:?}");
}

#[tokio::test]
async fn a_throttled_request_may_succeed_later() {
    let body = r#"{"Code":"RATE_LIMITED","Message":"later","RequestId":"r-1"}"#;
    let error = error_for("429 Too Many Requests\r\nretry-after: 2", body).await;
    let ClientError::Failed(response) = error else { panic!("{error:?}") };
    assert_eq!(response.retry_after, Some(2));
}

#[tokio::test]
async fn a_tvm_that_does_not_listen_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&url).whoami().await.unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }) && error.is_transient(), "{error:?}");
    assert!(error.to_string().contains(&url), "{error}");
}
