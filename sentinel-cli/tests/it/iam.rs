//! `sentinel iam`: the documents, without a request to AWS.

use std::collections::BTreeSet;

use sentinel_testkit::sts::allows;
use serde_json::Value;

use crate::running::run_words;

const PLACE: &str = "--account 111122223333 --region eu-central-1";

#[test]
fn documents_are_printed_without_credentials() {
    let output = run_words(&format!("iam {PLACE} --format json"));
    assert_eq!(output.status, 0, "{}", output.stderr);
    let all = output.json();
    assert_eq!(all.as_object().unwrap().len(), 15);
    for (name, document) in all.as_object().unwrap() {
        let word = name.replace('_', "-");
        let one = run_words(&format!("iam {word} {PLACE}"));
        assert_eq!(&one.json(), document, "{word}");
        // The format of IAM's own documents.
        assert!(one.stdout.starts_with("{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n"));
    }
    let human = run_words(&format!("iam {PLACE}")).stdout;
    assert_eq!(human.matches("\"Version\"").count(), 15);
    assert!(human.starts_with("# tvm-function: "), "{human}");
}

#[test]
fn documents_contain_the_requested_names_and_regions() {
    let output = run_words(
        "iam tvm-function --account 111122223333 --region cn-north-1 --session-table s-1 \
         --main /acme/policies/production --policy-table p-1 --role-prefix Acme- --separator _ \
         --tvm-function vend",
    );
    for part in [
        "arn:aws-cn:iam::111122223333:role/Acme-*",
        "arn:aws-cn:ssm:cn-north-1:111122223333:parameter/acme/policies/*",
        "table/s-1/index/*",
        "table/p-1",
        "sentinel_*",
        "log-group:/aws/lambda/vend:*",
    ] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
}

#[test]
fn invalid_names_of_parts_are_usage_errors() {
    for wrong in [
        "--account 1",
        "--account 111122223333",
        "--account 111122223333 --region eu-central-1 --kms-key alias/x",
        "--account 111122223333 --region eu-central-1 --session-table x",
        "--account 111122223333 --region eu-central-1 --role-prefix a/b",
        "--account 111122223333 --region eu-central-1 --policy-root acme",
        "--account 111122223333 --region eu-central-1 --separator :",
    ] {
        let output = run_words(&format!("iam {wrong}"));
        assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{wrong}: {}", output.stderr);
    }
}

#[test]
fn the_writer_of_one_groups_members_writes_neither_another_group_nor_rules() {
    let document = run_words(&format!("iam group-writer --group oncall {PLACE}")).json();
    let allowed = |action: &str, path: &str| {
        let arn =
            format!("arn:aws:ssm:eu-central-1:111122223333:parameter/sentinel/policies{path}");
        allows(std::slice::from_ref(&document), action, &arn, &[]).unwrap()
    };
    for action in ["ssm:GetParameter", "ssm:GetParameterHistory", "ssm:PutParameter"] {
        assert!(allowed(action, "/groups/oncall"), "{action}");
        for path in [
            "",
            "/main",
            "/oncall",
            "/groups",
            "/groups/",
            "/groups/leads",
            "/groups/oncall2",
            "/groups/oncall/x",
        ] {
            assert!(!allowed(action, path), "{action} {path}");
        }
    }
    for action in ["ssm:DeleteParameter", "ssm:GetParametersByPath", "ssm:AddTagsToResource"] {
        assert!(!allowed(action, "/groups/oncall"), "{action}");
    }
    let unnamed = run_words(&format!("iam group-writer {PLACE}"));
    assert!(unnamed.stdout.contains("/groups/GROUP\""), "{}", unnamed.stdout);
    assert!(unnamed.stderr.contains("`--group`"), "{}", unnamed.stderr);
    for wrong in ["*", "a/b", "?"] {
        let output = run_words(&format!("iam group-writer --group {wrong} {PLACE}"));
        assert_eq!((output.status, output.stdout.as_str()), (2, ""), "{wrong}");
    }
}

#[test]
fn no_document_allows_everything() {
    let all: Value = run_words(&format!("iam {PLACE} --format json")).json();
    for (name, document) in all.as_object().unwrap() {
        for statement in document["Statement"].as_array().unwrap() {
            let allows = statement["Effect"] == "Allow";
            let wide = statement["Resource"] == "*" || statement["Action"] == "*";
            // Not all of these actions support a resource. All of them read.
            if name == "doctor" && statement["Sid"] == "Organization" {
                let actions = statement["Action"].as_array().unwrap();
                assert!(actions.iter().all(|action| {
                    let action = action.as_str().unwrap();
                    let verbs = ["organizations:Describe", "organizations:List"];
                    verbs.iter().any(|verb| action.starts_with(verb))
                }));
                continue;
            }
            assert!(!(allows && wide), "{name}: {statement}");
        }
    }
}

/// The documents that `deploy/` and the guide contain match the code: each document
/// that both have, including its optional parts.
#[test]
fn the_documents_of_deploy_match_the_code() {
    let keys =
        ["table", "policy"].map(|of| format!("arn:aws:kms:eu-central-1:111122223333:key/{of}"));
    let names = [
        ("partition", "aws"),
        ("account", "111122223333"),
        ("region", "eu-central-1"),
        ("policy_root", "/sentinel/policies"),
        ("api_id", "a1b2c3d4e5"),
        ("table_key", &keys[0]),
        ("policy_key", &keys[1]),
    ];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/iam");
    for name in [
        "tvm-function",
        "authorizer-function",
        "function-trust",
        "protected-role-trust",
        "protected-role-guard",
        "client",
        "vended-credentials-guard",
        "emergency-operator",
        "doctor",
    ] {
        let mut text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        for (placeholder, value) in names {
            text = text.replace(&format!("${{{placeholder}}}"), value);
        }
        let output = run_words(&format!(
            "iam {name} {PLACE} --policy-table sentinel-policies --api-id a1b2c3d4e5 --kms-key {} \
             --policy-kms-key {}",
            keys[0], keys[1]
        ));
        let deployed: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(alike(&deployed), alike(&output.json()), "{name}");
    }
}

/// A normal form of a document: a list of one element becomes its element, and
/// lists are sorted.
fn alike(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(alike).collect();
            items.sort_by_key(Value::to_string);
            match <[Value; 1]>::try_from(items) {
                Ok([item]) => item,
                Err(items) => Value::Array(items),
            }
        }
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), alike(member))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// IAM authorizes an HTTP API by route, so each route of the TVM has a separate one, and two others
/// answer everything else.
#[test]
fn deploy_has_a_route_for_each_route_of_the_tvm() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../");
    let mut expected: BTreeSet<String> = sentinel_iam::ROUTES.map(str::to_owned).into();
    expected.extend(["ANY/".to_owned(), "ANY/{proxy+}".to_owned()]);
    for file in ["deploy/sam/template.yaml", "deploy/terraform/http_api.tf", "docs/deployment.md"] {
        let text = std::fs::read_to_string(format!("{root}{file}")).unwrap();
        let text = match file {
            "deploy/sam/template.yaml" => text
                .split("RouteKey: ")
                .skip(1)
                .map(|rest| rest.lines().next().unwrap_or_default().replace('"', ""))
                .map(|line| line.split(", ").next().unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
                .join("\n"),
            "deploy/terraform/http_api.tf" => between(&text, "http_routes = [", "]"),
            _ => between(&text, "```text\nANY /\n", "```") + "\nANY /",
        };
        let trimmed = text.lines().map(|line| line.trim().trim_matches(['"', ',']));
        let found: BTreeSet<String> = trimmed
            .filter(|line| !line.is_empty())
            .map(|line| line.replace(' ', "").replace("{id}", "*"))
            .collect();
        assert_eq!(found, expected, "{file}");
    }
}

fn between(text: &str, start: &str, end: &str) -> String {
    let (_, rest) = text.split_once(start).unwrap();
    rest.split_once(end).unwrap().0.to_owned()
}
