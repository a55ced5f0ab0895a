//! `sentinel policy list`, `pull`, `push`, `history`.

use std::io::Read;
use std::process::{Command, Stdio};

use aws_sdk_ssm::types::ParameterType;
use serde_json::json;

use super::{Account, KINDS, OPERATORS, POLICY, long, states, type_text};
use crate::running::run;

fn policy(name: &str) -> String {
    POLICY.replace("NAME", name)
}

#[test]
fn a_document_is_pushed_compared_and_pulled_and_keeps_its_history() {
    for kind in KINDS {
        let account = Account::new(kind, "life");
        assert_eq!(account.run("bootstrap --profile main").status, 0);
        let (created, status) = account.json("policy push policies/production.yaml --yes");
        assert_eq!((status, created["policies"][0]["state"].as_str()), (0, Some("created")));
        let (same, _) = account.json("policy push policies/production.yaml --yes");
        assert_eq!(same["policies"][0]["state"], "unchanged");

        account.write("production", &policy("production").replace("alice", "bob"));
        let output = account.run("policy push policies/production.yaml --dry-run");
        assert!(
            output
                .stdout
                .contains("\n-    conditions: { profiles: [production], users: [alice] }\n")
        );
        assert!(
            output.stdout.contains("\n+    conditions: { profiles: [production], users: [bob] }\n")
        );
        assert_eq!(account.parameter("production").unwrap().1, 1);
        let (updated, _) = account.json("policy push policies/production.yaml --yes");
        assert_eq!(updated["policies"][0]["version"], "2", "{updated}");

        assert_eq!(account.run("policy pull production --version 1").stdout, policy("production"));
        let output = account.run("policy pull production -o pulled.yaml");
        assert_eq!((output.status, output.stdout.as_str()), (0, ""));
        let pulled = std::fs::read_to_string(account.home.path().join("pulled.yaml")).unwrap();
        assert!(pulled.contains("bob"));
        assert_eq!(account.run("policy pull production --version 7").status, 3);
        assert_eq!(account.run("policy pull nothing").status, 3);

        let (history, _) = account.json("policy history production");
        let versions = history["versions"].as_array().unwrap();
        assert_eq!(versions.len(), 2, "{history}");
        assert_eq!(versions[0]["bytes"], policy("production").len());
        assert!(versions[1]["at"].as_str().unwrap().ends_with('Z'));
    }
}

#[test]
fn a_large_document_is_stored_in_the_table_and_one_that_outgrows_ssm_is_moved_there() {
    for kind in KINDS {
        let account = Account::new(kind, "large");
        assert_eq!(account.run("bootstrap").status, 0);
        account.write("large", &long("large", 20_000));
        let (report, status) = account.json("policy push policies/large.yaml --yes");
        assert_eq!((status, report["policies"][0]["where"].as_str()), (0, Some("table")));
        assert_eq!(account.run("policy pull large").stdout, long("large", 20_000));

        account.write("production", &long("production", 9_000));
        let output = account.run("policy push policies/production.yaml --yes");
        assert!(output.status == 3 && output.stderr.contains("--move"), "{}", output.stderr);
        let (report, _) = account.json("policy push policies/production.yaml --yes --move");
        assert_eq!(report["policies"][0]["state"], "moved", "{kind:?} {report}");
        assert!(account.parameter("production").is_none());
        assert_eq!(account.run("policy pull production").stdout, long("production", 9_000));

        // The state after a move that was interrupted.
        account.put("production", "an older text", ParameterType::String);
        let output = account.run("policy list");
        assert!(
            output.stderr.contains("`production` is in SSM and in the policy table"),
            "{}",
            output.stderr
        );
        assert_eq!(account.run("policy pull production").status, 3);
        assert_eq!(account.run("policy pull production --from ssm").stdout, "an older text");
        assert_eq!(account.run("policy push policies/production.yaml --yes").status, 3);
        let (report, _) = account.json("policy push policies/production.yaml --yes --move");
        assert_eq!(report["policies"][0]["version"], "1", "{report}");
        assert!(account.parameter("production").is_none());

        let (listed, _) = account.json("policy list");
        let found: Vec<_> = listed["policies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["name"].as_str().unwrap(), one["where"].as_str().unwrap()))
            .collect();
        assert_eq!(found, [("large", "table"), ("main", "ssm"), ("production", "table")]);
    }
}

#[test]
fn an_encrypted_parameter_stays_encrypted() {
    for kind in KINDS {
        let account = Account::new(kind, "secure");
        assert_eq!(account.run("bootstrap --profile main").status, 0);
        account.put("production", "old", ParameterType::SecureString);
        assert_eq!(account.run("policy push policies/production.yaml --yes").status, 0);
        let client = aws_sdk_ssm::Client::new(&account.config());
        let request = client.get_parameter().name(account.path("production")).send();
        let found = account.runtime.block_on(request).unwrap().parameter.unwrap();
        assert_eq!(found.r#type, Some(ParameterType::SecureString), "{kind:?}");
        assert_eq!(account.parameter("production").unwrap(), (policy("production"), 2));
    }
}

#[test]
fn if_one_document_is_invalid_no_document_is_pushed() {
    let account = Account::new(KINDS[0], "refused");
    account.write("production", &format!("{}{OPERATORS}", policy("production")));
    let output = account.run("policy push policies/main.yaml policies/production.yaml --yes");
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("policies/production.yaml"), "{}", output.stderr);
    let words = "policy push policies/main.yaml policies/production.yaml --yes";
    let (report, _) = account.json(words);
    let found: Vec<String> = states(&report, "policies").into_iter().map(|one| one.1).collect();
    assert_eq!(found, ["not_tried", "unusable"]);
    assert!(!report["policies"][1]["findings"].as_array().unwrap().is_empty());
    assert!(account.parameter("main").is_none());
}

#[test]
fn a_push_after_which_two_profiles_would_have_one_role_is_refused() {
    let account = Account::new(KINDS[0], "roles");
    assert_eq!(account.run("bootstrap --profile main").status, 0);
    // The role of `Main` is the role of `main`: IAM role names are
    // case-insensitive.
    account.write("Main", &policy("Main"));
    let words = "policy push policies/Main.yaml policies/production.yaml --yes";
    let output = account.run(words);
    assert_eq!(output.status, 1, "{}", output.stderr);
    assert!(output.stderr.contains("profile `Main`") && output.stderr.contains("role of `main`"));
    let (report, status) = account.json(words);
    let found: Vec<String> = states(&report, "policies").into_iter().map(|one| one.1).collect();
    assert_eq!((status, found), (1, vec!["role_taken".to_owned(), "not_tried".to_owned()]));
    assert!(account.parameter("Main").is_none() && account.parameter("production").is_none());
}

#[test]
fn a_push_reports_what_the_main_document_does_not_reach() {
    for kind in KINDS {
        let account = Account::new(kind, "reach");
        assert_eq!(account.run("bootstrap --profile main").status, 0);
        account.write("named", &policy("named"));
        account.put("_bad", &policy("x"), ParameterType::String);
        let freeze = "  - { name: freeze, effect: deny, conditions: { mode: [cli] } }\n";
        account.write("main", &format!("{}{freeze}", policy("named")));
        let words = "policy push policies/main.yaml policies/production.yaml policies/named.yaml";
        let output = account.run(&format!("{words} --dry-run"));
        assert_eq!(output.status, 0, "{}", output.stderr);
        for line in [
            "warning[not-in-server]: the rule `freeze` never matches",
            "deny rules of the main document do not apply to profiles that have their own document: \
             `production`\n",
            "so their own documents decide nothing: `named`\n",
        ] {
            assert!(output.stderr.contains(line), "{kind:?} {line}: {}", output.stderr);
        }
        let (report, status) = account.json(&format!("{words} --yes"));
        assert_eq!(status, 0, "{report}");
        let [main, production, named] = [0, 1, 2].map(|at| &report["policies"][at]);
        assert_eq!(main["findings"][0]["code"], "not-in-server", "{main}");
        let reach = |deny: &[&str], nothing: &[&str]| {
            json!({
                "deny_rules_do_not_apply_to": deny, "govern_nothing": nothing, "never_read": [],
            })
        };
        assert_eq!(production["reach"], reach(&["production"], &[]));
        assert_eq!(named["reach"], reach(&[], &["named"]));
        assert_eq!(main["reach"]["deny_rules_do_not_apply_to"], json!(["production"]));
        assert_eq!(main["reach"]["govern_nothing"], json!(["named"]));
        assert_eq!(main["reach"]["never_read"], json!(["_bad"]));
        // A later push reads the main document from the account.
        let (report, _) = account.json("policy push policies/production.yaml --yes");
        assert_eq!(report["policies"][0]["reach"], reach(&["production"], &[]));
    }
}

#[test]
fn a_missing_policy_table_is_reported_with_the_command_that_creates_it() {
    for kind in KINDS {
        let account = Account::new(kind, "tableless");
        let output = account.run("policy push policies/main.yaml --yes");
        assert_eq!(output.status, 3, "{kind:?}");
        assert!(
            output.stderr.contains("`sentinel bootstrap` creates"),
            "{kind:?} {}",
            output.stderr
        );
    }
}

#[test]
fn without_a_terminal_yes_is_required() {
    let account = Account::new(KINDS[0], "unattended");
    let output = account.run("policy push policies/main.yaml");
    assert_eq!((output.status, output.stdout.as_str()), (2, ""));
    assert!(output.stderr.contains("--yes"), "{}", output.stderr);
    let two = account.run("policy push policies/main.yaml policies/production.yaml --name x --yes");
    assert_eq!(two.status, 2);
    assert!(account.parameter("main").is_none());
}

/// Pushes on a terminal, runs `meanwhile` while the command waits for confirmation,
/// and types the word.
fn push_on_terminal(account: &Account, word: &str, meanwhile: impl FnOnce()) -> (i32, String) {
    let push = account.command("policy push policies/production.yaml");
    // A separate terminal, which Python's `pty` provides.
    let mut terminal = Command::new("python3");
    terminal
        .args([
            "-c",
            "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))",
        ])
        .arg(push.get_program())
        .args(push.get_args())
        .current_dir(account.home.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    for (name, value) in push.get_envs() {
        terminal.env(name, value.unwrap());
    }
    let mut child = terminal.spawn().unwrap();
    let (mut stdout, mut output) = (child.stdout.take().unwrap(), Vec::new());
    let stdin = child.stdin.take().unwrap();
    while !output.ends_with(b"[y/N] ") {
        let mut byte = [0];
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&output));
        output.extend(byte);
    }
    meanwhile();
    type_text(&stdin, word);
    stdout.read_to_end(&mut output).unwrap();
    let status = child.wait().unwrap().code().unwrap();
    drop(stdin);
    (status, String::from_utf8(output).unwrap())
}

#[test]
fn on_a_terminal_a_push_requests_confirmation_and_keeps_concurrent_changes() {
    for kind in KINDS {
        let account = Account::new(kind, "confirm");
        assert_eq!(account.run("bootstrap --profile main").status, 0);
        account.put("production", &policy("production"), ParameterType::String);
        account.write("production", &policy("production").replace("alice", "bob"));
        let (status, output) = push_on_terminal(&account, "n\n", || {});
        assert!(status == 1 && output.contains("declined"), "{output}");
        assert_eq!(account.parameter("production").unwrap().1, 1);

        let concurrent_write = || account.put("production", "theirs", ParameterType::String);
        let (status, output) = push_on_terminal(&account, "y\n", concurrent_write);
        assert_eq!(status, 1, "{kind:?} {output}");
        let expected = "changed in SSM since it was compared: version 2 was written by";
        assert!(output.contains(expected) && output.contains("nothing was written"), "{output}");
        assert_eq!(account.parameter("production").unwrap(), ("theirs".to_owned(), 2));

        let (status, output) = push_on_terminal(&account, "y\n", || {});
        assert!(status == 0 && output.contains("updated, in SSM, version 3"), "{output}");
        assert!(run(&mut account.command("policy pull production")).stdout.contains("bob"));
    }
}

/// The names and the states of the documents of a pull.
fn pulled(report: &serde_json::Value) -> Vec<(String, String)> {
    states(report, "policies")
}

#[test]
fn all_documents_and_groups_are_pulled_and_can_be_restored_in_another_place() {
    for kind in KINDS {
        let account = Account::new(kind, "all");
        assert_eq!(account.run("bootstrap").status, 0);
        account.write("large", &long("large", 20_000));
        let pushed =
            "policy push policies/main.yaml policies/production.yaml policies/large.yaml --yes";
        assert_eq!(account.run(pushed).status, 0);
        assert_eq!(account.run("policy group set oncall alice bob").status, 0);

        let (report, status) = account.json("policy pull --all backup");
        let written = |name: &str| (name.to_owned(), "written".to_owned());
        let names = ["main", "large", "production", "groups/oncall"].map(written);
        assert_eq!((pulled(&report), status), (names.to_vec(), 0), "{kind:?}");
        let found = report["policies"].as_array().unwrap();
        assert_eq!((&found[0]["main"], &found[1]["where"]), (&json!(true), &json!("table")));
        let backup = account.home.path().join("backup");
        for name in ["main", "production", "large"] {
            let text = std::fs::read_to_string(backup.join(format!("{name}.yaml"))).unwrap();
            assert_eq!(text, std::fs::read_to_string(account.file(name)).unwrap());
        }
        let group = std::fs::read_to_string(backup.join("groups/oncall.yaml")).unwrap();
        assert!(group.contains("alice") && group.contains("bob"), "{group}");

        // The folder is the input of `bootstrap`, under another root.
        let main = account.path("main").replace("/policies/", "/restored/");
        let restore = format!("bootstrap --policies backup --main {main}");
        assert_eq!(account.run(&restore).status, 0);
        let (again, status) = account.json(&format!("policy pull --all again --main {main}"));
        let names = ["main", "large", "production"].map(written);
        assert_eq!((pulled(&again), status), (names.to_vec(), 0), "{kind:?}");
        for name in ["main", "production", "large"] {
            let text = std::fs::read(account.home.path().join(format!("again/{name}.yaml")));
            assert_eq!(text.unwrap(), std::fs::read(account.file(name)).unwrap());
        }
    }
}

#[test]
fn a_pull_of_all_documents_keeps_changed_files_unless_it_is_forced() {
    let account = Account::new(KINDS[0], "kept");
    assert_eq!(account.run("bootstrap --profile main").status, 0);
    assert_eq!(account.run("policy push policies/production.yaml --yes").status, 0);
    let pull = "policy pull --all policies";
    account.write("main", "# a local change\n");
    let output = account.run(pull);
    assert_eq!(output.status, 1, "{}", output.stdout);
    assert!(output.stdout.contains("policies/main.yaml") && output.stdout.contains("--force"));
    let (report, status) = account.json(pull);
    let state = |name: &str, state: &str| (name.to_owned(), state.to_owned());
    let kept = vec![state("main", "differs"), state("production", "unchanged")];
    assert_eq!((pulled(&report), status), (kept, 1));
    assert_eq!(std::fs::read_to_string(account.file("main")).unwrap(), "# a local change\n");
    let (report, status) = account.json(&format!("{pull} --force"));
    let forced = vec![state("main", "replaced"), state("production", "unchanged")];
    assert_eq!((pulled(&report), status), (forced, 0));
    assert_eq!(
        std::fs::read_to_string(account.file("main")).unwrap(),
        account.parameter("main").unwrap().0
    );

    // A document in both places is not written, unless one is named.
    account.write("large", &long("large", 20_000));
    assert_eq!(account.run("bootstrap --profile main").status, 0);
    assert_eq!(account.run("policy push policies/large.yaml --yes").status, 0);
    account.put("large", "an older text", ParameterType::String);
    let (report, status) = account.json(pull);
    assert_eq!((pulled(&report)[1].clone(), status), (state("large", "in_both"), 1));
    let (report, status) = account.json(&format!("{pull} --from table"));
    assert_eq!((pulled(&report)[1].clone(), status), (state("large", "unchanged"), 0));
    for usage in ["main", "--output x", "--version 1"] {
        assert_eq!(account.run(&format!("{pull} {usage}")).status, 2, "{usage}");
    }
    assert_eq!(account.run("policy pull").status, 2);
    assert_eq!(account.run("policy pull main --force").status, 2);
}
