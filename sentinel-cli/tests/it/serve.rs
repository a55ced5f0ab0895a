//! `sentinel serve`: the ready message, a token per profile, and the end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::exec::{Running, decisions, kill, until};
use crate::running::{Dev, run, run_words};
use crate::wire::{Request, Response};

const WORDS: &str = "serve --profile production --profile staging --listen 127.0.0.1:0";

/// Requests the credentials of a URL with a token.
fn fetch(url: &str, token: &str) -> Response {
    let (address, profile) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let address: SocketAddr = address.parse().unwrap();
    Request::new("GET", &format!("/{profile}"), b"")
        .with("host", &address.to_string())
        .with("authorization", token)
        .send(address)
}

fn variable(ready: &Value, index: usize, name: &str) -> String {
    ready["profiles"][index]["variables"][name].as_str().unwrap().to_owned()
}

const URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

#[test]
fn each_profile_has_a_path_and_a_token_and_a_signal_ends_the_endpoint() {
    let dev = Dev::start();
    for signal in ["TERM", "INT", "HUP"] {
        let serve = Running::start(dev.client("alice", &format!("{WORDS} --format json")));
        let ready: Value = serde_json::from_str(&serve.line()).unwrap();
        assert_eq!(ready["profiles"][1]["profile"], "staging");
        let tokens = [0, 1].map(|index| variable(&ready, index, TOKEN));
        let urls = [0, 1].map(|index| variable(&ready, index, URI));
        assert_eq!(urls[0], format!("{}/production", ready["url"].as_str().unwrap()));
        for (url, token, status) in [
            (&urls[0], &tokens[0], 200),
            (&urls[1], &tokens[1], 200),
            (&urls[0], &tokens[1], 401),
            (&urls[1], &tokens[0], 401),
        ] {
            assert_eq!(fetch(url, token).status, status, "{url}");
        }
        serve.signal(signal);
        assert_eq!(serve.end(), (0, String::new()), "{signal}");
    }
}

#[test]
fn an_endpoint_that_ignores_sighup_survives_the_end_of_its_terminal() {
    let dev = Dev::start();
    let client = dev.client("alice", "");
    let mut nohup = Command::new("sh");
    nohup.env_clear().envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let words = format!("trap '' HUP; exec \"$0\" {WORDS} --format json");
    nohup.args(["-c", &words, env!("CARGO_BIN_EXE_sentinel")]);
    let serve = Running::start(nohup);
    let ready: Value = serde_json::from_str(&serve.line()).unwrap();
    serve.signal("HUP");
    let response = fetch(&variable(&ready, 0, URI), &variable(&ready, 0, TOKEN));
    assert_eq!(response.status, 200, "{response:?}");
    serve.signal("TERM");
    assert_eq!(serve.end(), (0, String::new()));
}

#[test]
fn a_profile_that_is_refused_does_not_end_the_endpoint() {
    let dev = Dev::start();
    let serve = Running::start(dev.client("mallory", &format!("{WORDS} --format json")));
    let ready: Value = serde_json::from_str(&serve.line()).unwrap();
    let response = fetch(&variable(&ready, 0, URI), &variable(&ready, 0, TOKEN));
    assert_eq!((response.status, &response.json()["code"]), (403, &"POLICY_DENY".into()));
    serve.signal("TERM");
    let (status, stderr) = serve.end();
    assert_eq!(status, 0);
    assert!(stderr.starts_with("warning: no credentials of `production`: POLICY_DENY"), "{stderr}");
}

#[test]
fn token_files_are_private_and_the_variables_survive_a_restart() {
    let dev = Dev::start();
    let folder = dev.home.path().join("tokens");
    let words = format!("{WORDS} --format json --token-dir {}", folder.display());
    let serve = Running::start(dev.client("alice", &words));
    let ready: Value = serde_json::from_str(&serve.line()).unwrap();
    let file = variable(&ready, 0, TOKEN_FILE);
    assert_eq!(file, folder.canonicalize().unwrap().join("production.token").display().to_string());
    let mode = |path: &str| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(folder.to_str().unwrap())), (0o600, 0o700));
    let (url, first) = (variable(&ready, 0, URI), std::fs::read_to_string(&file).unwrap());
    assert_eq!(fetch(&url, &first).status, 200);
    assert!(!ready.to_string().contains(&first));
    serve.signal("TERM");
    assert_eq!(serve.end(), (0, String::new()));

    let listen = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let again = words.replace("127.0.0.1:0", listen);
    // Another process can have taken the port meanwhile; then there is nothing to check.
    let serve = Running::start(dev.client("alice", &again));
    let ready: Value = serde_json::from_str(&serve.line()).unwrap();
    assert_eq!(
        (variable(&ready, 0, URI), variable(&ready, 0, TOKEN_FILE)),
        (url.clone(), file.clone())
    );
    let second = std::fs::read_to_string(&file).unwrap();
    assert_ne!(first, second);
    assert_eq!(fetch(&url, &second).status, 200);
    assert_eq!(fetch(&url, &first).status, 401);
}

#[test]
fn a_token_folder_that_others_can_write_to_is_refused() {
    let dev = Dev::start();
    let folder = dev.home.path().join("open");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let words = format!("{WORDS} --token-dir {}", folder.display());
    let output = dev.run("alice", &words);
    assert_eq!(output.status, 3);
    assert!(output.stderr.contains("for the tokens"), "{}", output.stderr);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn the_message_for_people_has_lines_for_a_shell() {
    let dev = Dev::start();
    let serve = Running::start(dev.client("alice", WORDS));
    assert!(serve.line().starts_with("Sentinel serves credentials at http://127.0.0.1:"));
    assert_eq!((serve.line(), serve.line()), (String::new(), "production:".to_owned()));
    let url = serve.line().strip_prefix(&format!("  export {URI}=")).unwrap().to_owned();
    let token = serve.line().strip_prefix(&format!("  export {TOKEN}=")).unwrap().to_owned();
    until("credentials", || fetch(&url, &token).status == 200);
}

#[test]
fn only_loopback_is_listened_on() {
    let dev = Dev::start();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80", "10.0.0.1:0"] {
        let output = dev.run("alice", &format!("serve --profile production --listen {address}"));
        assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{}", output.stderr);
        assert!(output.stderr.contains("other machines"), "{}", output.stderr);
    }
    for words in [
        "serve",
        "serve --profile a --profile a --tvm https://x",
        "serve --profile a/b --tvm https://x",
        "serve --profile a --listen localhost --tvm https://x",
    ] {
        assert_eq!(run_words(words).status, 2, "{words}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let holder = std::net::TcpListener::bind(taken).unwrap();
    let output =
        run(&mut dev.client("alice", &format!("serve --profile production --listen {taken}")));
    assert_eq!(output.status, 3);
    assert!(output.stderr.contains(&format!("cannot listen on {taken}: ")), "{}", output.stderr);
    drop(holder);
}

#[test]
fn two_hundred_concurrent_requests_share_the_first_vend() {
    let dev = Dev::start();
    let serve = Running::start(dev.client("alice", &format!("{WORDS} --format json")));
    let ready: Value = serde_json::from_str(&serve.line()).unwrap();
    let (url, token) = (variable(&ready, 0, URI), variable(&ready, 0, TOKEN));
    let mut bodies: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..200).map(|_| scope.spawn(|| fetch(&url, &token))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap().body).collect()
    });
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert!(bodies[0].contains("\"AccessKeyId\":\"ASIA"), "{bodies:?}");
    assert_eq!(decisions(&dev).len(), 1);
}

#[test]
fn a_client_that_disconnects_does_not_end_the_vend_that_others_wait_for() {
    let dev = Dev::start();
    let serve = Running::start(dev.client("alice", &format!("{WORDS} --format json")));
    let ready: Value = serde_json::from_str(&serve.line()).unwrap();
    let (url, token) = (variable(&ready, 0, URI), variable(&ready, 0, TOKEN));
    let address = url.strip_prefix("http://").unwrap().split('/').next().unwrap();
    kill("STOP", &dev.process().to_string());
    let mut first = TcpStream::connect(address).unwrap();
    let head = format!("host: {address}\r\nauthorization: {token}\r\n\r\n");
    first.write_all(format!("GET /production HTTP/1.1\r\n{head}").as_bytes()).unwrap();
    // Without a response: the TVM is stopped, and there are no credentials yet.
    first.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    assert!(first.read(&mut [0; 1]).is_err());
    let response = std::thread::scope(|scope| {
        let second = scope.spawn(|| fetch(&url, &token));
        drop(first);
        std::thread::sleep(Duration::from_secs(1));
        kill("CONT", &dev.process().to_string());
        second.join().unwrap()
    });
    assert_eq!(response.status, 200, "{response:?}");
    // A vend that was begun again would have been recorded by now, since it is answered in order.
    assert_eq!(dev.run("alice", "whoami").status, 0);
    assert_eq!(decisions(&dev).len(), 1);
}
