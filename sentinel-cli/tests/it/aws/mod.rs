//! The commands that send requests to AWS, as processes, against emulators and the
//! strict STS.

mod audit;
mod bootstrap;
mod dev;
mod doctor;
mod errors;
mod groups;
mod permissions;
mod policies;
mod sessions;

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::TableDescription;
use sentinel_testkit::emulator::{Emulator, Kind, ROOT_KEY};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use doctor::World;

use crate::running::{CommandOutput, run, sentinel};

/// Both emulators that have SSM and DynamoDB.
const KINDS: [Kind; 2] = [Kind::Ministack, Kind::Moto];

const POLICY: &str = "version: \"1\"
rules:
  - name: business
    effect: allow
    conditions: { profiles: [NAME], users: [alice] }
";

/// A section that only the main document may contain.
const OPERATORS: &str = "operators: [{ name: security, users: [carol], may: [revoke] }]\n";

/// A policy of at least that number of bytes.
fn long(name: &str, bytes: usize) -> String {
    let mut text = POLICY.replace("NAME", name);
    while text.len() < bytes {
        text.push_str("# a line that makes it longer than a parameter may be\n");
    }
    text
}

/// Part of an emulated account: tables and parameters with names that no other test
/// uses, and a folder with policies.
struct Account {
    emulator: Arc<Emulator>,
    runtime: tokio::runtime::Runtime,
    id: &'static str,
    home: TempDir,
}

impl Account {
    fn new(kind: Kind, id: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let emulator = runtime.block_on(Emulator::shared(kind)).unwrap();
        let account = Self { emulator, runtime, id, home: TempDir::new().unwrap() };
        std::fs::create_dir(account.file("")).unwrap();
        account.write("main", &POLICY.replace("NAME", "main"));
        account.write("production", &POLICY.replace("NAME", "production"));
        account
    }

    /// The file of a document, or the folder if the name is empty.
    fn file(&self, name: &str) -> PathBuf {
        let folder = self.home.path().join("policies");
        if name.is_empty() { folder } else { folder.join(format!("{name}.yaml")) }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).unwrap();
    }

    fn table(&self, name: &str) -> String {
        format!("{}-{name}", self.id)
    }

    fn path(&self, name: &str) -> String {
        format!("/{}/policies/{name}", self.id)
    }

    /// The command in this account, signed with a key whose secret equals its id.
    fn command(&self, words: &str) -> Command {
        let mut command = sentinel(self.home.path());
        command
            .current_dir(self.home.path())
            .args(words.split_whitespace())
            .env("AWS_ENDPOINT_URL", self.emulator.url())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", ROOT_KEY)
            .env("AWS_SECRET_ACCESS_KEY", ROOT_KEY)
            .env("SENTINEL_SESSION_TABLE", self.table("sessions"))
            .env("SENTINEL_APPROVAL_TABLE", self.table("approvals"))
            .env("SENTINEL_BREAKGLASS_TABLE", self.table("breakglass"))
            .env("SENTINEL_POLICY_TABLE", self.table("policies"))
            .env("SENTINEL_POLICY_PARAMETER", self.path("main"));
        command
    }

    fn run(&self, words: &str) -> CommandOutput {
        run(&mut self.command(words))
    }

    /// Runs the command, and returns its JSON and its exit status.
    fn json(&self, words: &str) -> (Value, i32) {
        let output = self.run(&format!("{words} --format json"));
        (output.json(), output.status)
    }

    fn config(&self) -> SdkConfig {
        self.emulator.config().unwrap()
    }

    /// A table as the emulator describes it. `None` if it does not exist.
    fn describe(&self, name: &str) -> Option<TableDescription> {
        let client = aws_sdk_dynamodb::Client::new(&self.config());
        let request = client.describe_table().table_name(self.table(name)).send();
        match self.runtime.block_on(request) {
            Ok(found) => found.table,
            Err(error) => {
                let absent = error.as_service_error().unwrap().is_resource_not_found_exception();
                assert!(absent, "{error:?}");
                None
            }
        }
    }

    /// The text and the version of a parameter. `None` if it does not exist.
    fn parameter(&self, name: &str) -> Option<(String, i64)> {
        let client = aws_sdk_ssm::Client::new(&self.config());
        let request = client.get_parameter().name(self.path(name)).with_decryption(true).send();
        match self.runtime.block_on(request) {
            Ok(found) => {
                let found = found.parameter.unwrap();
                Some((found.value.unwrap(), found.version))
            }
            Err(error) => {
                assert!(error.as_service_error().unwrap().is_parameter_not_found(), "{error:?}");
                None
            }
        }
    }

    /// Writes a parameter without the command.
    fn put(&self, name: &str, text: &str, kind: aws_sdk_ssm::types::ParameterType) {
        let client = aws_sdk_ssm::Client::new(&self.config());
        let put = client.put_parameter().name(self.path(name)).value(text).r#type(kind);
        self.runtime.block_on(put.overwrite(true).send()).unwrap();
    }
}

/// The state of each item of a list in a report, by name.
fn states(report: &Value, list: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let items = report[list].as_array().unwrap();
    items.iter().map(|item| (text(&item["name"]), text(&item["state"]))).collect()
}

/// Whether all items of a list are in that state.
fn all(report: &Value, list: &str, state: &str) -> bool {
    let states = states(report, list);
    !states.is_empty() && states.iter().all(|(_, found)| found == state)
}

/// Writes to a process that reads from its stdin.
fn type_text(mut stdin: impl Write, text: &str) {
    stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).unwrap();
}
