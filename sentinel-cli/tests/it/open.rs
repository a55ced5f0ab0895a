//! `sentinel open`: the exchange of credentials for a sign-in URL, and the browser that opens it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sentinel_testkit::sign_in::SignIn;
use tokio::runtime::Runtime;

use crate::running::{CommandOutput, Dev, run};
use crate::wire::{Request, Response};

/// Maximum time for a process on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A TVM and a sign-in.
struct Aws {
    dev: Dev,
    sign_in: SignIn,
    _runtime: Runtime,
}

impl Aws {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let sign_in = runtime.block_on(SignIn::start()).unwrap();
        Self { dev: Dev::start(), sign_in, _runtime: runtime }
    }

    fn command(&self, name: &str, words: &str) -> Command {
        let mut command = self.dev.client(name, words);
        command.env("AWS_ENDPOINT_URL_SIGNIN", self.sign_in.url());
        command
    }

    fn run(&self, name: &str, words: &str) -> CommandOutput {
        run(&mut self.command(name, words))
    }

    /// Follows a sign-in URL as a browser does.
    fn follow(&self, url: &str) -> Response {
        let address = self.sign_in.url();
        let target = url.strip_prefix(&address).unwrap_or_else(|| panic!("{url}"));
        let address = address.strip_prefix("http://").unwrap().parse().unwrap();
        Request::new("GET", target, b"").send(address)
    }

    /// A program in place of the system's, which the command starts to open a browser.
    fn opener(&self, script: &str) -> PathBuf {
        let folder = self.dev.home.path().join("bin");
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["xdg-open", "open"] {
            let program = folder.join(name);
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    /// Starts the command with a program that writes its arguments to a file.
    fn open(&self) -> (Child, String) {
        let file = self.dev.home.path().join("arguments");
        let script = format!("echo \"$@\" > {0}.new && mv {0}.new {0}", file.display());
        let folder = self.opener(&script);
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let mut command = self.command("alice", "open --profile production --format json");
        command.env("PATH", path).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let Some(arguments) = eventually(&file) else {
            child.kill().unwrap();
            panic!("the browser is not started: {:?}", child.wait_with_output());
        };
        (child, arguments.trim().to_owned())
    }
}

/// The content of a file that another process writes. `None` if it does not.
fn eventually(file: &Path) -> Option<String> {
    let end = Instant::now() + TIMEOUT;
    while Instant::now() < end {
        if let Ok(text) = std::fs::read_to_string(file) {
            return Some(text);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

#[test]
fn a_printed_url_signs_in_with_the_vended_credentials_and_leads_to_the_page() {
    let aws = Aws::start();
    for (words, page) in [
        ("", "https://console.aws.amazon.com/"),
        (" --destination s3", "https://console.aws.amazon.com/s3/home"),
        (
            " --destination https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#Instances:",
            "https://eu-west-1.console.aws.amazon.com/ec2/home?region=eu-west-1#Instances:",
        ),
    ] {
        let output = aws.run("alice", &format!("open --profile production --print{words}"));
        assert_eq!(output.status, 0, "{}", output.stderr);
        let response = aws.follow(output.stdout.strip_suffix('\n').unwrap());
        assert_eq!((response.status, response.headers["location"].as_str()), (302, page));
        assert!(output.stderr.contains("the console session ends at "), "{}", output.stderr);
        assert!(output.stderr.contains("in 30 minutes: the policy limits"), "{}", output.stderr);
    }
    assert_eq!(aws.sign_in.refused(), Vec::<String>::new());
    let sessions = aws.sign_in.sessions();
    assert_eq!(sessions.len(), 3);
    let issued: Vec<String> = aws
        .dev
        .records()
        .iter()
        .filter_map(|record| record["access_key_id"].as_str().map(str::to_owned))
        .collect();
    assert!(sessions.iter().all(|session| issued.contains(&session.session_id)), "{issued:?}");
}

#[test]
fn each_console_session_has_its_own_credentials_which_are_not_cached() {
    let aws = Aws::start();
    let cached = aws.run("alice", "credentials --profile production");
    for _ in 0..2 {
        assert_eq!(aws.run("alice", "open --profile production --print").status, 0);
    }
    let [one, other] = aws.sign_in.sessions().try_into().unwrap();
    assert_ne!(one.session_id, other.session_id);
    let again = aws.run("alice", "credentials --profile production");
    assert_eq!(again.stdout, cached.stdout, "the cached credentials are still used");
}

#[test]
fn the_duration_is_that_of_the_credentials_and_is_not_sent_to_the_sign_in() {
    let aws = Aws::start();
    let output = aws.run("alice", "open --profile production --print --duration 15m");
    assert_eq!(output.status, 0, "{}", output.stderr);
    assert!(output.stderr.contains("in 15 minutes"), "{}", output.stderr);
    let output = aws.run("alice", "open --profile production --print --duration 1h");
    assert!(output.stderr.contains("earlier than requested"), "{}", output.stderr);
    assert_eq!(aws.sign_in.refused(), Vec::<String>::new());
}

#[test]
fn the_browser_is_started_without_the_secret_and_receives_it_once() {
    let aws = Aws::start();
    let (child, arguments) = aws.open();
    let [token] = aws.sign_in.tokens().try_into().unwrap();
    assert!(!arguments.contains(&token) && !arguments.contains("federation"), "{arguments}");
    let (address, path) =
        arguments.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap();
    let address = address.parse().unwrap();
    // 32 random bytes.
    assert_eq!(path.len(), 43, "the address cannot be guessed: {path}");

    for (method, target) in [("GET", "/"), ("GET", "/favicon.ico"), ("HEAD", path), ("POST", path)]
    {
        let target = format!("/{}", target.trim_start_matches('/'));
        let other = Request::new(method, &target, b"").send(address);
        assert_eq!(other.status, 404, "{method} {target}");
        assert!(!format!("{other:?}").contains(&token));
    }
    let idle = std::net::TcpStream::connect(address).unwrap();
    let response = Request::new("GET", &format!("/{path}"), b"").send(address);
    assert_eq!(response.status, 303, "{response:?}");
    assert_eq!(response.headers["cache-control"], "no-store");
    assert_eq!(response.headers["referrer-policy"], "no-referrer");
    assert_eq!(aws.follow(&response.headers["location"]).status, 302);

    let output = child.wait_with_output().unwrap();
    drop(idle);
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(!stdout.contains(&token) && !stderr.contains(&token), "{stdout}{stderr}");
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["profile"], "production");
    assert!(document.get("url").is_none() && document["expires"].is_string(), "{document}");
    assert!(std::net::TcpStream::connect(address).is_err(), "the process has ended");
}

#[test]
fn without_a_browser_the_message_names_the_option_that_needs_none() {
    let aws = Aws::start();
    let folder = aws.opener("exit 3");
    let output = run(aws.command("alice", "open --profile production").env("PATH", &folder));
    assert_eq!((output.status, output.stdout.as_str()), (3, ""));
    assert!(output.stderr.contains("exit status: 3: pass `--print`"), "{}", output.stderr);
    let nowhere = aws.dev.home.path();
    let output = run(aws.command("alice", "open --profile production").env("PATH", nowhere));
    assert_eq!((output.status, output.stdout.as_str()), (3, ""));
    assert!(output.stderr.contains("pass `--print`"), "{}", output.stderr);
}

#[test]
fn a_refusal_is_that_of_credentials_and_no_sign_in_is_requested() {
    let aws = Aws::start();
    let output = aws.run("mallory", "open --profile production --print");
    assert_eq!((output.status, output.stdout.as_str()), (1, ""));
    assert!(output.stderr.starts_with("refused: POLICY_DENY: "), "{}", output.stderr);
    let output = aws.run("bob", "open --profile billing --print --verbose");
    assert!(output.stderr.contains("profiles that you can get"), "{}", output.stderr);
    assert!(aws.sign_in.sessions().is_empty() && aws.sign_in.refused().is_empty());
}

#[test]
fn a_page_of_another_site_is_a_usage_error_before_credentials_are_requested() {
    let aws = Aws::start();
    for page in ["https://evil.example/", "//evil.example", "https://console.amazonaws.cn/s3"] {
        let words = format!("open --profile production --print --destination {page}");
        let output = aws.run("alice", &words);
        assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{page}: {}", output.stderr);
    }
    assert!(aws.dev.records().is_empty() && aws.sign_in.sessions().is_empty());
}

#[test]
fn a_sign_in_that_refuses_or_cannot_be_reached_is_exit_3_without_a_secret() {
    let aws = Aws::start();
    // The TVM responds to this request with 404, and to another path with its own error.
    for (address, part) in [
        (aws.dev.url.as_str(), "AWS does not accept the credentials for the console"),
        ("http://127.0.0.1:1", "cannot reach http://127.0.0.1:1/"),
    ] {
        let mut command = aws.command("alice", "open --profile production --print --verbose");
        let output = run(command.env("AWS_ENDPOINT_URL_SIGNIN", address));
        assert_eq!((output.status, output.stdout.as_str()), (3, ""));
        assert!(output.stderr.contains(part), "{}", output.stderr);
        assert!(!output.stderr.contains("ASIA"), "{}", output.stderr);
    }
    let mut command = aws.command("alice", "open --profile production --print");
    let output = run(command.env("AWS_ENDPOINT_URL_SIGNIN", "http://signin.example"));
    assert_eq!(output.status, 2, "credentials are not sent unencrypted: {}", output.stderr);
}
