//! `docs/identities.md`: the command `whoami` has the output of each row of its table, and the
//! policy for a pipeline decides as stated.
//!
//! The TVM is behind a stand-in for API Gateway, which reports the ARN of the row as the one that IAM
//! verified. `sentinel dev` has no root users and no federated users.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sentinel_broker::{Broker, Home, LocalIssuer, OsRandom, Parts, SessionTable};
use sentinel_policy::{CheckedPolicy, Facts, Limits, Principal, Request, Verdict};
use sentinel_store::memory::{MemoryPolicies, MemorySessions, MemorySink};
use sentinel_store::{PolicyPath, SystemClock};
use sentinel_tvm::{Config, Invocation, Tvm};
use serde_json::json;
use tempfile::TempDir;

use super::{blocks, quoted, table, text};
use crate::running::{CommandOutput, run, sentinel};

const DOCUMENT: &str = "docs/identities.md";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:111122223333:function:sentinel-tvm";
const PARAMETER: &str = "/sentinel/policies/main";

/// The variables of the TVM in the document.
fn variables() -> BTreeMap<String, String> {
    let blocks = blocks(&text(DOCUMENT));
    let block = blocks.iter().find(|block| block.has_word("variables")).unwrap();
    let pairs = block.text.lines().map(|line| line.split_once('=').unwrap());
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    pairs.chain([("SENTINEL_POLICY_PARAMETER".to_owned(), PARAMETER.to_owned())]).collect()
}

/// A TVM with these variables, and everything that it stores in memory.
fn tvm() -> Tvm {
    let variables = variables();
    let config = Config::read(|name| variables.get(name).cloned()).unwrap();
    let policies = MemoryPolicies::new();
    policies
        .put(&PolicyPath::new(PARAMETER), "{version: \"1\", rules: [{name: none, effect: deny}]}");
    let issuer = LocalIssuer::new([1; 32], Arc::new(SystemClock), Arc::new(OsRandom));
    let sessions = SessionTable::new("sentinel-sessions", Arc::new(MemorySessions::new()));
    let parts = Parts::new(Arc::new(policies), Arc::new(issuer), Arc::new(MemorySink::new()));
    Tvm::new(Broker::new(config.settings, parts.with_sessions(sessions)), None)
}

/// The path of a request without a body.
fn read_path(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1);
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    head.split(' ').nth(1).unwrap().to_owned()
}

/// A server that answers as API Gateway does, if IAM verified that this principal signed.
fn gateway(principal: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let principal = principal.to_owned();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tvm = tvm();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let path = read_path(&mut stream);
            let account = principal.split(':').nth(4).unwrap();
            let event = json!({
                "version": "2.0",
                "rawPath": path,
                "rawQueryString": "",
                "headers": {},
                "requestContext": {
                    "http": { "method": "GET", "path": path, "sourceIp": "192.0.2.7" },
                    "authorizer": { "iam": {
                        "accountId": account,
                        "cognitoIdentity": null,
                        "principalOrgId": null,
                        "userArn": principal,
                    } },
                    "requestId": "r-1",
                    "stage": "$default",
                },
                "isBase64Encoded": false,
            });
            let home = Home::from_arn(FUNCTION).unwrap();
            let deadline = Instant::now() + Duration::from_secs(30);
            let invocation = Invocation::new("r-1", home, deadline);
            let response = runtime.block_on(tvm.handle(&event, &invocation));
            let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", response.status_code);
            for (name, value) in &response.headers {
                write!(head, "{name}: {value}\r\n").unwrap();
            }
            write!(head, "content-length: {}\r\n\r\n", response.body.len()).unwrap();
            stream.write_all((head + &response.body).as_bytes()).unwrap();
        }
    });
    address
}

/// The output of the command for a caller with this ARN.
fn whoami(principal: &str, more: &[&str]) -> CommandOutput {
    let home = TempDir::new().unwrap();
    let mut command = sentinel(home.path());
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", "us-east-1")
        .args(["whoami", "--tvm", &format!("http://{}", gateway(principal))])
        .args(more);
    run(&mut command)
}

#[test]
fn whoami_has_the_output_of_every_row_of_identities() {
    let rows = table(&text(DOCUMENT), "## The table");
    let (mut served, mut refused) = (0, 0);
    for row in &rows {
        let principal = quoted(&row[1]).remove(0);
        let output = whoami(&principal, &["--format", "json"]);
        let expected = quoted(&row[2]).remove(0);
        if row[2].starts_with("refused: ") {
            assert_eq!(output.status, 1, "{principal}: {}", output.stderr);
            assert!(output.stderr.contains(&expected), "{principal}: {}", output.stderr);
            assert_eq!(row[3], "", "{principal}");
            refused += 1;
            continue;
        }
        assert_eq!(output.status, 0, "{principal}: {}", output.stderr);
        let me = output.json();
        assert_eq!(me["user"], *expected, "{principal}");
        assert_eq!(me["caller"], *quoted(&row[3]).remove(0), "{principal}");
        assert_eq!(me["principal"], *principal);
        assert_eq!(me["account"], *principal.split(':').nth(4).unwrap());
        served += 1;
    }
    assert!(served > 10 && refused > 3, "{served} {refused}");
}

#[test]
fn the_output_of_whoami_in_identities_is_that_of_the_command() {
    let blocks = blocks(&text(DOCUMENT));
    let shown = blocks.iter().position(|block| block.has_word("whoami")).unwrap();
    let output = whoami(&blocks[shown].info[2], &[]);
    assert_eq!((output.status, output.stdout.as_str()), (0, blocks[shown + 1].text.as_str()));
}

#[test]
fn the_policy_of_a_pipeline_in_identities_decides_as_stated() {
    let document = text(DOCUMENT);
    let blocks = blocks(&document);
    let policy = blocks.iter().find(|block| block.text.starts_with("version:")).unwrap();
    let policy = CheckedPolicy::parse(policy.text.as_bytes(), &Limits::default()).unwrap();
    let policy = policy.compile();
    let decided = blocks.iter().find(|block| block.has_word("decided")).unwrap();
    let now = "2026-03-02T10:00:00Z".parse().unwrap();
    let mut seen = Vec::new();
    for line in decided.text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [user, profile, account, effect] = words[..] else { panic!("{line}") };
        let caller = Principal::new(user).with_account(account);
        let verdict = policy.decide(&Request::new(caller, profile), &Facts::default(), now).verdict;
        let expected = match effect {
            "allow" => Verdict::Allow,
            "deny" => Verdict::Deny,
            other => panic!("{other}"),
        };
        assert_eq!(verdict, expected, "{line}");
        seen.push(effect);
    }
    assert!(seen.contains(&"allow") && seen.contains(&"deny"));
}

#[test]
fn the_trust_policy_in_identities_is_for_one_repository() {
    let blocks = blocks(&text(DOCUMENT));
    let trust = blocks.iter().find(|block| block.language() == "json").unwrap();
    let trust: serde_json::Value = serde_json::from_str(&trust.text).unwrap();
    let equals = &trust["Statement"][0]["Condition"]["StringEquals"];
    let subject = equals["token.actions.githubusercontent.com:sub"].as_str().unwrap();
    assert!(subject.starts_with("repo:example/orders:") && !subject.contains('*'), "{subject}");
}
