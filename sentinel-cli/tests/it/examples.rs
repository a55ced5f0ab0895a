//! Every example in the help of every command works. A command without an example fails these tests.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::{Example, Fixture, examples};

/// The examples that are not run, with the reason.
const NOT_RUN: [(&str, &str); 3] = [
    (
        "sentinel dev --issuer sts --policies policies --aws-profile sandbox",
        "needs an AWS profile of the reader; `aws::dev` runs it with other credentials",
    ),
    (
        "sentinel audit what --user alice --logs-since 2d logs:/aws/lambda/sentinel-tvm",
        "needs a log group; `aws::audit` reads another one",
    ),
    ("sentinel console --open", "opens a browser; `tests/console` runs it with another program"),
];

/// The examples that report a negative result, which is what they show.
const NEGATIVE: [&str; 4] = [
    "sentinel policy explain policy.yaml --user bob --profile production",
    "sentinel doctor",
    "sentinel doctor --api-id a1b2c3d4e5 --tvm https://tvm.example.com",
    "sentinel doctor --format json > doctor.json",
];

/// Whether the example listens on a port.
fn is_server(line: &str) -> bool {
    line.starts_with("sentinel dev") || line.starts_with("sentinel serve")
}

/// Whether the example runs until a person ends it.
fn runs_until_interrupted(line: &str) -> bool {
    is_server(line) || line.starts_with("sentinel console") || line.contains(" --watch")
}

/// Starts the example, ends it after its first line of output, and returns the status, which is `None` if
/// the signal ended it. Not by SIGINT, which the programs of a job in the background ignore.
fn ended(command: &mut Command) -> Option<i32> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(process, Signal::TERM).unwrap();
    let status = child.wait().unwrap();
    assert!(!first.is_empty());
    status.code()
}

#[test]
fn every_example_of_every_command_can_be_run() {
    let fixture = Fixture::start();
    let mut failed = Vec::new();
    let examples = examples();
    for Example { path, line } in &examples {
        if NOT_RUN.iter().any(|(not_run, _)| not_run == line) {
            continue;
        }
        let prepared = fixture.prepared(path, line);
        if runs_until_interrupted(line) {
            // Any port, since another server may have the usual one.
            let listen = is_server(line) && !line.contains("--listen");
            let listen = if listen { " --listen 127.0.0.1:0" } else { "" };
            let line = format!("exec {prepared}{listen}");
            let status = ended(&mut fixture.command(path, &line));
            if status.is_some_and(|status| status != 0) {
                failed.push(format!("{line}: {status:?}"));
            }
            continue;
        }
        let output = fixture.run(path, &prepared);
        let expected = i32::from(NEGATIVE.contains(&line.as_str()));
        if output.status != expected {
            failed
                .push(format!("{prepared}: {}\n{}{}", output.status, output.stdout, output.stderr));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    for line in NOT_RUN.iter().map(|(line, _)| line).chain(&NEGATIVE) {
        assert!(examples.iter().any(|example| example.line == *line), "no example `{line}`");
    }
}
