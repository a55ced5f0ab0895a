//! Faults of a deployment, each with the findings that it causes and no others.

use serde_json::json;

use super::world::{
    ACCOUNT, AUTHORIZER, AUTHORIZER_ROLE, Ids, PROTECTED, TVM, TVM_ROLE, Whoami, World, segment,
};

/// A fault: what it is, how it is planted, and the checks that find it, the most serious first.
pub(super) struct Fault {
    pub(super) what: &'static str,
    pub(super) plant: fn(&World, &Ids),
    pub(super) found: &'static [&'static str],
}

const fn fault(
    what: &'static str,
    found: &'static [&'static str],
    plant: fn(&World, &Ids),
) -> Fault {
    Fault { what, plant, found }
}

const MAIN: &str = "/sentinel/policies/main";

/// The trust policy of the protected role, changed.
fn trust(world: &World, change: fn(&mut serde_json::Value)) {
    let text = world.document("protected-role-trust");
    let mut document = serde_json::from_str(&text).unwrap();
    change(&mut document);
    world.set_trust(PROTECTED, &document.to_string());
}

/// The policy of the TVM's role, changed.
fn permissions(world: &World, change: fn(&mut Vec<serde_json::Value>)) {
    let text = world.document("tvm-function");
    let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
    change(document["Statement"].as_array_mut().unwrap());
    world.put_role_policy(TVM_ROLE, &document.to_string());
}

fn route(world: &World, ids: &Ids, change: &serde_json::Value) {
    let path = format!("/v2/apis/{}/routes/{}", ids.api, ids.route);
    world.rest("apigateway", "PATCH", &path, change);
}

fn stage(world: &World, ids: &Ids, variables: &serde_json::Value) {
    let path = format!("/v2/apis/{}/stages/{}", ids.api, segment("$default"));
    world.rest("apigateway", "DELETE", &path, &json!({}));
    let body = json!({ "stageName": "$default", "stageVariables": variables });
    world.rest("apigateway", "POST", &format!("/v2/apis/{}/stages", ids.api), &body);
}

fn authorizer(world: &World, ids: &Ids, change: &serde_json::Value) {
    let path = format!("/v2/apis/{}/authorizers/{}", ids.downstream, ids.authorizer);
    world.rest("apigateway", "PATCH", &path, change);
}

fn integration(world: &World, ids: &Ids, uri: &str) {
    let path = format!("/v2/apis/{}/integrations/{}", ids.api, ids.integration);
    world.rest("apigateway", "PATCH", &path, &json!({ "integrationUri": uri }));
}

pub(super) const FAULTS: &[Fault] = &[
    fault("the account as a principal of a protected role", &["trust-principal"], |world, _| {
        trust(world, |document| {
            let root = format!("arn:aws:iam::{ACCOUNT}:root");
            let tvm = document["Statement"][0]["Principal"]["AWS"].clone();
            document["Statement"][0]["Principal"]["AWS"] = json!([tvm, root]);
        });
    }),
    fault("every principal of a protected role", &["trust-principal"], |world, _| {
        trust(world, |document| {
            let all = json!({ "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole" });
            document["Statement"].as_array_mut().unwrap().push(all);
        });
    }),
    fault("a stray role that matches the template", &["trust-principal"], |world, _| {
        world.create_role("SentinelProtected-old", &world.document("protected-role-trust"));
        world.put_role_policy("SentinelProtected-old", &world.document("protected-role-guard"));
        let mallory = json!({ "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:user/mallory") },
        }] });
        let text = world.document("protected-role-trust");
        let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let more = mallory["Statement"][0].clone();
        document["Statement"].as_array_mut().unwrap().push(more);
        world.set_trust("SentinelProtected-old", &document.to_string());
    }),
    fault("no session tags in a trust policy", &["trust-action"], |world, _| {
        trust(world, |document| {
            document["Statement"].as_array_mut().unwrap().pop();
        });
    }),
    fault("no source identity in a trust policy", &["trust-source-identity"], |world, _| {
        trust(world, |document| {
            document["Statement"][0].as_object_mut().unwrap().remove("Condition");
        });
    }),
    fault("a wider source identity in a trust policy", &["trust-source-identity"], |world, _| {
        trust(world, |document| {
            document["Statement"][0]["Condition"]["StringLike"]["sts:SourceIdentity"] = json!("*");
        });
    }),
    fault("another action in a trust policy", &["trust-excess"], |world, _| {
        trust(world, |document| {
            document["Statement"][1]["Action"] =
                json!(["sts:TagSession", "sts:AssumeRoleWithSAML"]);
        });
    }),
    fault("a profile whose role does not exist", &["role-missing"], |world, _| {
        let text = "version: \"1\"\nrules:\n  - { name: a, effect: allow, conditions: { profiles: \
                    [production, billing], users: [alice] } }\n";
        world.put_parameter(MAIN, text, "String");
    }),
    fault("a profile with its own document and no role", &["role-missing"], |world, _| {
        let text =
            "version: \"1\"\nrules: [{ name: a, effect: allow, conditions: { users: [a] } }]\n";
        world.put_parameter("/sentinel/policies/staging", text, "String");
    }),
    fault("a role in another account", &["permission-missing", "role-elsewhere"], |world, _| {
        let text = "version: \"1\"\nprofiles:\n  far: { role_arn: \
                    \"arn:aws:iam::444455556666:role/SentinelProtected-far\" }\nrules:\n  - { name: a, \
                    effect: allow, conditions: { profiles: [production, far], users: [alice] } }\n";
        world.put_parameter(MAIN, text, "String");
    }),
    fault("sessions that can assume other roles", &["role-chaining"], |world, _| {
        world.iam(&[
            ("Action", "DeleteRolePolicy"),
            ("RoleName", PROTECTED),
            ("PolicyName", "Sentinel"),
        ]);
    }),
    fault("another principal of an execution role", &["execution-trust"], |world, _| {
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
                "Service": "lambda.amazonaws.com", "AWS": format!("arn:aws:iam::{ACCOUNT}:root"),
            },
        }] });
        world.set_trust(AUTHORIZER_ROLE, &trust.to_string());
    }),
    fault("a missing statement of the TVM", &["permission-missing"], |world, _| {
        permissions(world, |statements| {
            statements.retain(|statement| statement["Sid"] != "TagSessions");
        });
    }),
    fault("a denied permission of the authorizer", &["permission-missing"], |world, _| {
        let deny = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Action": "dynamodb:*", "Resource": "*",
        }] });
        world.attach(AUTHORIZER_ROLE, "more", &deny.to_string());
    }),
    fault("another permission of the TVM", &["permission-excess"], |world, _| {
        permissions(world, |statements| {
            statements.push(json!({
                "Sid": "More", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
            }));
        });
    }),
    fault("a condition that is missing", &["permission-excess"], |world, _| {
        permissions(world, |statements| {
            statements[0].as_object_mut().unwrap().remove("Condition");
        });
    }),
    fault("another permission of the authorizer, attached", &["permission-excess"], |world, _| {
        let put = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "dynamodb:PutItem",
            "Resource": format!("arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/sentinel-sessions"),
        }] });
        world.attach(AUTHORIZER_ROLE, "more", &put.to_string());
    }),
    fault("no guard of vended credentials", &["guard-vended"], |world, _| world.detach("vended")),
    fault("no guard of the deployment", &["guard-administration"], |world, _| {
        world.detach("administration-guard");
    }),
    fault("no guard of the roles", &["guard-identity"], |world, _| world.detach("identity-guard")),
    fault("the management account", &["guard-management-account"], |world, _| {
        world.set(Whoami::Alice, false);
    }),
    fault("no table of approvals", &["table-missing"], |world, _| {
        let name = "sentinel-approvals";
        let update = json!({ "TableName": name, "DeletionProtectionEnabled": false });
        world.table("UpdateTable", &update);
        world.table("DeleteTable", &json!({ "TableName": name }));
    }),
    fault("another attribute of expiration", &["table-keys"], |world, _| {
        for (enabled, attribute) in [(false, "ttl"), (true, "other")] {
            let time_to_live = json!({ "Enabled": enabled, "AttributeName": attribute });
            let body = json!({
                "TableName": "sentinel-sessions", "TimeToLiveSpecification": time_to_live,
            });
            world.table("UpdateTimeToLive", &body);
        }
    }),
    fault("no expiration", &["table-ttl"], |world, _| {
        let body = json!({
            "TableName": "sentinel-sessions",
            "TimeToLiveSpecification": { "Enabled": false, "AttributeName": "ttl" },
        });
        world.table("UpdateTimeToLive", &body);
    }),
    fault("no recovery", &["table-recovery"], |world, _| {
        let body = json!({
            "TableName": "sentinel-breakglass",
            "PointInTimeRecoverySpecification": { "PointInTimeRecoveryEnabled": false },
        });
        world.table("UpdateContinuousBackups", &body);
    }),
    fault("no deletion protection", &["table-protection"], |world, _| {
        let body = json!({ "TableName": "sentinel-sessions", "DeletionProtectionEnabled": false });
        world.table("UpdateTable", &body);
    }),
    fault("no index", &["table-index"], |world, _| {
        let body = json!({
            "TableName": "sentinel-sessions",
            "GlobalSecondaryIndexUpdates": [{ "Delete": { "IndexName": "by-shard" } }],
        });
        world.table("UpdateTable", &body);
    }),
    fault("no session table of the TVM", &["sessions-off"], |world, _| {
        world.variables(TVM, &json!({ "SENTINEL_SESSION_TABLE": null }));
    }),
    fault("tables that the TVM does not use", &[], |world, _| {
        let variables = ["SENTINEL_APPROVAL_TABLE", "SENTINEL_BREAKGLASS_TABLE"];
        let none = variables.map(|name| (name.to_owned(), serde_json::Value::Null));
        world.variables(TVM, &serde_json::Value::Object(none.into_iter().collect()));
        for name in ["sentinel-approvals", "sentinel-breakglass"] {
            let update = json!({ "TableName": name, "DeletionProtectionEnabled": false });
            world.table("UpdateTable", &update);
            world.table("DeleteTable", &json!({ "TableName": name }));
        }
    }),
    fault(
        "another session table of the TVM",
        &[
            "permission-missing",
            "permission-missing",
            "table-missing",
            "functions-disagree",
            "permission-excess",
            "permission-excess",
            // The guard names the usual table.
            "guard-administration",
        ],
        |world, _| {
            world.variables(TVM, &json!({ "SENTINEL_SESSION_TABLE": "sentinel-other" }));
        },
    ),
    fault("no main document", &["policy-missing"], |world, _| {
        world.json("ssm", "AmazonSSM.DeleteParameter", &json!({ "Name": MAIN }));
    }),
    fault("an invalid main document", &["policy-invalid"], |world, _| {
        world.put_parameter(
            MAIN,
            "version: \"1\"\nrules: [{ name: a, effect: maybe }]\n",
            "String",
        );
    }),
    fault("invalid members of a group", &["policy-invalid"], |world, _| {
        world.put_parameter("/sentinel/policies/groups/oncall", "{ a: b }", "String");
    }),
    fault("a list as a document", &["policy-type"], |world, _| {
        let get = json!({ "Name": MAIN });
        let text = world.json("ssm", "AmazonSSM.GetParameter", &get);
        let text = text["Parameter"]["Value"].as_str().unwrap().to_owned();
        world.json("ssm", "AmazonSSM.DeleteParameter", &json!({ "Name": MAIN }));
        world.put_parameter(MAIN, &text, "StringList");
    }),
    fault("no authorizer", &["function-missing"], |world, _| {
        let path = format!("/2015-03-31/functions/{AUTHORIZER}");
        world.rest("lambda", "DELETE", &path, &json!({}));
    }),
    fault("an invalid variable of the TVM", &["function-variable"], |world, _| {
        world.variables(TVM, &json!({ "SENTINEL_MAX_DURATION": "an hour" }));
    }),
    fault("an invalid variable of the authorizer", &["function-variable"], |world, _| {
        world.variables(AUTHORIZER, &json!({ "SENTINEL_SESSION_TABLE": null }));
    }),
    fault("a variable without effect", &["function-unread"], |world, _| {
        world.variables(TVM, &json!({ "SENTINEL_MDM_PROVIDER": "jamf" }));
    }),
    fault("another generation", &["functions-disagree"], |world, _| {
        world.variables(AUTHORIZER, &json!({ "SENTINEL_GENERATION": "1" }));
    }),
    fault("another session key", &["functions-disagree"], |world, _| {
        let key = "another-session-key-another-session-key";
        world.variables(AUTHORIZER, &json!({ "SENTINEL_SESSION_KEY": key }));
    }),
    fault("a function without an alias", &["function-latest"], |world, ids| {
        integration(world, ids, &World::function_arn(TVM));
    }),
    fault("an alias that does not exist", &["function-alias"], |world, ids| {
        integration(world, ids, &format!("{}:blue", World::function_arn(TVM)));
    }),
    fault("an alias of $LATEST", &["function-alias"], |world, _| {
        let path = format!("/2015-03-31/functions/{TVM}/aliases/live");
        world.rest("lambda", "PUT", &path, &json!({ "FunctionVersion": "$LATEST" }));
    }),
    fault("roles of the default pattern", &["session-name-roles"], |world, _| {
        world.variables(TVM, &json!({ "SENTINEL_SESSION_NAME_ROLES": null }));
    }),
    fault("a role without an account", &["session-name-roles"], |world, _| {
        world.variables(TVM, &json!({ "SENTINEL_SESSION_NAME_ROLES": "Developers" }));
    }),
    fault("another principal that can invoke", &["invoke-open"], |world, _| {
        world.permit(TVM, "more", "444455556666", None);
    }),
    fault("APIs of every account that can invoke", &["invoke-open"], |world, _| {
        world.permit(AUTHORIZER, "more", "apigateway.amazonaws.com", None);
    }),
    fault("no API", &["api-unknown"], |world, _| {
        let path = format!("/2015-03-31/functions/{TVM}/policy/api");
        world.rest("lambda", "DELETE", &path, &json!({}));
    }),
    fault("an API that was deleted", &["api-missing"], |world, ids| {
        world.rest("apigateway", "DELETE", &format!("/v2/apis/{}", ids.api), &json!({}));
    }),
    fault("a route without authorization", &["route-open"], |world, ids| {
        route(world, ids, &json!({ "authorizationType": "NONE" }));
    }),
    fault("a route that calls nothing", &["api-target"], |world, ids| {
        route(world, ids, &json!({ "target": "integrations/none" }));
    }),
    fault("routes that are missing", &["route-missing"], |world, ids| {
        let path = format!("/v2/apis/{}/routes", ids.api);
        let routes = world.rest("apigateway", "GET", &path, &json!({}));
        let routes = routes["items"].as_array().unwrap();
        let proxy = routes.iter().find(|route| route["routeKey"] == "ANY /{proxy+}").unwrap();
        let id = proxy["routeId"].as_str().unwrap();
        world.rest("apigateway", "DELETE", &format!("{path}/{id}"), &json!({}));
    }),
    fault("no origin secret", &["origin-secret-missing"], |world, _| {
        world.variables(TVM, &json!({ "SENTINEL_ORIGIN_SECRET": null }));
    }),
    fault("a stage without the origin secret", &["origin-secret-differs"], |world, ids| {
        stage(world, ids, &json!({}));
    }),
    fault("a stage with another origin secret", &["origin-secret-differs"], |world, ids| {
        stage(world, ids, &json!({ "sentinelOrigin": "another" }));
    }),
    fault("cached results of the authorizer", &["authorizer-cached"], |world, ids| {
        authorizer(world, ids, &json!({ "authorizerResultTtlInSeconds": 300 }));
    }),
    fault("an identity source", &["authorizer-identity-source"], |world, ids| {
        let source = json!(["$request.header.X-Sentinel-Session-ID"]);
        authorizer(world, ids, &json!({ "identitySource": source }));
    }),
    fault("another form of response", &["authorizer-response"], |world, _| {
        world.variables(AUTHORIZER, &json!({ "SENTINEL_AUTHORIZER_RESPONSE": "policy" }));
    }),
    fault("an authorizer without an API", &["authorizer-unused"], |world, ids| {
        let path = format!("/v2/apis/{}/authorizers/{}", ids.downstream, ids.authorizer);
        world.rest("apigateway", "DELETE", &path, &json!({}));
    }),
    fault("no log group", &["log-group-missing"], |world, _| {
        world.logs("DeleteLogGroup", &json!({ "logGroupName": "/aws/lambda/sentinel-tvm" }));
    }),
    fault("no retention", &["log-retention"], |world, _| {
        let group = json!({ "logGroupName": "/aws/lambda/sentinel-authorizer" });
        world.logs("DeleteRetentionPolicy", &group);
    }),
    fault("logs as JSON", &["log-format"], |world, _| {
        let group = format!("/aws/lambda/{TVM}");
        let logging = json!({ "LogFormat": "JSON", "LogGroup": group });
        world.configure(TVM, &json!({ "LoggingConfig": logging }));
    }),
    fault("an alarm that is missing", &["alarm-missing"], |world, _| {
        let alarm = ("AlarmNames.member.1", "sentinel-stale-policy");
        world.form("monitoring", "2010-08-01", &[("Action", "DeleteAlarms"), alarm]);
    }),
    fault("an alarm whose actions are disabled", &["alarm-disabled"], |world, _| {
        let alarm = ("AlarmNames.member.1", "sentinel-latency");
        world.form("monitoring", "2010-08-01", &[("Action", "DisableAlarmActions"), alarm]);
    }),
    fault("an alarm without an action", &["alarm-silent"], |world, _| {
        world.alarm("sentinel-break-glass", &[]);
    }),
    fault("a TVM that fails", &["whoami-failed"], |world, _| world.set(Whoami::Broken, true)),
    fault("a caller that API Gateway refuses", &["not-readable"], |world, _| {
        world.set(Whoami::Forbidden, true);
    }),
];
