//! `sentinel policy check`, `eval` and `explain`.

use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use crate::running::{CommandOutput, run, sentinel};

const POLICY: &str = r#"version: "1"
profiles:
  production: { max_duration: 1h }
rules:
  - name: no-mallory
    effect: deny
    conditions: { users: [mallory] }
    reason: Mallory left
  - name: nights
    effect: allow
    conditions:
      profiles: [production]
      users: [alice]
      source_ip: [10.0.0.0/8]
      time: { hours: { start: "22:00", end: "06:00" }, timezone: Europe/Berlin }
    max_duration: 30m
  - name: managed
    effect: allow
    conditions:
      profiles: [laptop]
      device: { require_mdm: true, min_os_version: "14.2" }
  - name: approved
    effect: require_approval
    conditions: { profiles: [production] }
  - name: tracked
    effect: require_server_session
    conditions: { profiles: [staging] }
    session_table: sentinel-sessions
"#;

const WRONG: &str =
    "version: \"1\"\nrules:\n  - name: a\n    effect: Deny\n    conditions:\n      user: [alice]\n";

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
        std::fs::write(folder.path().join("wrong one.yaml"), WRONG).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `sentinel policy …` in the folder.
    fn run(&self, words: &[&str]) -> CommandOutput {
        run(sentinel(self.0.path()).current_dir(self.0.path()).arg("policy").args(words))
    }

    /// Evaluates the policy, with JSON output.
    fn eval(&self, words: &str) -> CommandOutput {
        let mut all = vec!["eval", "policy.yaml", "--format", "json"];
        all.extend(words.split_whitespace());
        self.run(&all)
    }
}

#[test]
fn a_valid_policy_is_an_empty_list_and_exit_0() {
    let folder = Folder::new();
    let output = folder.run(&["check", "policy.yaml", "--format", "json"]);
    assert_eq!((output.status, output.json()), (0, json!([])));
    let output = folder.run(&["check", "policy.yaml"]);
    assert_eq!((output.status, output.stdout.as_str()), (0, ""));
    assert_eq!(output.stderr, "1 file checked, no errors\n");
}

#[test]
fn findings_have_positions_in_every_format_and_are_exit_1() {
    let folder = Folder::new();
    let files = ["check", "policy.yaml", "wrong one.yaml"];
    let output = folder.run(&[&files[..], &["--format", "json"]].concat());
    assert_eq!(output.status, 1);
    insta::assert_json_snapshot!("check_json", output.json());
    let output = folder.run(&[&files[..], &["--format", "sarif"]].concat());
    assert_eq!(output.status, 1);
    insta::assert_json_snapshot!("check_sarif", output.json());
    let output = folder.run(&files);
    assert_eq!(output.status, 1);
    insta::assert_snapshot!("check_human", output.stdout);
    assert_eq!(output.stderr, "2 files checked, 2 errors\n");
    let output = folder.run(&[&files[..], &["--color", "always"]].concat());
    assert!(output.stdout.contains('\u{1b}'));
}

#[test]
fn the_vpc_and_the_endpoint_are_options_and_fields_of_a_request() {
    const INTERNAL: &str = "version: \"1\"\nrules:\n  - { name: r, effect: allow, conditions: \
        { source_vpc: [vpc-1a2b3c4d], source_vpce: [vpce-0123456789abcdef0] } }\n";
    let folder = Folder::new();
    std::fs::write(folder.path("policy.yaml"), INTERNAL).unwrap();
    let caller = "--user alice --profile production";
    let from_vpc = "--source-vpc vpc-1a2b3c4d --source-vpce vpce-0123456789abcdef0";
    assert_eq!(folder.eval(&format!("{caller} {from_vpc}")).json()["effect"], "allow");
    assert_eq!(folder.eval(caller).json()["effect"], "deny");
    let output = folder.eval(&format!("{caller} --source-vpc vpce-1a2b3c4d"));
    assert_eq!(output.status, 2);
    assert!(output.stderr.contains("not the id of a VPC, such as"), "{}", output.stderr);
    let requests = r#"{"user":"alice","profile":"p","source_vpc":"vpc-1a2b3c4d","source_vpce":"vpce-0123456789abcdef0"}"#;
    std::fs::write(folder.path("requests.jsonl"), requests).unwrap();
    assert_eq!(folder.eval("--requests requests.jsonl").json()["effect"], "allow");
    let mut words = vec!["explain", "policy.yaml"];
    words.extend(caller.split(' '));
    words.extend(["--source-vpc", "vpc-0123456789abcdef0"]);
    let output = folder.run(&words);
    assert!(
        output.stdout.contains(
            "`source_vpc` did not hold: `vpc-0123456789abcdef0` is none of `vpc-1a2b3c4d`"
        ),
        "{}",
        output.stdout
    );
}

#[test]
fn errors_beyond_those_that_are_shown_are_counted() {
    let folder = Folder::new();
    let accounts = vec!["x"; 250].join(", ");
    let rule = format!("{{ name: a, effect: allow, conditions: {{ accounts: [{accounts}] }} }}");
    let policy = format!("version: \"1\"\nrules:\n  - {rule}\n");
    std::fs::write(folder.path("many.yaml"), policy).unwrap();
    let output = folder.run(&["check", "many.yaml"]);
    assert_eq!(output.status, 1);
    assert_eq!(output.stderr, "1 file checked, 250 errors\n");
    let output = folder.run(&["check", "many.yaml", "--format", "json"]);
    let list = output.json();
    assert_eq!(list.as_array().unwrap().len(), 100);
    assert_eq!(list[99]["message"], "151 more errors are not shown");
}

#[test]
fn a_warning_is_exit_0_and_exit_1_if_warnings_are_denied() {
    let folder = Folder::new();
    let doubtful = POLICY.replace("[mallory]", "[ops/ci/build-7]");
    std::fs::write(folder.path("doubtful.yaml"), doubtful).unwrap();
    let output = folder.run(&["check", "doubtful.yaml"]);
    assert_eq!(
        (output.status, output.stderr.as_str()),
        (0, "1 file checked, no errors, 1 warning\n")
    );
    assert!(output.stdout.starts_with("warning[unmatched-user]: "), "{}", output.stdout);
    assert!(output.stdout.contains("help: did you mean `ci/build-7`?"), "{}", output.stdout);
    for format in ["human", "json", "sarif"] {
        let output = folder.run(&["check", "doubtful.yaml", "--format", format]);
        assert_eq!(output.status, 0, "{format}");
        let output =
            folder.run(&["check", "doubtful.yaml", "--deny", "warning", "--format", format]);
        assert_eq!(output.status, 1, "{format}");
        match format {
            "json" => assert_eq!(output.json()[0]["severity"], "warning"),
            "sarif" => assert_eq!(output.json()["runs"][0]["results"][0]["level"], "warning"),
            _ => {}
        }
    }
    let output = folder.run(&["check", "policy.yaml", "--deny", "warning"]);
    assert_eq!((output.status, output.stderr.as_str()), (0, "1 file checked, no errors\n"));
    let output = folder.run(&["check", "doubtful.yaml", "wrong one.yaml"]);
    assert_eq!(
        (output.status, output.stderr.as_str()),
        (1, "2 files checked, 2 errors, 1 warning\n")
    );
    assert_eq!(folder.run(&["check", "policy.yaml", "--deny", "error"]).status, 2);
}

#[test]
fn invalid_bytes_are_a_finding_with_a_position() {
    let folder = Folder::new();
    for bytes in [&b""[..], b"\xff\xfe", b"version: \"1\0\"", &b"x".repeat(3 << 20)] {
        std::fs::write(folder.path("odd.yaml"), bytes).unwrap();
        let output = folder.run(&["check", "odd.yaml", "--format", "json"]);
        assert_eq!(output.status, 1);
        assert!(output.json()[0]["line"].as_u64() >= Some(1));
    }
}

#[test]
fn an_unreadable_file_is_exit_3_and_findings_of_other_files_are_reported() {
    let folder = Folder::new();
    let output = folder.run(&["check", "missing.yaml", "wrong one.yaml", "--format", "json"]);
    assert_eq!(output.status, 3);
    assert_eq!(output.json().as_array().unwrap().len(), 2);
    assert!(output.stderr.contains("missing.yaml"));
}

#[test]
fn stdin_can_be_a_policy() {
    let folder = Folder::new();
    let wrong = std::fs::File::open(folder.path("wrong one.yaml")).unwrap();
    let mut command = sentinel(folder.0.path());
    command.args(["policy", "check", "-", "--format", "json"]).stdin(wrong);
    let output = run(&mut command);
    assert_eq!((output.status, &output.json()[0]["file"]), (1, &json!("-")));
}

#[test]
fn a_decision_has_all_its_members_and_allow_is_exit_0() {
    let folder = Folder::new();
    let at = "--at 2026-01-31T23:00:00Z";
    let output =
        folder.eval(&format!("--user alice --profile production --source-ip 10.1.2.3 {at}"));
    assert_eq!(output.status, 0);
    assert_eq!(
        output.json(),
        json!({
            "effect": "allow", "rule": "nights", "rule_index": 1, "reason": null,
            "max_duration_s": 1800, "valid_until": "2026-02-01T05:00:00Z", "requires": [],
        })
    );
    let output = folder.eval(&format!("--user mallory --profile production {at}"));
    assert_eq!(output.status, 1);
    assert_eq!(
        output.json(),
        json!({
            "effect": "deny", "rule": "no-mallory", "rule_index": 0, "reason": "Mallory left",
            "max_duration_s": 3600, "valid_until": null, "requires": [],
        })
    );
    let output = folder.eval("--user bob --profile other");
    assert_eq!(output.status, 1);
    assert_eq!(
        output.json(),
        json!({
            "effect": "deny", "rule": null, "rule_index": -1, "reason": null,
            "max_duration_s": null, "valid_until": null, "requires": [],
        })
    );
}

#[test]
fn the_offset_of_a_time_is_applied() {
    let folder = Folder::new();
    let words = "--user alice --profile production --source-ip 10.1.2.3 --at 2026-02-01T00:00:00";
    assert_eq!(folder.eval(&format!("{words}+01:00")).status, 0);
    assert_eq!(folder.eval(&format!("{words}-10:00")).status, 1);
}

#[test]
fn missing_requirements_are_listed_and_approval_is_a_fact() {
    let folder = Folder::new();
    let output = folder.eval("--user bob --profile production");
    assert_eq!(output.json()["effect"], "require_approval");
    assert_eq!((output.status, &output.json()["requires"]), (1, &json!(["approval"])));
    let output = folder.eval("--user bob --profile production --approved");
    assert_eq!((output.status, &output.json()["effect"]), (0, &json!("allow")));
    let output = folder.eval("--user bob --profile staging --mode cli");
    assert_eq!(output.json()["requires"], json!(["server_mode", "session"]));
    assert_eq!(output.json()["effect"], "deny");
    let output = folder.eval("--user bob --profile staging --session-table sentinel-sessions");
    assert_eq!(output.status, 0);
    let output = folder.eval("--user bob --profile staging --session-table another");
    assert_eq!((output.status, &output.json()["requires"]), (1, &json!(["session"])));
}

#[test]
fn device_facts_are_given_by_name() {
    let folder = Folder::new();
    let words = "--user bob --profile laptop --device mdm_enrolled=true --device os_version=";
    assert_eq!(folder.eval(&format!("{words}15.0")).status, 0);
    assert_eq!(folder.eval(&format!("{words}9.9")).status, 1);
    assert_eq!(folder.eval("--user bob --profile laptop").status, 1);
}

#[test]
fn expect_compares_the_effect() {
    let folder = Folder::new();
    for (expected, status) in [("require_approval", 0), ("deny", 1), ("allow", 1)] {
        let output = folder.eval(&format!("--user bob --profile production --expect {expected}"));
        assert_eq!(output.status, status, "{expected}");
    }
}

#[test]
fn an_invalid_document_is_exit_3_with_its_findings_on_stderr() {
    let folder = Folder::new();
    for command in ["eval", "explain"] {
        let output = folder.run(&[command, "wrong one.yaml", "--user", "a", "--profile", "p"]);
        assert_eq!((output.status, output.stdout.as_str()), (3, ""));
        assert!(output.stderr.contains("wrong one.yaml:4:13"), "{}", output.stderr);
        let output = folder.run(&[command, "missing.yaml", "--user", "a", "--profile", "p"]);
        assert_eq!((output.status, output.stdout.as_str()), (3, ""));
    }
}

#[test]
fn the_human_form_has_the_same_facts() {
    let folder = Folder::new();
    let output = folder.run(&[
        "eval",
        "policy.yaml",
        "--user",
        "alice",
        "--profile",
        "production",
        "--source-ip",
        "10.1.2.3",
        "--at",
        "2026-01-31T23:00:00Z",
    ]);
    insta::assert_snapshot!(output.stdout, @r"
    allow by rule `nights` (#1)
      max duration   1800 s
      valid until    2026-02-01T05:00:00Z
    ");
}

#[test]
fn an_explanation_has_a_step_for_each_rule_up_to_the_match() {
    let folder = Folder::new();
    let words = [
        "explain",
        "policy.yaml",
        "--user",
        "alice",
        "--profile",
        "production",
        "--source-ip",
        "10.1.2.3",
        "--at",
        "2026-01-31T12:00:00Z",
    ];
    let output = folder.run(&words);
    assert_eq!(output.status, 1);
    insta::assert_snapshot!("explain_human", output.stdout);
    let output = folder.run(&[&words[..], &["--format", "json"]].concat());
    insta::assert_json_snapshot!("explain_json", output.json());
}

#[test]
fn the_example_policies_are_valid_and_decide_as_their_comments_state() {
    let folder = Folder::new();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/policies");
    let file = |name: &str| format!("{examples}/{name}.yaml");
    let names = ["main", "staging", "maintenance", "billing"].map(file);
    let files: Vec<&str> =
        std::iter::once("check").chain(names.iter().map(String::as_str)).collect();
    assert_eq!(folder.run(&files).status, 0);
    for (document, question, effect) in [
        ("main", "--user alice --profile production", "allow"),
        ("main", "--user bob --profile production", "require_approval"),
        ("main", "--user mallory --profile production", "deny"),
        ("staging", "--user alice --profile staging", "allow"),
        ("staging", "--user mallory --profile staging", "deny"),
        ("maintenance", "--user mallory --profile maintenance", "deny"),
        ("billing", "--user mallory --profile billing --source-ip 192.168.1.1", "deny"),
        ("staging", "--user ci/build-7 --profile staging", "deny"),
        (
            "staging",
            "--user ci/build-7 --profile staging --session-table sentinel-sessions",
            "allow",
        ),
        ("maintenance", "--user bob --profile maintenance --at 2026-06-30T22:30:00+02:00", "allow"),
        ("maintenance", "--user bob --profile maintenance --at 2026-06-30T12:00:00+02:00", "deny"),
        ("billing", "--user carol --profile billing --source-ip 192.168.1.1", "allow"),
        ("billing", "--user carol --profile billing --source-ip 8.8.8.8", "deny"),
    ] {
        let file = file(document);
        let mut words = vec!["eval", &file, "--expect", effect];
        words.extend(question.split(' '));
        let output = folder.run(&words);
        assert_eq!(output.status, 0, "{document} {question}: {}", output.stdout);
    }
    // The comments of the main document name the documents that its deny does not reach.
    for name in ["staging", "maintenance", "billing"] {
        let words = ["explain", &file(name), "--user", "mallory", "--profile", name];
        let explained = folder.run(&words).stdout;
        assert!(explained.contains("no rule matched"), "{name}: {explained}");
        assert!(!explained.contains("left-the-company"), "{name}: {explained}");
    }
}

#[test]
fn an_unreadable_file_reports_neither_an_empty_list_nor_no_errors() {
    let folder = Folder::new();
    for format in ["human", "json", "sarif"] {
        for files in [&["missing.yaml"][..], &["policy.yaml", "missing.yaml"], &["."]] {
            let output = folder.run(&[&["check", "--format", format], files].concat());
            assert_eq!(
                (output.status, output.stdout.as_str()),
                (3, ""),
                "{files:?}: {}",
                output.stderr
            );
            assert!(output.stderr.contains("cannot read `"), "{files:?}: {}", output.stderr);
            assert!(!output.stderr.contains("no errors"), "{files:?}: {}", output.stderr);
        }
    }
    // The findings of the other files are reported.
    let output = folder.run(&["check", "--format", "json", "missing.yaml", "wrong one.yaml"]);
    assert_eq!(output.status, 3);
    assert!(
        output.json().as_array().is_some_and(|findings| findings.len() == 2),
        "{}",
        output.stdout
    );
    assert!(output.stderr.contains("cannot read `missing.yaml`"), "{}", output.stderr);
    let output = folder.run(&["check", "missing.yaml", "wrong one.yaml"]);
    assert!(output.status == 3 && output.stdout.contains("wrong one.yaml"), "{}", output.stdout);
}

#[test]
fn values_that_no_request_can_have_are_usage_errors_that_name_the_flag() {
    let folder = Folder::new();
    let run = |words: &[&str]| folder.run(&[&["eval", "policy.yaml"], words].concat());
    for (flag, value, fault) in [
        ("--user", "alice smith", "not a user"),
        ("--user", "", "not a user"),
        ("--user", "a/b/c", "not a user"),
        ("--user", "аlice", "not a user"),
        ("--profile", "a/b", "not a profile"),
        ("--profile", "*", "not a profile"),
        ("--account", "12345", "twelve digits"),
        ("--principal", "alice", "not the ARN of a caller"),
        ("--principal", "arn:aws:iam::12345:user/alice", "not the ARN of a caller"),
        ("--principal", "arn:aws:iam::111122223333:role/x", "not the ARN of a caller"),
        ("--principal", "arn:aws:sts::111122223333:assumed-role/x", "not the ARN of a caller"),
        ("--device", "os_version=Sonoma", "`os_version`: not a version"),
        ("--device", "os_type=macos", "`os_type`: not an operating system"),
        ("--at", "2026-01-31T23:00:00", "the offset from UTC is missing"),
        ("--at", "2026-02-30T23:00:00Z", "the date 2026-02-30 does not exist"),
    ] {
        let mut words = vec![flag, value];
        for (needed, value) in [("--user", "alice"), ("--profile", "production")] {
            if flag != needed {
                words.extend([needed, value]);
            }
        }
        let output = run(&words);
        assert_eq!(
            (output.status, output.stdout.as_str()),
            (2, ""),
            "{flag} {value}: {}",
            output.stderr
        );
        assert!(
            output.stderr.contains(flag) && output.stderr.contains(fault),
            "{flag} {value}: {}",
            output.stderr
        );
    }
    let good = [
        "--user",
        "ci/i-0123",
        "--profile",
        "production",
        "--account",
        "111122223333",
        "--principal",
        "arn:aws-us-gov:sts::111122223333:assumed-role/ci/i-0123",
        "--device",
        "os_type=darwin",
        "--device",
        "os_version=14.2.1",
    ];
    assert_eq!(run(&good).status, 1);
}

#[test]
fn a_user_or_an_account_that_contradicts_the_principal_is_a_usage_error() {
    let folder = Folder::new();
    const USER: &str = "arn:aws:iam::111122223333:user/eng/alice";
    const ROLE: &str = "arn:aws:sts::111122223333:assumed-role/ci/build-7";
    for (user, account, principal, fault) in [
        ("alice", Some("111122223333"), USER, None),
        ("bob", None, USER, Some("`--user bob` contradicts `--principal`")),
        ("Alice", None, USER, Some("`--user Alice` contradicts")),
        ("eng/alice", None, USER, Some("is the user `alice`")),
        ("alice", Some("444455556666"), USER, Some("`--account 444455556666` contradicts")),
        ("ci/build-7", None, ROLE, None),
        // Valid if the session names of the role are users.
        ("build-7", Some("111122223333"), ROLE, None),
        ("ci/build-8", None, ROLE, Some("is the user `ci/build-7`, or `build-7` if")),
        ("ci", None, ROLE, Some("contradicts")),
        ("build-7", Some("444455556666"), ROLE, Some("contradicts")),
    ] {
        let mut words =
            vec!["eval", "policy.yaml", "--user", user, "--profile", "x", "--principal", principal];
        if let Some(account) = account {
            words.extend(["--account", account]);
        }
        let output = folder.run(&words);
        match fault {
            None => assert_eq!(output.status, 1, "{user}: {}", output.stderr),
            Some(fault) => {
                assert_eq!(
                    (output.status, output.stdout.as_str()),
                    (2, ""),
                    "{user}: {}",
                    output.stderr
                );
                assert!(output.stderr.contains(fault), "{user}: {}", output.stderr);
            }
        }
    }
    let explained = folder.run(&[
        "explain",
        "policy.yaml",
        "--user",
        "bob",
        "--profile",
        "x",
        "--principal",
        USER,
    ]);
    assert_eq!(explained.status, 2, "{}", explained.stderr);
}
