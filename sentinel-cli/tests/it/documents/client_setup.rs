//! `docs/client-setup.md`: its commands are run by alice, with the policy of the document, and have the
//! output that it shows.
//!
//! Each `sh` and `python` block is a separate script in one home directory. The language may be followed
//! by `needs-aws`, `needs-boto3` and `by-hand` (it is not run).

use std::io::Write;
use std::process::Command;

use tempfile::TempDir;

use super::getting_started::{is_installed, matches};
use super::{Block, blocks, root, text};
use crate::running::{Dev, run};

const DOCUMENT: &str = "docs/client-setup.md";

/// A program that runs as a person at the machine of alice, whose AWS profile is `alice`.
fn program(dev: &Dev, name: &str) -> Command {
    let folders = [
        std::path::Path::new(env!("CARGO_BIN_EXE_sentinel")).parent().unwrap().to_owned(),
        root().join(".tools/venv/bin"),
    ];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&path)));
    let mut command = Command::new(name);
    command
        .env_clear()
        .env("HOME", dev.home.path())
        .env("PATH", path.unwrap())
        .env("SENTINEL_TVM_URL", &dev.url)
        .env("AWS_SHARED_CREDENTIALS_FILE", dev.credentials_file())
        .env("AWS_ENDPOINT_URL_STS", format!("{}/sts", dev.url))
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// Whether the block's programs are installed. Writes one line that names the missing one.
fn can_run(block: &Block) -> bool {
    let missing = [("needs-aws", "aws"), ("needs-boto3", "moto_server")]
        .into_iter()
        .find(|(word, program)| block.has_word(word) && !is_installed(program));
    if let Some((word, _)) = missing {
        writeln!(std::io::stderr(), "\nskipped: {DOCUMENT}:{}: {word}", block.line).unwrap();
    }
    missing.is_none()
}

#[test]
fn every_command_in_client_setup_has_the_stated_result() {
    let blocks = blocks(&text(DOCUMENT));
    let policy = blocks.iter().find(|block| block.has_word("policy")).unwrap();
    let home = TempDir::new().unwrap();
    let policies = home.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(policies.join("main.yaml"), &policy.text).unwrap();
    let dev = Dev::start_in(home, &["--policies", policies.to_str().unwrap()]);
    let mut done = 0;
    for (index, block) in blocks.iter().enumerate() {
        let mut command = match block.language() {
            "sh" => program(&dev, "bash"),
            "python" => program(&dev, "python3"),
            _ => continue,
        };
        if block.has_word("by-hand") || !can_run(block) {
            continue;
        }
        let place = format!("{DOCUMENT}:{}", block.line);
        let output = run(command.args(["-c", &block.text]));
        assert_eq!(output.status, 0, "{place}: {}{}", output.stdout, output.stderr);
        if let Some(expected) = blocks.get(index + 1).filter(|next| next.language() == "text") {
            let expected = &expected.text;
            let shown = &output.stdout;
            assert!(matches(shown, expected), "{place}: expected\n{expected}\nnot\n{shown}");
        }
        done += 1;
    }
    assert!(done > 1, "{done}");
}
