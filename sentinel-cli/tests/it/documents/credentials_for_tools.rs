//! `docs/credentials-for-tools.md`: its commands are run by alice and have the output that the
//! document shows.
//!
//! Each `sh` block is a separate script. The `text` block that follows it is its output, in which `…`
//! matches any text. The language may be followed by `server` (the block keeps running until the next
//! one), `refused` (it fails), `needs-aws` and `by-hand` (it is not run).

use std::io::Write;
use std::process::Command;

use super::getting_started::{is_installed, matches};
use super::{Block, blocks, root, text};
use crate::exec::Running;
use crate::running::{Dev, run};

const DOCUMENT: &str = "docs/credentials-for-tools.md";
/// The address in the document. In the test, the system selects a free one.
const ADDRESS: &str = "127.0.0.1:8788";

/// A shell that runs the block as alice, at `/sts` of the server.
fn shell(dev: &Dev, script: &str) -> Command {
    let client = dev.client("alice", "");
    let mut command = Command::new("bash");
    command.env_clear().envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let folders = [
        std::path::Path::new(env!("CARGO_BIN_EXE_sentinel")).parent().unwrap().to_owned(),
        root().join(".tools/venv/bin"),
    ];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = folders.into_iter().chain(std::env::split_paths(&path));
    command
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("AWS_ENDPOINT_URL_STS", format!("{}/sts", dev.url))
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .args(["-c", script]);
    command
}

#[test]
fn every_command_in_credentials_for_tools_has_the_stated_result() {
    let document = text(DOCUMENT);
    let blocks: Vec<Block> = blocks(&document);
    let dev = Dev::start();
    let mut server: Option<Running> = None;
    let mut address = ADDRESS.to_owned();
    let mut done = 0;
    for (index, block) in blocks.iter().enumerate().filter(|(_, block)| block.language() == "sh") {
        let place = format!("{DOCUMENT}:{}", block.line);
        if block.has_word("by-hand") {
            continue;
        }
        if block.has_word("needs-aws") && !is_installed("aws") {
            writeln!(std::io::stderr(), "\nskipped: {place}: no `aws` on the PATH").unwrap();
            continue;
        }
        let expected = blocks.get(index + 1).filter(|next| next.language() == "text");
        let output = if block.has_word("server") {
            drop(server.take());
            let script =
                block.text.replace("sentinel serve", "sentinel serve --listen 127.0.0.1:0");
            let running = server.insert(Running::start(shell(&dev, &format!("exec {script}"))));
            let mut output = String::new();
            while !output.contains("Ctrl-C") {
                output.push_str(&running.line());
                output.push('\n');
            }
            let rest = output.split_once("at http://").unwrap().1;
            address = rest.split_once('\n').unwrap().0.to_owned();
            output.replace(&address, ADDRESS)
        } else {
            let output = run(&mut shell(&dev, &block.text.replace(ADDRESS, &address)));
            let shown = output.stdout + &output.stderr;
            assert_eq!(block.has_word("refused"), output.status != 0, "{place}: {shown}");
            shown
        };
        if let Some(expected) = expected {
            let expected = &expected.text;
            assert!(matches(&output, expected), "{place}: expected\n{expected}\nnot\n{output}");
        }
        done += 1;
    }
    assert!(done > 3, "{done}");
}
