//! `sentinel policy eval --requests`: many requests, one per line.

use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::running::{CommandOutput, run, sentinel};

const POLICY: &str = r#"version: "1"
rules:
  - name: alice
    effect: allow
    conditions: { users: [alice], mode: [server] }
  - name: "b\"ö"
    effect: require_approval
    conditions: { users: [bob], accounts: ["111122223333"], device: { require_mdm: true } }
    reason: "a \"quoted\" reason\n"
"#;

fn eval(requests: &[u8]) -> CommandOutput {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    std::fs::write(folder.path().join("requests.jsonl"), requests).unwrap();
    let mut command = sentinel(folder.path());
    command.current_dir(folder.path()).args([
        "policy",
        "eval",
        "policy.yaml",
        "--requests",
        "requests.jsonl",
    ]);
    let from_file = run(&mut command);
    // Requests on stdin have the same results, in both formats.
    let mut command = sentinel(folder.path());
    command
        .current_dir(folder.path())
        .args(["policy", "eval", "policy.yaml", "--format", "json", "--requests", "-"])
        .stdin(Stdio::from(std::fs::File::open(folder.path().join("requests.jsonl")).unwrap()));
    let from_stdin = run(&mut command);
    assert_eq!((from_file.status, &from_file.stdout), (from_stdin.status, &from_stdin.stdout));
    from_file
}

fn lines(output: &CommandOutput) -> Vec<Value> {
    output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_line_has_the_result_of_a_single_request_in_input_order() {
    let output = eval(
        br#"{"user":"alice","profile":"p","at":"2026-01-31T23:00:00Z"}
{"user":"alice","profile":"p","mode":"cli"}
{"user":"bob","profile":"p","account":"111122223333","device":{"mdm_enrolled":true}}
{"user":"bob","profile":"p","account":"111122223333","device":{"mdm_enrolled":true},"approved":true}
{"user":"b\u006fb","profile":"p","source_ip":"2001:db8::1","principal":null,"organization":"o"}"#,
    );
    assert_eq!(output.status, 0, "{}", output.stderr);
    let effects: Vec<Value> = lines(&output).iter().map(|line| line["effect"].clone()).collect();
    assert_eq!(effects, ["allow", "deny", "require_approval", "allow", "deny"]);
    assert_eq!(
        output.stdout.lines().nth(2).unwrap(),
        r#"{"effect":"require_approval","rule":"b\"ö","rule_index":1,"reason":"a \"quoted\" reason\n","max_duration_s":null,"valid_until":null,"requires":["approval"]}"#
    );
}

#[test]
fn an_invalid_line_is_reported_in_its_place_and_is_exit_1() {
    let mut input: Vec<u8> = Vec::new();
    let bad: [&[u8]; 13] = [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        br#"{"user":"a"}"#,
        br#"{"user":"a","profile":"p","usr":"b"}"#,
        br#"{"user":"a","user":"b","profile":"p"}"#,
        br#"{"user":"a","profile":"p","at":"yesterday"}"#,
        br#"{"user":"a","profile":"p","source_ip":"10.0.0.0/8"}"#,
        br#"{"user":"a","profile":"p","mode":"Server"}"#,
        br#"{"user":"a","profile":"p","device":{"mood":"good"}}"#,
        br#"{"user":"a","profile":"p"} {"user":"a","profile":"p"}"#,
        b"{\"user\":\"\xff\",\"profile\":\"p\"}",
    ];
    for line in bad {
        input.extend_from_slice(line);
        input.push(b'\n');
    }
    input.extend_from_slice(br#"{"user":"alice","profile":"p"}"#);
    let output = eval(&input);
    assert_eq!(output.status, 1);
    let results = lines(&output);
    assert_eq!(results.len(), bad.len() + 1);
    for (number, result) in results.iter().take(bad.len()).enumerate() {
        assert_eq!(result["line"], json!(number + 1));
        let error = result["error"].as_str().unwrap();
        assert!(!error.is_empty() && !error.contains("at line"), "{error}");
        assert!(!error.contains("struct"), "{error}");
        assert_eq!(result.as_object().unwrap().len(), 2);
    }
    assert_eq!(results.last().unwrap()["effect"], "allow");
}

#[test]
fn a_line_has_a_maximum_length() {
    let pad = |length: usize| {
        let mut line = br#"{"user":"alice","profile":"p""#.to_vec();
        line.resize(length - 1, b' ');
        line.push(b'}');
        line
    };
    let mut input = pad(1 << 20);
    input.push(b'\n');
    input.extend(pad((1 << 20) + 1));
    input.push(b'\n');
    input.extend(pad(5 << 20));
    input.extend_from_slice(b"\r\n{\"user\":\"alice\",\"profile\":\"p\"}\r\n");
    let output = eval(&input);
    assert_eq!(output.status, 1);
    let results = lines(&output);
    assert_eq!(results.len(), 4);
    assert_eq!(results[0]["effect"], "allow");
    assert_eq!(results[1], json!({ "line": 2, "error": "longer than 1048576 bytes" }));
    assert_eq!(results[2]["line"], 3);
    assert_eq!(results[3]["effect"], "allow");
}

#[test]
fn empty_input_has_empty_output() {
    let output = eval(b"");
    assert_eq!((output.status, output.stdout.as_str()), (0, ""));
}

#[test]
fn lines_can_be_explained_too() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
    std::fs::write(folder.path().join("requests.jsonl"), "{\"user\":\"x\",\"profile\":\"p\"}\n")
        .unwrap();
    let mut command = sentinel(folder.path());
    command.current_dir(folder.path()).args([
        "policy",
        "explain",
        "policy.yaml",
        "--requests",
        "requests.jsonl",
    ]);
    let output = run(&mut command);
    assert_eq!((output.status, output.stdout.lines().count()), (0, 1));
    assert_eq!(output.json()["steps"][0]["condition"], "users");
}

#[test]
fn a_byte_order_mark_is_accepted() {
    let output = eval("\u{feff}{\"user\":\"alice\",\"profile\":\"p\"}\r\n".as_bytes());
    assert_eq!((output.status, output.stdout.lines().count()), (0, 1), "{}", output.stdout);
    assert_eq!(lines(&output)[0]["effect"], "allow");
}

#[test]
fn different_faults_of_a_line_are_different_messages_that_name_the_field() {
    let cases: [(&[u8], &str); 27] = [
        (b"{\"user\":\"\xff\",\"profile\":\"p\"}", "not UTF-8 (byte 10)"),
        (b"\xff\xfe{\0", "not UTF-8 (byte 1)"),
        (b"nonsense", "not JSON: "),
        (br#"{"user":"a","profile":"p""#, "not JSON: "),
        (br#"{"user":"a","profile":"p"} {}"#, "more than one JSON value on the line"),
        (b"[\"alice\",\"p\"]", "not an object but an array"),
        (b"{}", "missing field `user`"),
        (br#"{"user":"a"}"#, "missing field `profile`"),
        (br#"{"user":"a","profile":"p","usr":"b"}"#, "unknown field `usr`"),
        (br#"{"user":"a","profile":"p","device":{"mood":1}}"#, "unknown field `device.mood`"),
        (br#"{"user":1,"profile":"p"}"#, "`user`: not a string but a number"),
        (br#"{"user":null,"profile":"p"}"#, "`user`: not a string but null"),
        (br#"{"user":"a","profile":"p","approved":"yes"}"#, "`approved`: not true or false but a"),
        (
            br#"{"user":"a","profile":"p","device":{"mdm_enrolled":1}}"#,
            "`device.mdm_enrolled`: not true or false but a number",
        ),
        (br#"{"user":"a","user":"b","profile":"p"}"#, "duplicate field `user`"),
        (br#"{"user":"a","profile":"p","at":"2026-01-31"}"#, "`at`: the time of day is missing"),
        (br#"{"user":"a","profile":"p","source_ip":"10.0.0.0/8"}"#, "`source_ip`: not one address"),
        (br#"{"user":"a","profile":"p","source_vpc":"prod"}"#, "`source_vpc`: not the id of a VPC,"),
        (
            br#"{"user":"a","profile":"p","source_vpce":"vpc-1a2b3c4d"}"#,
            "`source_vpce`: not the id of a VPC endpoint,",
        ),
        (br#"{"user":"a","profile":"p","mode":"Server"}"#, "`mode`: not one of server"),
        (br#"{"user":"a b","profile":"p"}"#, "`user`: not a user"),
        (br#"{"user":"a","profile":"p q"}"#, "`profile`: not a profile"),
        (br#"{"user":"a","profile":"p","account":"1"}"#, "`account`: not an account id"),
        (br#"{"user":"a","profile":"p","principal":"a"}"#, "`principal`: not the ARN"),
        (
            br#"{"user":"a","profile":"p","principal":"arn:aws:iam::111122223333:user/b"}"#,
            "`user`: `a` contradicts `principal`: it is the user `b`",
        ),
        (
            br#"{"user":"a","account":"444455556666","profile":"p","principal":"arn:aws:iam::111122223333:user/a"}"#,
            "`account`: `444455556666` contradicts `principal`: its account is `111122223333`",
        ),
        (
            br#"{"user":"a","profile":"p","device":{"os_version":"new"}}"#,
            "`device.os_version`: not a version",
        ),
    ];
    let input: Vec<u8> = cases.iter().flat_map(|(line, _)| [line, &b"\n"[..]].concat()).collect();
    let output = eval(&input);
    assert_eq!(output.status, 1);
    for ((number, (_, fault)), result) in cases.iter().enumerate().zip(lines(&output)) {
        assert_eq!(result["line"], json!(number + 1));
        let error = result["error"].as_str().unwrap();
        assert!(error.starts_with(fault), "{fault}: {error}");
    }
}
