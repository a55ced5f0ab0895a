//! What the calls need that read a deployment, as `sentinel doctor` makes them.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

use serde_json::Value;

use super::{Need, Place};
use crate::call::RecordedCall;

/// Everything that a call needs. `None` if the call is not listed here.
pub(super) fn needs(call: &RecordedCall, place: &Place) -> Option<Vec<Need>> {
    let Place { partition, region, account, .. } = place;
    let RecordedCall { service, operation, .. } = call;
    let text = |name: &str| call.parameters.get(name).and_then(Value::as_str);
    let action = format!("{service}:{operation}");
    let iam = |resource: &str| format!("arn:{partition}:iam::{account}:{resource}");
    let need = |action: &str, resource: String| Some(vec![Need::new(action, resource)]);
    match service.as_str() {
        "iam" => match operation.as_str() {
            "GetRole" | "GetRolePolicy" | "ListAttachedRolePolicies" | "ListRolePolicies" => {
                need(&action, iam(&format!("role/{}", text("RoleName")?)))
            }
            // The path prefix is the resource.
            "ListRoles" => need(&action, iam("role/")),
            "GetPolicy" | "GetPolicyVersion" => need(&action, text("PolicyArn")?.to_owned()),
            _ => None,
        },
        "lambda" => {
            let rest = operation.strip_prefix("GET /2015-03-31/functions/")?;
            let (name, part) = rest.split_once('/')?;
            let qualified = text("Qualifier").map(|it| format!(":{it}")).unwrap_or_default();
            let function = |more: &str| place.arn("lambda", &format!("function:{name}{more}"));
            match part {
                "configuration" => need("lambda:GetFunctionConfiguration", function(&qualified)),
                "policy" => need("lambda:GetPolicy", function(&qualified)),
                _ if part.starts_with("aliases/") => need("lambda:GetAlias", function("")),
                _ => None,
            }
        }
        // The method is the action, and the path the resource. The version of the API is not part of it.
        "apigateway" => {
            let path = operation.strip_prefix("GET ")?;
            let path = path.strip_prefix("/v2").unwrap_or(path);
            need("apigateway:GET", format!("arn:{partition}:apigateway:{region}::{path}"))
        }
        "logs" if operation == "DescribeLogGroups" => {
            let name = text("logGroupNamePrefix").unwrap_or_default();
            need(&action, place.arn("logs", &format!("log-group:{name}")))
        }
        "cloudwatch" if operation == "DescribeAlarms" => {
            let names = call.parameters.get("AlarmNames")?.as_array()?.iter();
            let alarm = |name: &str| place.arn("cloudwatch", &format!("alarm:{name}"));
            names.map(|name| Some(Need::new(&action, alarm(name.as_str()?)))).collect()
        }
        // DescribeOrganization supports no resource, and the document has one statement for all.
        "organizations" => {
            let reads = operation.starts_with("Describe") || operation.starts_with("List");
            reads.then(|| vec![Need::new(&action, "*")])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn needed(service: &str, operation: &str, parameters: Value) -> Option<String> {
        let call = RecordedCall::answered(service, operation, parameters);
        let place = Place {
            partition: "aws".into(),
            region: "eu-west-1".into(),
            account: "111122223333".into(),
            key: "*".into(),
        };
        let needs = needs(&call, &place)?;
        Some(needs.iter().map(|need| format!("{} {}", need.action, need.resource)).collect())
    }

    #[test]
    fn a_call_of_each_service_needs_its_action_on_its_resource() {
        let policy = "GET /2015-03-31/functions/f/policy";
        for (service, operation, parameters, expected) in [
            (
                "iam",
                "GetRole",
                json!({ "RoleName": "R" }),
                "iam:GetRole arn:aws:iam::111122223333:role/R",
            ),
            ("iam", "ListRoles", json!({}), "iam:ListRoles arn:aws:iam::111122223333:role/"),
            (
                "lambda",
                policy,
                json!({ "Qualifier": "live" }),
                "lambda:GetPolicy arn:aws:lambda:eu-west-1:111122223333:function:f:live",
            ),
            (
                "apigateway",
                "GET /v2/apis/a/routes",
                Value::Null,
                "apigateway:GET arn:aws:apigateway:eu-west-1::/apis/a/routes",
            ),
            (
                "cloudwatch",
                "DescribeAlarms",
                json!({ "AlarmNames": ["a"] }),
                "cloudwatch:DescribeAlarms arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a",
            ),
            ("organizations", "ListParents", json!({}), "organizations:ListParents *"),
        ] {
            assert_eq!(needed(service, operation, parameters).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_call_that_writes_is_not_listed() {
        for (service, operation) in [
            ("iam", "PutRolePolicy"),
            ("lambda", "PUT /2015-03-31/functions/f/configuration"),
            ("lambda", "GET /2015-03-31/functions/f/code-signing-config"),
            ("apigateway", "PATCH /v2/apis/a/routes/r"),
            ("logs", "PutRetentionPolicy"),
            ("cloudwatch", "PutMetricAlarm"),
            ("organizations", "DetachPolicy"),
        ] {
            assert_eq!(needed(service, operation, json!({ "RoleName": "R" })), None, "{operation}");
        }
    }
}
