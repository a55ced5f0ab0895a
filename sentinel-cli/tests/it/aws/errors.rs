//! The messages if AWS refuses a request, and a test that the `administrator`
//! document is sufficient.

use std::net::TcpListener;

use sentinel_testkit::emulator::ROOT_KEY;
use serde_json::json;

use super::{Account, KINDS, all};
use crate::running::{Said, run};
use crate::wire::{Key, Request};

impl Account {
    /// Creates an IAM user with that policy, and returns its access key.
    fn user(&self, name: &str, policy: &str) -> (String, String) {
        let address = self.emulator.address();
        let root = Key { id: ROOT_KEY.to_owned(), secret: ROOT_KEY.to_owned(), token: None };
        let iam = |parameters: &[(&str, &str)]| {
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(parameters).append_pair("Version", "2010-05-08");
            let answer = Request::new("POST", "/", form.finish().as_bytes())
                .with("content-type", "application/x-www-form-urlencoded")
                .signed(address, &root, "iam")
                .send(address);
            assert_eq!(answer.status, 200, "{answer:?}");
            answer.body
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

    fn run_as(&self, (id, secret): &(String, String), words: &str) -> Said {
        let mut command = self.command(words);
        run(command.env("AWS_ACCESS_KEY_ID", id).env("AWS_SECRET_ACCESS_KEY", secret))
    }
}

#[test]
fn the_administrator_document_is_enough_for_all_that_administrators_run() {
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
        let said = account.run_as(&administrator, &format!("{words} --format json"));
        assert_eq!(said.status, 0, "{words}: {}", said.err);
        said.json()
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
fn whoever_may_not_is_told_which_action_it_needs_and_where_it_is_granted() {
    let account = Account::new(KINDS[0], "nothing");
    let nobody = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*",
    }] });
    let nobody = account.user("nobody", &nobody.to_string());
    let said = account.run_as(&nobody, "bootstrap");
    assert_eq!((said.status, said.out.as_str()), (3, ""));
    assert!(said.err.contains("refuses `dynamodb:DescribeTable`"), "{}", said.err);
    assert!(said.err.contains("sentinel iam administrator"), "{}", said.err);
    let said = account.run_as(&nobody, "policy list");
    assert!(said.status == 3 && said.err.contains("sentinel iam administrator"), "{}", said.err);
}

#[test]
fn credentials_that_are_not_good_are_told_from_permissions_that_lack() {
    let account = Account::new(KINDS[0], "stranger");
    let stranger = ("AKIAIOSFODNN7EXAMPLE".to_owned(), "hunter2".to_owned());
    for words in ["bootstrap", "policy list", "iam"] {
        let said = account.run_as(&stranger, words);
        assert_eq!((said.status, said.out.as_str()), (3, ""), "{words}");
        assert!(said.err.contains("log in again"), "{words}: {}", said.err);
        assert!(!said.err.contains("hunter2"));
    }
}

#[test]
fn an_end_point_that_is_not_there_is_told_as_such() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let home = tempfile::TempDir::new().unwrap();
    for words in ["bootstrap", "policy list"] {
        let mut command = crate::running::sentinel(home.path());
        let said = run(command
            .current_dir(home.path())
            .args(words.split_whitespace())
            .env("AWS_ENDPOINT_URL", format!("http://{port}"))
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test"));
        assert_eq!((said.status, said.out.as_str()), (3, ""), "{words}");
        let told = said.err.contains("cannot be reached") || said.err.contains("unavailable");
        assert!(told, "{words}: {}", said.err);
    }
}
