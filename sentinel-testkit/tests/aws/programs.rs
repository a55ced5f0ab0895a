//! The stand-in and the proxy as processes, one in front of the other.

use std::process::Stdio;

use aws_credential_types::Credentials;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::roles::{PROTECTED, SECRET, TVM_ROLE, USER_KEY, trust};
use sentinel_testkit::signed;

/// Starts a program and reads the line that it prints.
async fn start(program: &str, arguments: &[&str]) -> (Child, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    (child, ready["url"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn both_programs_print_their_address_and_end_on_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let setup = folder.path().join("setup.json");
    let text = json!({
        "callers": [{
            "arn": "arn:aws:iam::111122223333:user/alice",
            "access_key_id": USER_KEY,
            "secret_access_key": SECRET,
            "policies": [],
        }],
        "roles": [{ "arn": PROTECTED, "trust": trust() }],
    });
    std::fs::write(&setup, text.to_string()).unwrap();
    let record = folder.path().join("calls.jsonl");
    let (mut sts, url) =
        start(env!("CARGO_BIN_EXE_sts-stand-in"), &[setup.to_str().unwrap()]).await;
    let arguments = ["--upstream", &url, "--record", record.to_str().unwrap()];
    let (mut proxy, url) = start(env!("CARGO_BIN_EXE_aws-proxy"), &arguments).await;

    let alice = Credentials::new(USER_KEY, SECRET, None, None, "test");
    let form = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    let answer = signed::post(&url, &alice, &form).await.unwrap();
    assert_eq!(answer.element("Arn"), Some("arn:aws:iam::111122223333:user/alice"));
    let recorded = std::fs::read_to_string(&record).unwrap();
    let recorded = sentinel_testkit::call::read_record(&recorded).unwrap();
    assert!(recorded.len() == 1 && recorded[0].is("sts", "GetCallerIdentity"), "{recorded:?}");

    for child in [&mut sts, &mut proxy] {
        let id = child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        assert!(child.wait().await.unwrap().success());
    }
}

#[tokio::test]
async fn a_wrong_setup_or_argument_is_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let setup = folder.path().join("setup.json");
    let untrusting = json!({ "callers": [], "roles": [{ "arn": TVM_ROLE, "trust": {} }] });
    std::fs::write(&setup, untrusting.to_string()).unwrap();
    for (program, arguments) in [
        (env!("CARGO_BIN_EXE_sts-stand-in"), vec![]),
        (env!("CARGO_BIN_EXE_sts-stand-in"), vec!["/nowhere/setup.json"]),
        (env!("CARGO_BIN_EXE_sts-stand-in"), vec![setup.to_str().unwrap()]),
        (env!("CARGO_BIN_EXE_aws-proxy"), vec![]),
        (env!("CARGO_BIN_EXE_aws-proxy"), vec!["--upstream"]),
        (env!("CARGO_BIN_EXE_aws-proxy"), vec!["--upstream", "127.0.0.1:1"]),
        (env!("CARGO_BIN_EXE_aws-proxy"), vec!["--upstreams", "http://127.0.0.1:1"]),
    ] {
        let output = Command::new(program).args(&arguments).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{program} {arguments:?}");
        assert!(output.stdout.is_empty());
        assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"));
    }
}
