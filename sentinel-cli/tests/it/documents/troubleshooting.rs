//! `docs/troubleshooting.md`: it lists every error code, and the messages that it quotes are those of
//! the program.

use std::collections::BTreeSet;

use sentinel_broker::ErrorCode;
use tempfile::TempDir;

use super::{quoted, table, text};
use crate::responses::Server;
use crate::running::{CommandOutput, run, run_words, sentinel};

const DOCUMENT: &str = "docs/troubleshooting.md";

#[test]
fn troubleshooting_lists_every_code_with_its_status_and_no_other() {
    let rows = table(&text(DOCUMENT), "## A code in capital letters");
    let listed: Vec<(String, String)> =
        rows.iter().map(|row| (row[0].clone(), quoted(&row[1]).remove(0))).collect();
    let codes: BTreeSet<(String, String)> = ErrorCode::ALL
        .iter()
        .map(|code| (code.status().to_string(), code.as_str().to_owned()))
        .collect();
    assert_eq!(listed.len(), codes.len(), "a code is there twice");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), codes);
}

/// The command with an access key, for a TVM at this address.
fn at(tvm: &str) -> CommandOutput {
    let home = TempDir::new().unwrap();
    let mut command = sentinel(home.path());
    command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
    run(command.args(["credentials", "--profile", "production", "--no-cache", "--tvm", tvm]))
}

/// The command with this AWS configuration file.
fn with_config(config: &str, more: &[&str]) -> CommandOutput {
    let home = TempDir::new().unwrap();
    let file = home.path().join("config");
    std::fs::write(&file, config).unwrap();
    let mut command = sentinel(home.path());
    command.env("AWS_CONFIG_FILE", &file);
    run(command.args(["whoami", "--tvm", "http://127.0.0.1:1"]).args(more))
}

const SIGNED_OUT: &str = "[profile me]\nsso_session = corp\nsso_account_id = 111122223333\n\
    sso_role_name = Developers\n[sso-session corp]\nsso_start_url = https://example.awsapps.com/start\n\
    sso_region = us-east-1\n";
const OWN: &str = "[profile own]\ncredential_process = sentinel credentials --profile production\n";
const OLD: &str = r#"{"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"s","Token":"t","Expiration":"2020-01-01T00:00:00Z"}"#;

#[test]
fn the_command_reports_each_cause_before_a_request_as_troubleshooting_states() {
    let json = "content-type: application/json\r\n";
    let not_found = Server::start("404 Not Found", json, r#"{"message":"Not Found"}"#);
    let html = Server::start("200 OK", "content-type: text/html\r\n", "<html>");
    let expired = Server::start("200 OK", json, OLD);
    let outputs = [
        run_words("whoami"),
        with_config("[profile you]\nregion = us-east-1\n", &["--aws-profile", "me"]),
        with_config(SIGNED_OUT, &["--aws-profile", "me"]),
        with_config("", &[]),
        with_config(OWN, &["--aws-profile", "own"]),
        at("http://127.0.0.1:1"),
        at(&not_found.url()),
        at(&html.url()),
        at(&expired.url()),
    ];
    let rows = table(&text(DOCUMENT), "## Nothing was sent");
    assert_eq!(rows.len(), outputs.len());
    for (row, output) in rows.iter().zip(&outputs) {
        let words = quoted(&row[0]).remove(0);
        assert!(output.stderr.contains(&words), "{words}: {}", output.stderr);
        let status = if words == "no TVM is configured" { 2 } else { 3 };
        assert_eq!(output.status, status, "{words}: {}", output.stderr);
    }
}

#[test]
fn a_message_of_api_gateway_is_shown_with_its_status_and_the_next_step() {
    let rows = table(&text(DOCUMENT), "## A message of API Gateway");
    let json = "content-type: application/json\r\n";
    let mut explained = 0;
    for message in rows.iter().flat_map(|row| quoted(&row[0])) {
        let body = format!("{{\"message\":\"{message}\"}}");
        let (http, exit, no_tvm) = match message.as_str() {
            "Missing Authentication Token" => ("403", 3, true),
            "Not Found" => ("404", 3, true),
            "Too Many Requests" => ("429", 3, false),
            _ => ("403", 1, false),
        };
        let output = at(&Server::start(&format!("{http} Refused"), json, &body).url());
        assert_eq!(output.status, exit, "{message}: {}", output.stderr);
        assert_eq!(output.stderr.contains("there is no TVM at"), no_tvm, "{message}");
        assert!(output.stderr.contains(&format!("HTTP {http}")), "{message}: {}", output.stderr);
        assert!(output.stderr.contains(&message), "{message}: {}", output.stderr);
        explained += usize::from(output.stderr.lines().count() > 1);
    }
    // Clock (2), region, and credentials that are invalid or expired (2).
    assert_eq!(explained, 5);
}

#[test]
fn the_statuses_in_troubleshooting_are_those_of_the_command() {
    let document = format!("\n{}", text(DOCUMENT));
    let rows = table(&document, "# Troubleshooting");
    let listed: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(listed, ["1", "2", "3"]);
    let json = "content-type: application/json\r\n";
    let refusal = r#"{"Code":"POLICY_DENY","Message":"x","RequestId":"r"}"#;
    let invalid = r#"{"Code":"INVALID_DURATION","Message":"x","RequestId":"r"}"#;
    let failure = r#"{"Code":"CONFIG_ERROR","Message":"x","RequestId":"r"}"#;
    for (status, body, expected) in [
        ("403 Forbidden", refusal, 1),
        ("400 Bad Request", invalid, 2),
        ("500 Internal Server Error", failure, 3),
    ] {
        let output = at(&Server::start(status, json, body).url());
        assert_eq!(output.status, expected, "{status}: {}", output.stderr);
    }
}
