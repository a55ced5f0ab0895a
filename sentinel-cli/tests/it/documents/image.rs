//! `deploy/dev/Dockerfile`: the command accepts the arguments of the image, and serves other machines.
//! `deploy/tests/test_release.py` checks the rest of the file.

use tempfile::TempDir;

use super::text;
use crate::exec::Running;
use crate::running::{run, sentinel};

/// The arguments of `CMD`, with another port and another folder.
fn arguments(home: &TempDir) -> Vec<String> {
    let file = text("deploy/dev/Dockerfile");
    let line = file.lines().find_map(|line| line.strip_prefix("CMD ")).unwrap();
    let words: Vec<String> = serde_json::from_str(line).unwrap();
    let data = home.path().join("data").display().to_string();
    let replaced = words.iter().map(|word| match word.as_str() {
        "0.0.0.0:8787" => "0.0.0.0:0".to_owned(),
        "/data" => data.clone(),
        other => other.to_owned(),
    });
    replaced.collect()
}

#[test]
fn the_command_of_the_image_serves_and_needs_each_of_its_arguments() {
    let home = TempDir::new().unwrap();
    let words = arguments(&home);
    assert!(words.contains(&"0.0.0.0:0".to_owned()) && words.contains(&"--data".to_owned()));
    let mut command = sentinel(home.path());
    command.args(&words).args(["--format", "json"]).env("RUST_LOG", "off");
    let server = Running::start(command);
    let ready: serde_json::Value = serde_json::from_str(&server.line()).unwrap();
    let port = ready["url"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    let file = ready["credentials_file"].as_str().unwrap();
    assert!(file.starts_with(home.path().join("data").to_str().unwrap()), "{file}");
    let mut client = sentinel(home.path());
    client.env("AWS_SHARED_CREDENTIALS_FILE", file);
    let tvm = format!("http://127.0.0.1:{port}");
    let output = run(client.args(["whoami", "--aws-profile", "alice", "--tvm", &tvm]));
    assert_eq!(output.status, 0, "{}", output.stderr);

    let local: Vec<&String> = words.iter().filter(|word| *word != "--allow-remote").collect();
    let refused = run(sentinel(home.path()).args(local));
    assert_eq!(refused.status, 2, "{}", refused.stderr);
}
