//! `sentinel policy group`.

use aws_sdk_ssm::types::ParameterType;
use serde_json::json;

use super::{Account, KINDS};

#[test]
fn the_members_of_a_group_are_written_compared_and_shown() {
    for kind in KINDS {
        let account = Account::new(kind, "members");
        let missing = account.run("policy group show oncall");
        assert_eq!((missing.status, missing.stdout.as_str()), (3, ""), "{kind:?}");
        let (would, status) = account.json("policy group set oncall alice bob --dry-run");
        assert_eq!((status, would["state"].as_str()), (0, Some("would_create")), "{would}");
        assert!(account.parameter("groups/oncall").is_none());

        let (created, status) = account.json("policy group set oncall alice bob");
        assert_eq!((status, created["state"].as_str()), (0, Some("created")), "{created}");
        let expected = "- \"alice\"\n- \"bob\"\n".to_owned();
        assert_eq!(account.parameter("groups/oncall").unwrap(), (expected.clone(), 1));
        let (same, _) = account.json("policy group set oncall alice bob");
        assert_eq!((&same["state"], &same["version"]), (&json!("unchanged"), &json!("1")));
        assert_eq!(account.run("policy group show oncall").stdout, expected);

        let role = "arn:aws:sts::111122223333:assumed-role/OnCall/*";
        let output = account.run(&format!("policy group set oncall carol --principal {role}"));
        assert_eq!(output.status, 0, "{}", output.stderr);
        assert!(output.stdout.contains("-- \"alice\"\n"), "{}", output.stdout);
        assert!(output.stdout.contains("+- \"carol\"\n"), "{}", output.stdout);
        let (shown, _) = account.json("policy group show oncall");
        assert_eq!(
            (&shown["members"], &shown["principals"], &shown["version"]),
            (&json!(["carol"]), &json!([role]), &json!("2"))
        );

        let (empty, _) = account.json("policy group set oncall --empty");
        assert_eq!(empty["state"], "updated", "{empty}");
        assert_eq!(account.parameter("groups/oncall").unwrap(), ("[]\n".to_owned(), 3));
        // The document of a profile has another path.
        assert!(account.parameter("oncall").is_none());
    }
}

#[test]
fn invalid_members_are_neither_written_nor_shown_as_members() {
    let account = Account::new(KINDS[0], "nonmembers");
    let (report, status) = account.json("policy group set oncall alice group:leads");
    assert_eq!((status, report["state"].as_str()), (1, Some("unusable")), "{report}");
    assert!(!report["findings"].as_array().unwrap().is_empty());
    let output = account.run("policy group set oncall alice group:leads");
    assert_eq!(output.status, 1);
    assert!(output.stderr.contains("group:leads"), "{}", output.stderr);
    for words in ["set oncall", "set a/b alice", "set oncall alice --empty"] {
        assert_eq!(account.run(&format!("policy group {words}")).status, 2, "{words}");
    }
    assert!(account.parameter("groups/oncall").is_none());
    account.put("groups/oncall", "alice", ParameterType::String);
    let output = account.run("policy group show oncall");
    assert_eq!((output.status, output.stdout.as_str()), (1, ""));
    // A correct list replaces it.
    assert_eq!(account.run("policy group set oncall alice").status, 0);
    assert_eq!(account.run("policy group show oncall").stdout, "- \"alice\"\n");
}
