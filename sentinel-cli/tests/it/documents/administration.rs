//! `docs/administration.md`: its commands are run in order against an emulator, and
//! have the results that the document states. Its table lists every IAM document.

use std::process::{Command, Stdio};

use clap::ValueEnum;
use sentinel_iam::DocumentName;
use sentinel_testkit::emulator::{Emulator, Kind, ROOT_KEY};
use tempfile::TempDir;

use super::getting_started::matches;
use super::{blocks, quoted, root, table, text};

const DOCUMENT: &str = "docs/administration.md";

#[test]
fn every_command_in_administration_has_the_stated_result() {
    let home = run_all(DOCUMENT, &[]);
    for file in ["administrator.json", "tvm.json", "trust.json"] {
        let text = std::fs::read_to_string(home.path().join(file)).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["Statement"].is_array());
    }
}

/// Runs the `sh` blocks of a document in order against an emulator, after these commands, and compares
/// the output with the `text` blocks. The home directory has the example policies in `policies`.
pub(super) fn run_all(document: &str, before: &[&str]) -> TempDir {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    // It uses the names of the guide, so it needs a separate account.
    let emulator = runtime.block_on(Emulator::start(Kind::Ministack)).unwrap();
    let home = TempDir::new().unwrap();
    let copied = Command::new("cp")
        .arg("-r")
        .arg(root().join("examples/policies"))
        .arg(home.path().join("policies"))
        .status();
    assert!(copied.unwrap().success());
    let blocks = blocks(&text(document));
    let mut typed = String::from("set -euo pipefail\n");
    before.iter().for_each(|command| typed.push_str(&format!("{command} >/dev/null 2>&1\n")));
    let mut ran = 0;
    for (at, block) in blocks.iter().enumerate().filter(|(_, block)| block.language() == "sh") {
        // Variables that an earlier block exported are set in the later ones.
        typed.push_str(&format!("exec >out 2>&1\n{}", block.text));
        let exports: String = block
            .text
            .lines()
            .filter(|line| line.starts_with("export "))
            .map(|l| format!("{l}\n"))
            .collect();
        let status = Command::new("bash")
            .args(["-c", &typed])
            .current_dir(home.path())
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", path())
            .env("AWS_ENDPOINT_URL", emulator.url())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", ROOT_KEY)
            .env("AWS_SECRET_ACCESS_KEY", ROOT_KEY)
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .stdin(Stdio::null())
            .status()
            .unwrap();
        let output = std::fs::read_to_string(home.path().join("out")).unwrap();
        let place = format!("{document}:{}", block.line);
        assert!(status.success(), "{place}: {output}");
        if let Some(expected) = blocks.get(at + 1).filter(|next| next.language() == "text") {
            assert!(matches(&output, &expected.text), "{place}: the output is\n{output}");
        }
        typed = format!("set -euo pipefail\n{exports}");
        ran += 1;
    }
    assert!(ran > 4);
    home
}

/// The PATH, with the folder of the command first.
pub(super) fn path() -> std::ffi::OsString {
    let built = std::path::Path::new(env!("CARGO_BIN_EXE_sentinel")).parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(built).chain(std::env::split_paths(&others))).unwrap()
}

#[test]
fn every_iam_document_is_in_the_table() {
    let listed: Vec<String> = table(&text(DOCUMENT), "## Required permissions")
        .iter()
        .flat_map(|row| quoted(&row[0]))
        .collect();
    let documents: Vec<String> = DocumentName::ALL
        .iter()
        .map(|name| name.to_possible_value().unwrap().get_name().to_owned())
        .collect();
    assert_eq!(listed, documents);
}
