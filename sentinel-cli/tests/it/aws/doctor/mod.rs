//! `sentinel doctor` on an emulated account that is right, and on one with each fault planted.

mod faults;
mod world;

use sentinel_iam::DocumentName;
use sentinel_testkit::permissions::{Difference, differences};
use serde_json::{Value, json};

use crate::running::run;
use faults::{FAULTS, Fault};
pub(crate) use world::World;
use world::{ACCOUNT, ORIGIN, SESSION_KEY, TVM};

/// The findings of a run: the check, the severity and the subject of each.
fn findings(world: &World) -> (Vec<(String, String, String)>, i32, Value) {
    let output = run(&mut world.command("doctor --format json"));
    let report = output.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    let findings = findings
        .map(|one| (text(&one["check"]), text(&one["severity"]), text(&one["subject"])))
        .collect();
    (findings, output.status, report)
}

#[test]
fn a_deployment_that_is_right_has_no_findings() {
    let world = World::start();
    world.reset();
    let (found, status, report) = findings(&world);
    assert_eq!(found, [], "{report:#}");
    assert_eq!(status, 0);
    assert_eq!(report["user"], "alice");
}

#[test]
fn each_fault_has_its_finding_and_no_other() {
    let world = World::start();
    let mut wrong = Vec::new();
    for Fault { what, plant, found } in FAULTS {
        let ids = world.reset();
        plant(&world, &ids);
        let (findings, status, report) = findings(&world);
        let checks: Vec<&str> = findings.iter().map(|(check, _, _)| check.as_str()).collect();
        let negative = findings.iter().any(|(_, severity, _)| severity != "note");
        if checks != *found || status != i32::from(negative) {
            wrong.push(format!(
                "{what}: {checks:?} instead of {found:?}, status {status}: {report:#}"
            ));
        }
        let text = report.to_string();
        assert!(!text.contains(ORIGIN) && !text.contains(SESSION_KEY), "{what}: {text}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// AWS evaluates these actions on the path, on the list of roles and on the log group; the emulator
/// requires them on every resource. It also takes the reading of an alias for a list of aliases.
fn as_the_emulator_has_it() -> Value {
    json!({
        "Effect": "Allow", "Resource": "*",
        "Action": [
            "ssm:GetParametersByPath", "iam:ListRoles", "logs:DescribeLogGroups",
            "cloudwatch:DescribeAlarms", "lambda:ListAliases",
        ],
    })
}

#[test]
fn the_document_is_sufficient_and_each_missing_statement_is_reported_with_its_action() {
    let world = World::start();
    let ids = world.reset();
    let text = world.document(&format!("doctor --api-id {}", ids.api));
    let document: Value = serde_json::from_str(&text).unwrap();
    let statements = document["Statement"].as_array().unwrap();
    let mut wrong = Vec::new();
    for without in 0..=statements.len() {
        let mut kept = statements.clone();
        let removed = (without < kept.len()).then(|| kept.remove(without));
        let removed: Vec<String> = removed
            .iter()
            .flat_map(|statement| {
                let action = &statement["Action"];
                action.as_array().cloned().unwrap_or_else(|| vec![action.clone()])
            })
            .map(|action| action.as_str().unwrap().to_owned())
            .collect();
        let mut more = as_the_emulator_has_it();
        let actions = more["Action"].as_array_mut().unwrap();
        actions.retain(|action| !removed.iter().any(|it| action == it));
        kept.push(more);
        let policy = json!({ "Version": "2012-10-17", "Statement": kept });
        let user = world.user(&format!("doctor-{without}"), &policy.to_string());
        let output = world.run_as(&user, "doctor --format json");
        let report = output.json();
        let findings = report["findings"].as_array().unwrap();
        let reported = |action: &String| {
            let denied = format!("not checked: `{action}` is denied");
            findings.iter().any(|it| it["action"] == **action && it["found"] == denied)
        };
        let only_unread = findings.iter().all(|finding| finding["check"] == "not-readable");
        let named = removed.is_empty() || removed.iter().any(reported);
        // The TVM here does not evaluate policies of IAM.
        let is_whoami = removed.iter().any(|action| action == "execute-api:Invoke");
        let right = if is_whoami || removed.is_empty() {
            findings.is_empty()
        } else {
            named && only_unread
        };
        if !right {
            wrong.push(format!("without {removed:?}: {report:#}"));
        }
        assert!(output.status < 2, "{removed:?}: {}", output.stderr);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every call that is recorded is one that reads, because no other is listed among the needs.
#[test]
fn the_calls_are_exactly_those_that_the_document_allows() {
    let world = World::start();
    let ids = world.reset();
    world.use_policy_table();
    world.secret_parameter("/sentinel/policies/secret");
    world.rest_authorizer();
    world.attach_managed();
    let [proxy, organization] = world.proxies();
    let run = |api: &str| {
        let mut command = world.command(&format!("doctor --format json --api-id {api}"));
        let output = run(command
            .env("AWS_ENDPOINT_URL", proxy.url())
            .env("AWS_ENDPOINT_URL_ORGANIZATIONS", organization.url()));
        assert!(output.status < 2, "{}", output.stderr);
        output.json()
    };
    let report = run(&ids.api);
    assert!(!report.to_string().contains("not-readable"), "{report:#}");
    let mut deployment = sentinel_testkit::recorded::deployment().unwrap();
    deployment.api_id = Some(ids.api.clone());
    let document = deployment.document(DocumentName::Doctor);
    let place = sentinel_testkit::recorded::place(&deployment);
    let calls = [proxy.calls(), organization.calls()].concat();
    let found = differences(&document, &calls, &place);
    let found: Vec<String> = found.iter().map(Difference::to_string).collect();
    let arn = |path: &str| format!("arn:aws:apigateway:us-east-1::/restapis/{}{path}", ids.api);
    let idle = |what: &str, sid: &str| {
        format!("too many: no call needed `{what}` of the statement `{sid}`")
    };
    let whoami = format!("arn:aws:execute-api:us-east-1:{ACCOUNT}:{}/*/GET/whoami", ids.api);
    let expected = [
        // The request is not sent through the proxy.
        idle("execute-api:Invoke", "Whoami"),
        // The id is the id of an HTTP API.
        idle(&arn(""), "Apis"),
        idle(&arn("/*"), "Apis"),
        idle(&whoami, "Whoami"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_rest_api_is_checked_like_an_http_api() {
    let world = World::start();
    world.reset();
    let id = world.rest_api("AWS_IAM", ORIGIN);
    let run =
        |id: &str| run(&mut world.command(&format!("doctor --api-id {id} --format json"))).json();
    let checks = |report: &Value| -> Vec<String> {
        let findings = report["findings"].as_array().unwrap().iter();
        findings.map(|finding| finding["check"].as_str().unwrap().to_owned()).collect()
    };
    // The guard names another API.
    let report = run(&id);
    assert_eq!(checks(&report), ["guard-vended"], "{report:#}");
    let report = run(&world.rest_api("NONE", "another"));
    assert_eq!(
        checks(&report),
        ["route-open", "origin-secret-differs", "guard-vended"],
        "{report:#}"
    );
}

#[test]
fn the_code_of_the_functions_is_compared_with_packages() {
    let world = World::start();
    world.reset();
    let packages = world.folder().join("bin");
    std::fs::create_dir(&packages).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(packages.join(format!("lambda-{name}-linux-amd64.zip")), bytes).unwrap();
    };
    write("tvm", &World::package());
    let missing = run(&mut world.command("doctor --packages bin"));
    assert_eq!(missing.status, 3, "{}", missing.stdout);
    assert!(missing.stderr.contains("lambda-authorizer"), "{}", missing.stderr);
    write("authorizer", &World::package());
    let same = run(&mut world.command("doctor --packages bin"));
    let right = "read: 2 functions, 3 roles, 3 tables, 2 policies, 1 apis, 1 authorizers, 2 log groups, \
                 10 alarms\n0 errors, 0 warnings, 0 notes\n";
    assert_eq!((same.status, same.stdout.as_str()), (0, right));
    write("tvm", b"another package");
    let other = run(&mut world.command("doctor --packages bin --format json"));
    assert_eq!(other.status, 1);
    let findings = other.json()["findings"].clone();
    assert_eq!(findings.as_array().unwrap().len(), 1, "{findings:#}");
    assert_eq!(
        (&findings[0]["check"], &findings[0]["subject"]),
        (&json!("function-package"), &json!(TVM))
    );
}

/// The options name what the variables of an unreadable or missing function cannot.
#[test]
fn an_account_without_a_deployment_is_reported_and_changes_nothing() {
    let world = World::start();
    let output = run(&mut world.command("doctor --format json --session-table other-sessions"));
    assert_eq!(output.status, 1, "{}", output.stderr);
    let report = output.json();
    let subjects: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["check"] == "table-missing")
        .map(|finding| finding["subject"].as_str().unwrap())
        .collect();
    assert_eq!(subjects, ["other-sessions", "sentinel-approvals", "sentinel-breakglass"]);
    let again = run(&mut world.command("doctor --format json --session-table other-sessions"));
    assert_eq!(again.json(), report);
}

#[test]
fn the_report_for_people_names_the_check_what_was_found_and_the_fix() {
    let world = World::start();
    let ids = world.reset();
    let planted =
        ["no retention", "every principal of a protected role", "an alarm without an action"];
    for Fault { plant, .. } in FAULTS.iter().filter(|fault| planted.contains(&fault.what)) {
        plant(&world, &ids);
    }
    let output = run(&mut world.command("doctor"));
    assert_eq!(output.status, 1);
    insta::assert_snapshot!(output.stdout);
}
