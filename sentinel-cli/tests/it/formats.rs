//! The output of every command: for people on a terminal of 80 columns, as a snapshot, and as JSON. The
//! first example of each command is run. A command without a snapshot fails these tests.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;

use chrono::DateTime;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use unicode_width::UnicodeWidthStr;

use crate::fixture::{Example, Fixture, examples, leaves};
use crate::running::{CommandOutput, Dev, sentinel};
use crate::terminal::{Terminal, run_on_terminal, start};

/// Commands that need no system, which have their own tests below.
const ALONE: [&str; 4] = ["dev", "demo", "serve", "console"];

/// Commands whose output is for another program, or of another program, and has no second form.
const OTHERS: [&str; 4] = ["completions", "man", "exec", "audit csv"];

/// The commands with a table, which is never wider than the terminal.
const TABLES: [&str; 6] =
    ["requests", "break-glass list", "sessions list", "profiles", "policy list", "policy history"];

/// The commands that print IAM documents, which have their own tests.
const DOCUMENTS: [&str; 2] = ["iam", "bootstrap"];
/// The number of lines of these in a snapshot.
const LINES: usize = 24;

/// The first example of each command that can be run as it is.
fn first_examples() -> Vec<Example> {
    let all = examples();
    let first = |path: &String| {
        let mut of = all.iter().filter(|example| example.path == *path);
        of.next().unwrap_or_else(|| panic!("`{path}` has no example")).clone()
    };
    let leaves = leaves();
    for other in ALONE.iter().chain(&OTHERS) {
        assert!(leaves.iter().any(|path| path == other), "no command `{other}`");
    }
    let is_alone =
        |path: &&String| ALONE.contains(&path.as_str()) || OTHERS.contains(&path.as_str());
    leaves.iter().filter(|path| !is_alone(path)).map(first).collect()
}

/// Replaces what differs between two runs by text of the same width: ids, times, keys, and addresses.
fn redacted(text: &str, url: &str, home: &Path) -> String {
    let home = home.to_str().unwrap();
    let text = text.replace(url, "http://127.0.0.1:8787").replace(home, "HOME");
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-:._+/=".contains(c);
    let mut shown = String::new();
    let mut rest = text.as_str();
    while let Some(begin) = rest.find(is_part) {
        let (before, after) = rest.split_at(begin);
        shown.push_str(before);
        let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
        let (word, next) = after.split_at(end);
        shown.push_str(&redacted_word(word));
        rest = next;
    }
    shown.push_str(rest);
    shown
}

fn redacted_word(word: &str) -> String {
    if DateTime::parse_from_rfc3339(word).is_ok() {
        return "2026-03-02T10:00:00Z".to_owned();
    }
    let kinds = ["request-", "grant-"].into_iter();
    let kind = kinds.filter_map(|kind| Some((kind, word.strip_prefix(kind)?))).next();
    let (kind, id) = kind.unwrap_or(("", word));
    let is_id = id.len() == 42 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if is_id {
        return format!("{kind}{}", "x".repeat(id.len()));
    }
    let is_key = word.len() == 20 && word.starts_with("ASIA");
    let is_request = word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
    if is_key || is_request {
        return "x".repeat(word.len());
    }
    // The random end of a session's name.
    if let Some((before, end)) = word.rsplit_once('-')
        && word.contains("sentinel-")
        && end.len() == 8
    {
        return format!("{before}-xxxxxxxx");
    }
    // A secret or a token, whose length can differ.
    if word.len() >= 40 && !["arn:", "://", "HOME"].iter().any(|part| word.contains(part)) {
        return "SECRET".to_owned();
    }
    word.to_owned()
}

fn shown(line: &str, output: &CommandOutput, fixture: &Fixture) -> String {
    let mut text = format!("$ {line}\n{}", output.stdout);
    if !output.stderr.is_empty() {
        write!(text, "(stderr)\n{}", output.stderr).unwrap();
    }
    redacted(&text, &fixture.dev.url, fixture.dev.home.path())
}

fn assert_snapshot(path: &str, text: &str) {
    insta::with_settings!({ snapshot_path => "snapshots/human", prepend_module_to_snapshot => false,
        omit_expression => true }, {
        insta::assert_snapshot!(path.replace(' ', "_"), text);
    });
}

#[test]
fn the_output_for_people_at_80_columns_is_as_before() {
    let fixture = Fixture::start();
    for Example { path, line } in first_examples() {
        let mut tries = 0;
        let output = loop {
            let prepared = fixture.prepared(&path, &line);
            let mut command = fixture.command(&path, &prepared);
            let output =
                fixture.run_with_approver(&prepared, move || run_on_terminal(&mut command, 80));
            tries += 1;
            // On a slow machine, what was just created may be a minute old.
            if !output.stdout.contains("min ago") || tries == 5 {
                break output;
            }
        };
        if TABLES.contains(&path.as_str()) {
            let widest =
                output.stdout.lines().map(UnicodeWidthStr::width).max().unwrap_or_default();
            assert!((1..=80).contains(&widest), "{path}: {widest}\n{}", output.stdout);
        }
        let mut text = shown(&line, &output, &fixture);
        if DOCUMENTS.contains(&path.as_str()) {
            text = text.lines().take(LINES).collect::<Vec<_>>().join("\n") + "\n…\n";
        }
        assert_snapshot(&path, &text);
    }
}

#[test]
fn the_output_of_the_demo_at_80_columns_is_as_before() {
    let home = TempDir::new().unwrap();
    let output = run_on_terminal(sentinel(home.path()).arg("demo").env("NO_COLOR", "1"), 80);
    assert_eq!(output.status, 0, "{}{}", output.stdout, output.stderr);
    assert_snapshot("demo", &redacted(&output.stdout, "no url", home.path()));
}

#[test]
fn the_output_of_the_server_at_80_columns_is_as_before() {
    let home = TempDir::new().unwrap();
    let data = home.path().join("data");
    let mut terminal = Terminal::new(80);
    let mut command = sentinel(home.path());
    command.args(["dev", "--listen", "127.0.0.1:0", "--data"]).arg(&data).env("NO_COLOR", "1");
    let mut child = start(command.stdout(terminal.stdio()).stderr(Stdio::null()));
    terminal.with("one JSON record per line:\n");
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(process, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let text = terminal.all();
    let url = text.lines().next().unwrap().rsplit_once(' ').unwrap().1;
    assert_snapshot("dev", &redacted(&text, url, home.path()));
}

#[test]
fn the_output_of_the_endpoint_at_80_columns_is_as_before() {
    let dev = Dev::start();
    let mut terminal = Terminal::new(80);
    let words = "serve --profile production --profile staging --listen 127.0.0.1:0";
    let mut command = dev.client("alice", words);
    let mut child = start(command.stdout(terminal.stdio()).stderr(Stdio::null()));
    terminal.with("Ctrl-C stops the endpoint.\n");
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(process, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let text = terminal.all();
    let url = text.lines().next().unwrap().rsplit_once(' ').unwrap().1.to_owned();
    let mut shown = String::new();
    for line in text.lines() {
        let is_token = line.contains("_TOKEN=");
        let line = line.split_once("_TOKEN=").map_or(line, |(before, _)| before);
        shown.push_str(line);
        shown.push_str(if is_token { "_TOKEN=TOKEN\n" } else { "\n" });
    }
    assert_snapshot("serve", &redacted(&shown, &url, dev.home.path()));
}

#[test]
fn the_output_of_the_console_at_80_columns_is_as_before() {
    let home = TempDir::new().unwrap();
    let mut terminal = Terminal::new(80);
    let mut command = sentinel(home.path());
    command.args(["console", "--tvm", "https://tvm.example.com"]).env("NO_COLOR", "1");
    let mut child = start(command.stdout(terminal.stdio()).stderr(Stdio::null()));
    terminal.with("Ctrl-C ends it.\n");
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(process, Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let text = terminal.all();
    let url = text.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
    let (url, _) = url.split_once("/console/").unwrap();
    assert_snapshot("console", &redacted(&text, url, home.path()));
}

#[test]
fn every_command_has_json_output() {
    let fixture = Fixture::start();
    for Example { path, line } in first_examples() {
        let prepared = fixture.prepared(&path, &line);
        let output = fixture.run(&path, &format!("{prepared} --format json"));
        let document = serde_json::from_str::<Value>(&output.stdout);
        let document = document.unwrap_or_else(|error| {
            panic!("{path}: {error}: {:?} {:?}", output.stdout, output.stderr)
        });
        assert!(document.is_object() || document.is_array(), "{path}: {document}");
    }
    // These have one document per line.
    let lines = fixture.run(
        "policy eval",
        "sentinel policy eval policy.yaml --requests requests.jsonl --format json",
    );
    assert_eq!(lines.stdout.lines().count(), 1);
    for line in lines.stdout.lines() {
        assert!(serde_json::from_str::<Value>(line).unwrap().is_object(), "{line}");
    }
    let demo = fixture.run("demo", "sentinel demo --format json");
    assert!(serde_json::from_str::<Value>(&demo.stdout).is_ok(), "{}", demo.stdout);
}
