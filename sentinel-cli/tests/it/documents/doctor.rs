//! `docs/doctor.md`: its commands are run on a deployment that is right, and its table lists every check
//! with the severity and the meaning that the code has.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::administration::path;
use super::getting_started::matches;
use super::{blocks, table, text};
use crate::aws::World;
use crate::running::run_words;

const DOCUMENT: &str = "docs/doctor.md";

#[test]
fn every_command_in_doctor_has_the_stated_result() {
    let world = World::start();
    world.reset();
    let blocks = blocks(&text(DOCUMENT));
    let mut ran = 0;
    for (at, block) in blocks.iter().enumerate() {
        if block.language() != "sh" || block.has_word("by-hand") {
            continue;
        }
        // The environment of the command in that account.
        let of_world = world.command("doctor");
        let output = Command::new("bash")
            .args(["-c", &format!("set -euo pipefail\nexec 2>&1\n{}", block.text)])
            .current_dir(world.folder())
            .env_clear()
            .envs(of_world.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("PATH", path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let place = format!("{DOCUMENT}:{}", block.line);
        assert!(output.status.success(), "{place}: {printed}");
        if let Some(expected) = blocks.get(at + 1).filter(|next| next.language() == "text") {
            assert!(matches(&printed, &expected.text), "{place}: the output is\n{printed}");
        }
        ran += 1;
    }
    assert!(ran > 3, "{ran}");
    for file in ["doctor.json", "policy.json"] {
        let text = std::fs::read_to_string(world.folder().join(file)).unwrap();
        assert!(serde_json::from_str::<Value>(&text).unwrap().is_object(), "{file}");
    }
}

#[test]
fn the_table_of_checks_is_the_one_of_the_code() {
    let listed: Vec<[String; 3]> = table(&text(DOCUMENT), "## Checks")
        .into_iter()
        .map(|row| {
            let [check, severity, meaning, fix] = <[String; 4]>::try_from(row).unwrap();
            assert!(!fix.is_empty(), "{check}");
            [check.trim_matches('`').to_owned(), severity, meaning]
        })
        .collect();
    let checks = run_words("doctor --list --format json").json();
    let checks: Vec<[String; 3]> = checks
        .as_array()
        .unwrap()
        .iter()
        .map(|check| {
            ["check", "severity", "meaning"].map(|key| check[key].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(listed, checks);
}
