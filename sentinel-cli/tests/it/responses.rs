//! How the client handles responses that a TVM would not send, and addresses
//! without a TVM.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tempfile::TempDir;

use crate::running::{CommandOutput, Dev, run, sentinel};
use crate::terminal::{Terminal, start};

/// A server that sends the same response to every request.
pub(crate) struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn start(status: &str, headers: &str, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&connections);
        let response = format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                seen.fetch_add(1, Ordering::SeqCst);
                stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                    head.push(byte[0]);
                }
                drop(stream.write_all(response.as_bytes()));
            }
        });
        Self { address, connections }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn run(&self, words: &str) -> CommandOutput {
        let home = TempDir::new().unwrap();
        let mut command = with_key(sentinel(home.path()));
        command.args(words.split_whitespace());
        run(command.args(["--tvm", &self.url()]))
    }
}

fn with_key(mut command: Command) -> Command {
    command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
    command
}

#[test]
fn an_invalid_port_is_a_usage_error_and_nothing_is_sent() {
    // A server listens. A client that dropped the port would connect to the default
    // port of the scheme.
    let server = Server::start("200 OK", "", "{}");
    let home = TempDir::new().unwrap();
    for port in ["99999", "0", "", "80a", "65536", "+80"] {
        let url = format!("http://127.0.0.1:{port}");
        for by_variable in [false, true] {
            let mut command = with_key(sentinel(home.path()));
            command.arg("whoami");
            let output = if by_variable {
                run(command.env("SENTINEL_TVM_URL", &url))
            } else {
                run(command.args(["--tvm", &url]))
            };
            assert_eq!(
                (output.status, output.stdout.as_str()),
                (2, ""),
                "{url}: {}",
                output.stderr
            );
            assert!(output.stderr.contains(&url), "{}", output.stderr);
        }
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[test]
fn a_response_of_another_server_is_exit_3_and_names_status_and_content_type() {
    let html = "content-type: text/html\r\n";
    let json = "content-type: application/json\r\n";
    for (status, headers, body) in [
        ("200 OK", html, "<html>log in</html>"),
        ("403 Forbidden", html, "<html>blocked</html>"),
        ("400 Bad Request", html, "<html>"),
        ("401 Unauthorized", json, "{\"error\":\"login_required\"}"),
        ("302 Found", "content-type: text/html\r\nlocation: http://127.0.0.1:1/login\r\n", ""),
        ("200 OK", json, "{\"status\":\"ok\"}"),
        ("407 Proxy Authentication Required", html, "<html>"),
        ("403 Forbidden", json, "{\"message\":\"no\",\"blocked_by\":\"waf\"}"),
        ("502 Bad Gateway", "", "bad gateway"),
    ] {
        let server = Server::start(status, headers, body);
        for words in ["whoami", "credentials --profile production --no-cache"] {
            let output = server.run(words);
            assert_eq!(
                (output.status, output.stdout.as_str()),
                (3, ""),
                "{status} {body}: {}",
                output.stderr
            );
            let number = status.split(' ').next().unwrap();
            let content_type =
                headers.lines().next().and_then(|line| line.get(14..)).unwrap_or("none");
            let named = format!("(status {number}, content type {content_type})");
            assert!(output.stderr.contains(&named), "{}", output.stderr);
        }
    }
}

#[test]
fn a_wrong_path_in_the_address_is_exit_3_with_a_hint() {
    let dev = Dev::start();
    for path in ["prod", "whoami", "sessions"] {
        let mut command = dev.client("alice", "whoami");
        command.args(["--tvm", &format!("{}/{path}", dev.url)]);
        let output = run(&mut command);
        assert_eq!((output.status, output.stdout.as_str()), (3, ""), "{path}: {}", output.stderr);
        assert!(output.stderr.contains("is the TVM's base URL"), "{path}: {}", output.stderr);
    }
    let mut command = dev.client("carol", "sessions revoke --user alice --reason x");
    let output = run(command.args(["--tvm", &format!("{}/prod", dev.url)]));
    assert_eq!(output.status, 3, "{}", output.stderr);
    // The response of API Gateway itself.
    let json = "content-type: application/json\r\n";
    for (status, message) in
        [("404 Not Found", "Not Found"), ("403 Forbidden", "Missing Authentication Token")]
    {
        let output =
            Server::start(status, json, &format!("{{\"message\":\"{message}\"}}")).run("whoami");
        assert_eq!(output.status, 3, "{}", output.stderr);
        assert!(output.stderr.contains("is the TVM's base URL"), "{}", output.stderr);
    }
    let output = Server::start("403 Forbidden", json, "{\"message\":\"Forbidden\"}").run("whoami");
    assert_eq!(output.status, 1, "IAM may refuse the caller: {}", output.stderr);
}

#[test]
fn messages_name_commands_and_not_routes() {
    let dev = Dev::start();
    let output = dev.run("bob", "credentials --profile billing");
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("`sentinel profiles` lists"), "{}", output.stderr);
    assert!(!output.stderr.contains("GET /"), "{}", output.stderr);
}

#[test]
fn credentials_that_have_expired_are_neither_printed_nor_cached() {
    let body = "{\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"expired-secret\",\"Token\":\"t\",\
                \"Expiration\":\"2020-01-01T00:00:00Z\"}";
    let server = Server::start("200 OK", "content-type: application/json\r\n", body);
    let home = TempDir::new().unwrap();
    for shape in ["process", "env", "json"] {
        let mut command = with_key(sentinel(home.path()));
        let url = format!("http://{}", server.address);
        command.args(["credentials", "--profile", "p", "--output", shape, "--tvm", &url]);
        let output = run(&mut command);
        assert_eq!((output.status, output.stdout.as_str()), (3, ""), "{}", output.stderr);
        assert!(output.stderr.contains("expired at 2020-01-01T00:00:00Z"), "{}", output.stderr);
        assert!(output.stderr.contains("set the clock"), "{}", output.stderr);
    }
    let cache = home.path().join(".cache/sentinel/credentials");
    for file in std::fs::read_dir(cache).unwrap() {
        let path = file.unwrap().path();
        assert!(path.extension().unwrap() == "lock", "{path:?}");
    }
}

#[test]
fn json_and_lines_for_a_shell_contradict_each_other() {
    let server = Server::start("200 OK", "", "{}");
    let output = server.run("credentials --profile p --format json --output env");
    assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{}", output.stderr);
    assert!(output.stderr.contains("contradict"), "{}", output.stderr);
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[test]
fn a_signature_that_is_refused_because_of_this_machine_is_answered_with_the_remedy() {
    let json = "content-type: application/json\r\n";
    for (message, remedy) in [
        (
            "Signature expired: 20260302T100000Z is now earlier than 20260302T101500Z \
             (20260302T102000Z - 5 min.)",
            "the clock of this machine is 20 min behind the TVM's",
        ),
        (
            "Credential should be scoped to a valid region, not 'us-east-1'. ",
            "the request was signed for another region `us-east-1`: set AWS_REGION",
        ),
        ("The security token included in the request is expired", "sign in to AWS again"),
    ] {
        let body = serde_json::json!({ "message": message }).to_string();
        let server = Server::start("403 Forbidden", json, &body);
        for words in ["whoami", "credentials --profile production --no-cache"] {
            let output = server.run(words);
            assert_eq!(output.status, 1, "{}", output.stderr);
            assert_eq!(output.stderr.matches(remedy).count(), 1, "{words}: {}", output.stderr);
        }
    }
}

#[test]
fn a_terminal_shows_that_a_command_waits_for_a_response() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let home = TempDir::new().unwrap();
    let mut terminal = Terminal::new(80);
    let mut command = with_key(sentinel(home.path()));
    command
        .args(["whoami", "--tvm", &format!("http://{address}")])
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .stdout(Stdio::piped())
        .stderr(terminal.stdio());
    let child = start(&mut command);
    let (mut stream, _) = listener.accept().unwrap();
    terminal.until(|text| 1 < text.matches("\r\u{1b}[Kwaiting for a response: ").count());
    let body = r#"{"message":"Forbidden"}"#;
    let head = "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\n";
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
    let text = terminal.all();
    assert!(text.contains("s\r\u{1b}[Krefused: HTTP 403: Forbidden"), "{text:?}");
}
