//! The messages if AWS refuses a request, and a test that the `administrator`
//! document is sufficient.

use std::net::TcpListener;

use sentinel_testkit::emulator::ROOT_KEY;
use serde_json::json;

use super::{Account, KINDS, all};
use crate::running::{CommandOutput, run};
use crate::wire::{Key, Request};

impl Account {
    /// Creates an IAM user with that policy, and returns its access key.
    fn user(&self, name: &str, policy: &str) -> (String, String) {
        let address = self.emulator.address();
        let root = Key { id: ROOT_KEY.to_owned(), secret: ROOT_KEY.to_owned(), token: None };
        let iam = |parameters: &[(&str, &str)]| {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(parameters).append_pair("Version", "2010-05-08");
            let response = Request::new("POST", "/", form.finish().as_bytes())
                .with("content-type", "application/x-www-form-urlencoded")
                .signed(address, &root, "iam")
                .send(address);
            assert_eq!(response.status, 200, "{response:?}");
            response.body
        };
        iam(&[("Action", "CreateUser"), ("UserName", name)]);
        iam(&[
            ("Action", "PutUserPolicy"),
            ("UserName", name),
            ("PolicyName", "all"),
            ("PolicyDocument", policy),
        ]);
        let key = iam(&[("Action", "CreateAccessKey"), ("UserName", name)]);
        let between = |tag: &str| {
            let (_, rest) = key.split_once(&format!("<{tag}>")).unwrap_or_else(|| panic!("{key}"));
            rest.split_once('<').unwrap().0.to_owned()
        };
        (between("AccessKeyId"), between("SecretAccessKey"))
    }

    fn run_as(&self, (id, secret): &(String, String), words: &str) -> CommandOutput {
        let mut command = self.command(words);
        run(command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret))
    }
}

#[test]
fn the_administrator_document_is_sufficient_for_every_administrator_command() {
    // The emulator that evaluates identity policies.
    let account = Account::new(KINDS[0], "administrator");
    let mut document = account.run("iam administrator").json();
    // AWS evaluates this action on the requested path; the emulator requires it on
    // every resource.
    document["Statement"].as_array_mut().unwrap().push(json!({
        "Effect": "Allow", "Action": "ssm:GetParametersByPath", "Resource": "*",
    }));
    let administrator = account.user("administrator", &document.to_string());
    let as_administrator = |words: &str| {
        let output = account.run_as(&administrator, &format!("{words} --format json"));
        assert_eq!(output.status, 0, "{words}: {}", output.stderr);
        output.json()
    };
    let report = as_administrator("bootstrap");
    assert!(all(&report, "tables", "created") && all(&report, "policies", "created"), "{report}");
    account.write("production", &super::long("production", 4_000));
    as_administrator("policy push policies/production.yaml --yes");
    account.write("production", &super::long("production", 9_000));
    as_administrator("policy push policies/production.yaml --yes --move");
    for words in ["list", "history production", "pull main --version 1", "pull production"] {
        as_administrator(&format!("policy {words}"));
    }
}

#[test]
fn a_missing_permission_is_reported_with_its_action_and_the_document_that_grants_it() {
    let account = Account::new(KINDS[0], "unauthorized");
    let unauthorized = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*",
    }] });
    let unauthorized = account.user("unauthorized", &unauthorized.to_string());
    let output = account.run_as(&unauthorized, "bootstrap");
    assert_eq!((output.status, output.stdout.as_str()), (3, ""));
    assert!(output.stderr.contains("refuses `dynamodb:DescribeTable`"), "{}", output.stderr);
    assert!(output.stderr.contains("sentinel iam administrator"), "{}", output.stderr);
    let output = account.run_as(&unauthorized, "policy list");
    assert!(
        output.status == 3 && output.stderr.contains("sentinel iam administrator"),
        "{}",
        output.stderr
    );
}

#[test]
fn invalid_credentials_and_missing_permissions_have_different_messages() {
    let account = Account::new(KINDS[0], "stranger");
    let stranger = ("AKIAIOSFODNN7EXAMPLE".to_owned(), "hunter2".to_owned());
    for words in ["bootstrap", "policy list", "iam"] {
        let output = account.run_as(&stranger, words);
        assert_eq!((output.status, output.stdout.as_str()), (3, ""), "{words}");
        assert!(output.stderr.contains("log in again"), "{words}: {}", output.stderr);
        assert!(!output.stderr.contains("hunter2"));
    }
}

#[test]
fn an_unreachable_endpoint_is_reported() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = tempfile::TempDir::new().unwrap();
    for words in ["bootstrap", "policy list"] {
        let mut command = crate::running::sentinel(home.path());
        let output = run(command
            .current_dir(home.path())
            .args(words.split_whitespace())
            .env("AWS_ENDPOINT_URL", format!("http://{port}"))
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test"));
        assert_eq!((output.status, output.stdout.as_str()), (3, ""), "{words}");
        let reported =
            output.stderr.contains("cannot be reached") || output.stderr.contains("unavailable");
        assert!(reported, "{words}: {}", output.stderr);
    }
}
