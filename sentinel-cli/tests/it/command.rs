//! The command line itself: help, version, usage, completions, manual pages.

use clap::Command;
use clap::error::ErrorKind;

use crate::running::{run, run_words, sentinel};

/// Every command without subcommands.
fn leaves(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    let path = format!("{path} {}", command.get_name());
    if command.has_subcommands() {
        command.get_subcommands().for_each(|sub| leaves(sub, &path, found));
    } else {
        found.push((path, command.clone()));
    }
}

#[test]
fn every_command_has_a_description_and_examples() {
    let mut found = Vec::new();
    leaves(&sentinel_cli::command(), "", &mut found);
    assert!(found.len() > 12, "{found:?}");
    for (path, command) in found {
        assert!(command.get_about().is_some(), "{path}");
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(after.contains("Examples:\n  sentinel "), "{path}");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path} {argument}");
        }
    }
}

/// Every command and group, with its path.
fn all<'c>(command: &'c Command, path: &str, found: &mut Vec<(String, &'c Command)>) {
    let path = format!("{path} {}", command.get_name()).trim().to_owned();
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        all(sub, &path, found);
    }
    found.push((path, command));
}

/// The words of a shell line, up to a pipe, a redirection or `&&`.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    let end = words.iter().position(|w| ["|", ">", "<", "&&"].contains(&w.as_str()));
    words.truncate(end.unwrap_or(words.len()));
    // The placeholders that the reader replaces with real values.
    for word in &mut words {
        match word.as_str() {
            "REQUEST_ID" => *word = format!("request-{}", "a".repeat(42)),
            "GRANT_ID" => *word = format!("grant-{}", "a".repeat(42)),
            "HANDLE" => *word = "a".repeat(42),
            _ => {}
        }
    }
    words
}

/// The commands of an Examples section. At least two spaces precede a remark.
fn examples(help: &str) -> Vec<Vec<String>> {
    let text = help.replace("\\\n", " ");
    let lines = text.lines().skip_while(|line| *line != "Examples:").skip(1);
    let lines = lines.take_while(|line| line.starts_with("  "));
    lines
        .filter_map(|line| {
            let line = line.trim();
            let line = line.strip_prefix("eval \"$(").map_or(line, |l| l.trim_end_matches(")\""));
            line.starts_with("sentinel").then(|| {
                let (command, remark) = line.split_once("  ").unwrap_or((line, ""));
                let continued =
                    remark.trim_start().starts_with("--") || remark.trim().starts_with('>');
                words(if continued { line } else { command })
            })
        })
        .collect()
}

#[test]
fn every_command_and_group_has_examples_and_each_of_them_parses() {
    let root = sentinel_cli::command();
    let mut found = Vec::new();
    all(&root, "", &mut found);
    let groups = found.iter().filter(|(_, command)| command.has_subcommands()).count();
    assert!(groups >= 3 && found.len() > 16, "{groups} {}", found.len());
    for (path, command) in found {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples = examples(&help);
        assert!(!examples.is_empty(), "{path}: {help}");
        for example in examples {
            let parsed = sentinel_cli::command().try_get_matches_from(&example);
            assert!(parsed.is_ok(), "{path}: {example:?}: {}", parsed.unwrap_err());
        }
    }
}

#[test]
fn every_command_is_well_formed_and_has_help() {
    sentinel_cli::command().debug_assert();
    let mut found = Vec::new();
    leaves(&sentinel_cli::command(), "", &mut found);
    for (path, _) in found {
        let words = path.split_whitespace().chain(["--help"]);
        let error = sentinel_cli::command().try_get_matches_from(words).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DisplayHelp, "{path}: {error}");
        assert!(error.to_string().contains("Examples:"), "{path}");
    }
}

#[test]
fn the_version_names_the_zone_data() {
    let output = run_words("--version");
    assert_eq!(output.status, 0);
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        output.stdout.starts_with(&format!("sentinel {version} (zone data 20")),
        "{}",
        output.stdout
    );
}

#[test]
fn wrong_usage_is_exit_2_and_writes_nothing_to_stdout() {
    for words in [
        "",
        "nonsense",
        "policy eval",
        "policy eval x.yaml --user alice",
        "policy eval x.yaml --requests y --user alice",
        "policy eval - --requests -",
        "policy check - -",
        "policy check - x.yaml -",
        "policy eval x.yaml --user a --profile p --mode telepathy",
        "policy eval x.yaml --user a --profile p --device mood=good",
        "policy eval x.yaml --user a --profile p --expect require_server",
        "policy eval x.yaml --user a --profile p --format sarif",
        "whoami",
        "whoami --tvm http://tvm.example.com",
        "credentials --profile p --duration 1d --tvm https://x",
        "credentials --profile p --duration 10m --tvm https://x",
        "credentials --profile a/b --tvm https://x",
        "sessions revoke --reason x --tvm https://x",
        "sessions revoke --user a --session b --reason x --tvm https://x",
        "sessions deny-policy",
        "dev --listen 0.0.0.0:0",
        "dev --listen nonsense",
        "dev --listen 192.0.2.1:80",
    ] {
        let output = run_words(words);
        assert_eq!(output.status, 2, "{words}: {}", output.stderr);
        assert_eq!(output.stdout, "", "{words}");
        assert!(!output.stderr.is_empty(), "{words}");
    }
}

#[test]
fn completions_and_manual_pages_are_generated_from_the_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run_words(&format!("completions {shell}"));
        assert_eq!(output.status, 0);
        assert!(output.stdout.contains("deny-policy"), "{shell}");
    }
    let home = tempfile::TempDir::new().unwrap();
    let page = run(sentinel(home.path()).arg("man"));
    assert!(page.status == 0 && page.stdout.contains(".TH sentinel"), "{}", page.stderr);
    let dir = home.path().join("man1");
    assert_eq!(run(sentinel(home.path()).args(["man", "--dir"]).arg(&dir)).status, 0);
    assert!(dir.join("sentinel-policy-eval.1").exists());
}

#[test]
fn a_closed_output_ends_the_command_without_a_message() {
    use std::process::Stdio;
    let home = tempfile::TempDir::new().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    // Closed before the command starts, so that the command cannot write first.
    drop(reader);
    let mut command = sentinel(home.path());
    command.args(["completions", "zsh"]).stdout(writer).stderr(Stdio::piped());
    let output = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(3));
}
