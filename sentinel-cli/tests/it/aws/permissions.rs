//! The administrator's commands send exactly the calls that the administrator's IAM
//! document allows: every step runs through a recording proxy.
//!
//! ministack refuses every call that the document does not allow. The comparison
//! finds permissions that the document grants without need.

use std::path::{Path, PathBuf};

use aws_sdk_dynamodb::Client;
use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use sentinel_store::dynamodb::TableDefinition;
use sentinel_testkit::emulator::{Emulator, Kind};
use sentinel_testkit::keys::Keys;
use sentinel_testkit::permissions::{Difference, differences};
use sentinel_testkit::proxy::Proxy;
use sentinel_testkit::recorded::{Holder, KEY, deployment, place};
use tokio::process::Command;

/// An administrator with separate credentials, and a working folder.
struct Administrator {
    keys: Keys,
    proxy: Proxy,
    folder: tempfile::TempDir,
}

impl Administrator {
    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs the command, which must succeed.
    async fn sentinel(&self, arguments: &str, more: &[&Path]) {
        let output = Command::new(env!("CARGO_BIN_EXE_sentinel"))
            .args(arguments.split_whitespace())
            .args(more)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ENDPOINT_URL", self.proxy.url())
            .env("AWS_ACCESS_KEY_ID", &self.keys.id)
            .env("AWS_SECRET_ACCESS_KEY", &self.keys.secret)
            .env("AWS_SESSION_TOKEN", &self.keys.token)
            .output()
            .await
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "sentinel {arguments} {more:?}: {stderr}");
    }
}

fn policy(profile: &str, bytes: usize) -> String {
    let text = format!(
        "version: \"1\"\nrules:\n  - {{ name: alice, effect: allow, conditions: {{ profiles: \
         [{profile}], users: [alice] }} }}\n"
    );
    let comment = "x".repeat(bytes.saturating_sub(text.len() + 3));
    format!("{text}# {comment}\n")
}

#[tokio::test]
async fn administrators_send_exactly_the_calls_that_their_document_allows() {
    let emulator = Emulator::start(Kind::Ministack).await.unwrap();
    let root = emulator.config().unwrap();
    // A table as another administrator would have created it, and a parameter under
    // a key.
    let created =
        TableDefinition::SESSIONS.create(&Client::new(&root), "sentinel-sessions").unwrap();
    created.send().await.unwrap();
    aws_sdk_ssm::Client::new(&root)
        .put_parameter()
        .name("/sentinel/policies/secret")
        .value(policy("secret", 0))
        .r#type(ParameterType::SecureString)
        .key_id(KEY)
        .tier(ParameterTier::Standard)
        .send()
        .await
        .unwrap();
    let administrator = Administrator {
        keys: Keys::of(&emulator, Kind::Ministack, Holder::Administrator).await.unwrap(),
        proxy: Proxy::start_for(Holder::Administrator, &emulator.url()).await.unwrap(),
        folder: tempfile::tempdir().unwrap(),
    };
    administrator.write("policies/main.yaml", &policy("main", 0));
    let table = "--policy-table sentinel-policies";
    administrator.sentinel(&format!("bootstrap --dry-run {table}"), &[]).await;
    administrator.sentinel(&format!("bootstrap {table}"), &[]).await;
    administrator.sentinel(&format!("bootstrap {table}"), &[]).await;
    let push = format!("policy push --yes --move {table}");
    for (name, bytes) in [
        // In SSM: new and changed; encrypted, standard and advanced; grown too
        // large.
        ("main", 300),
        ("secret", 300),
        ("secret", 5_000),
        ("secret", 9_000),
        // In the table: new and changed.
        ("bulky", 9_000),
        ("bulky", 400_000),
    ] {
        let file = administrator.write(&format!("{name}.yaml"), &policy(name, bytes));
        administrator.sentinel(&push, &[&file]).await;
    }
    for name in ["main", "secret", "bulky"] {
        administrator.sentinel(&format!("policy pull {name} {table}"), &[]).await;
        administrator.sentinel(&format!("policy history {name} {table}"), &[]).await;
    }
    administrator.sentinel(&format!("policy list {table}"), &[]).await;
    administrator.sentinel(&format!("policy pull --all pulled {table}"), &[]).await;
    let deployment = deployment().unwrap();
    let document = deployment.document(Holder::Administrator.document());
    let differences = differences(&document, &administrator.proxy.calls(), &place(&deployment));
    let differences: Vec<String> = differences.iter().map(Difference::to_string).collect();
    assert_eq!(differences, Vec::<String>::new());
}
