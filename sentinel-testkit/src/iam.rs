//! Which IAM actions a recorded call needs, and on which resources. The documents for the functions
//! must allow exactly these.
//!
//! This module lists the calls that Sentinel makes. Any other call is an error, so that a new call
//! cannot be missing from the documents. It is *not* a list of all AWS actions.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

mod reading;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::call::RecordedCall;

/// An action on a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// For example `dynamodb:GetItem`.
    pub action: String,
    /// The resource's ARN, or `*` if the action has no resource.
    pub resource: String,
}

impl Need {
    fn new(action: &str, resource: impl Into<String>) -> Self {
        Self { action: action.to_owned(), resource: resource.into() }
    }
}

/// Where calls are made: the parts of an ARN that a call's parameters do not contain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// For example `aws`.
    pub partition: String,
    /// The region.
    pub region: String,
    /// The account id.
    pub account: String,
    /// The ARN of the key of SecureString parameters, or `*` for the key that AWS manages.
    pub key: String,
}

impl Place {
    fn arn(&self, service: &str, resource: &str) -> String {
        let Self { partition, region, account, .. } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// A table's ARN. A call may name the table by its name or by its ARN.
    fn table(&self, name: &str) -> String {
        if name.starts_with("arn:") {
            name.to_owned()
        } else {
            self.arn("dynamodb", &format!("table/{name}"))
        }
    }

    /// A parameter's ARN. `/a/b` and `a` are `parameter/a/b` and `parameter/a`. A version or label
    /// (`:3`) is not part of the ARN.
    fn parameter(&self, name: &str) -> String {
        if name.starts_with("arn:") {
            return name.splitn(7, ':').take(6).collect::<Vec<_>>().join(":");
        }
        let name = name.split(':').next().unwrap_or(name);
        self.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/')))
    }
}

/// A call whose needs are not listed here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// Sentinel is not expected to make this call.
    #[error(
        "the needs of `{service}:{operation}` are not listed: add them here and to the documents"
    )]
    Call {
        /// The service.
        service: String,
        /// The operation.
        operation: String,
    },
    /// A parameter is missing, or has a value whose needs are not listed.
    #[error("`{operation}` cannot be mapped: look at its {parameter}")]
    Parameter {
        /// The operation.
        operation: String,
        /// The parameter.
        parameter: &'static str,
    },
}

/// Everything that a call needs.
///
/// # Errors
/// If the call, or one of its parameters, is not listed here.
pub fn needs(call: &RecordedCall, place: &Place) -> Result<BTreeSet<Need>, Unknown> {
    let reading = Reading { call, place };
    let needs = match call.service.as_str() {
        "sts" => reading.sts(),
        "ssm" => reading.ssm(),
        "dynamodb" => reading.dynamodb(),
        "iam" | "lambda" | "apigateway" | "logs" | "cloudwatch" | "organizations" => {
            reading::needs(call, place).map_or_else(|| Err(reading.unknown()), Ok)
        }
        _ => Err(reading.unknown()),
    };
    needs.map(|needs| needs.into_iter().collect())
}

struct Reading<'a> {
    call: &'a RecordedCall,
    place: &'a Place,
}

type Needs = Result<Vec<Need>, Unknown>;

impl<'a> Reading<'a> {
    fn unknown(&self) -> Unknown {
        let RecordedCall { service, operation, .. } = self.call;
        Unknown::Call { service: service.clone(), operation: operation.clone() }
    }

    fn lacks(&self, parameter: &'static str) -> Unknown {
        Unknown::Parameter { operation: self.call.operation.clone(), parameter }
    }

    fn parameter(&self, name: &str) -> Option<&'a Value> {
        self.call.parameters.get(name)
    }

    fn text(&self, name: &'static str) -> Result<&'a str, Unknown> {
        self.parameter(name).and_then(Value::as_str).ok_or_else(|| self.lacks(name))
    }

    fn is_true(&self, name: &str) -> bool {
        self.parameter(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The action with the operation's name, on one resource.
    fn own(&self, resource: impl Into<String>) -> Vec<Need> {
        let RecordedCall { service, operation, .. } = self.call;
        vec![Need::new(&format!("{service}:{operation}"), resource)]
    }

    fn sts(&self) -> Needs {
        match self.call.operation.as_str() {
            // "No permissions are required to perform this operation."
            "GetCallerIdentity" => Ok(Vec::new()),
            "AssumeRole" => {
                let role = self.text("RoleArn")?;
                let mut needs = self.own(role);
                if self.parameter("SourceIdentity").is_some() {
                    needs.push(Need::new("sts:SetSourceIdentity", role));
                }
                let tags = ["Tags", "Tags.member.1.Key"];
                if tags.iter().any(|name| self.parameter(name).is_some()) {
                    needs.push(Need::new("sts:TagSession", role));
                }
                Ok(needs)
            }
            _ => Err(self.unknown()),
        }
    }

    fn ssm(&self) -> Needs {
        let place = self.place;
        match self.call.operation.as_str() {
            "GetParameter" | "GetParameterHistory" => {
                let mut needs = self.own(place.parameter(self.text("Name")?));
                needs.extend(self.decrypt());
                Ok(needs)
            }
            // The path itself is needed: `/root/*` alone does not cover `/root`.
            "GetParametersByPath" => {
                let mut needs = self.own(place.parameter(self.text("Path")?));
                needs.extend(self.decrypt());
                Ok(needs)
            }
            "PutParameter" => {
                let mut needs = self.own(place.parameter(self.text("Name")?));
                if self.parameter("Type").and_then(Value::as_str) == Some("SecureString") {
                    // KMS encrypts standard parameters itself, and advanced ones with a data key.
                    let tier = self.parameter("Tier").and_then(Value::as_str);
                    let standard = tier.is_none_or(|tier| tier == "Standard");
                    let action = if standard { "kms:Encrypt" } else { "kms:GenerateDataKey" };
                    needs.push(Need::new(action, &place.key));
                }
                if self.parameter("Tags").is_some() {
                    needs.push(Need::new(
                        "ssm:AddTagsToResource",
                        place.parameter(self.text("Name")?),
                    ));
                }
                Ok(needs)
            }
            "DeleteParameter" => Ok(self.own(place.parameter(self.text("Name")?))),
            _ => Err(self.unknown()),
        }
    }

    /// A SecureString is decrypted with its key if the call requests decryption.
    fn decrypt(&self) -> Option<Need> {
        let secure = self.call.parameter_types.iter().any(|kind| kind == "SecureString");
        (secure && self.is_true("WithDecryption"))
            .then(|| Need::new("kms:Decrypt", &self.place.key))
    }

    fn dynamodb(&self) -> Needs {
        let table = || self.text("TableName").map(|name| self.place.table(name));
        match self.call.operation.as_str() {
            "GetItem"
            | "PutItem"
            | "UpdateItem"
            | "DeleteItem"
            | "DescribeTable"
            | "UpdateTimeToLive"
            | "DescribeTimeToLive"
            | "UpdateContinuousBackups"
            | "DescribeContinuousBackups" => Ok(self.own(table()?)),
            // The table is not needed if the call reads an index.
            "Query" | "Scan" => {
                let table = table()?;
                Ok(match self.parameter("IndexName").and_then(Value::as_str) {
                    Some(index) => self.own(format!("{table}/index/{index}")),
                    None => self.own(table),
                })
            }
            "CreateTable" | "UpdateTable" => {
                let key =
                    self.parameter("SSESpecification").and_then(|sse| sse.get("KMSMasterKeyId"));
                if key.is_some() {
                    return Err(self.lacks("SSESpecification"));
                }
                let mut needs = self.own(table()?);
                if self.parameter("Tags").is_some() {
                    needs.push(Need::new("dynamodb:TagResource", table()?));
                }
                Ok(needs)
            }
            "ListTables" => Ok(self.own("*")),
            "BatchGetItem" | "BatchWriteItem" => {
                let tables = self.parameter("RequestItems").and_then(Value::as_object);
                let tables = tables.ok_or_else(|| self.lacks("RequestItems"))?;
                Ok(tables.keys().flat_map(|name| self.own(self.place.table(name))).collect())
            }
            "TransactWriteItems" | "TransactGetItems" => self.transaction(),
            _ => Err(self.unknown()),
        }
    }

    /// A transaction does not have an action. Each of its members does.
    fn transaction(&self) -> Needs {
        let items = self.parameter("TransactItems").and_then(Value::as_array);
        let items = items.ok_or_else(|| self.lacks("TransactItems"))?;
        let mut needs = Vec::new();
        for (kind, member) in items.iter().filter_map(Value::as_object).flatten() {
            let action = match kind.as_str() {
                "Get" => "dynamodb:GetItem",
                "Put" => "dynamodb:PutItem",
                "Update" => "dynamodb:UpdateItem",
                "Delete" => "dynamodb:DeleteItem",
                "ConditionCheck" => "dynamodb:ConditionCheckItem",
                _ => return Err(self.lacks("TransactItems")),
            };
            let table = member.get("TableName").and_then(Value::as_str);
            let table = table.ok_or_else(|| self.lacks("TableName"))?;
            needs.push(Need::new(action, self.place.table(table)));
        }
        Ok(needs)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(service: &str, operation: &str, parameters: Value) -> RecordedCall {
        RecordedCall::answered(service, operation, parameters)
    }

    fn place() -> Place {
        Place {
            partition: "aws".into(),
            region: "eu-west-1".into(),
            account: "111122223333".into(),
            key: "arn:aws:kms:eu-west-1:111122223333:key/k".into(),
        }
    }

    fn needed(call: &RecordedCall) -> Vec<String> {
        let needs = needs(call, &place()).unwrap();
        needs.into_iter().map(|need| format!("{} {}", need.action, need.resource)).collect()
    }

    const TABLE: &str = "arn:aws:dynamodb:eu-west-1:111122223333:table/t";

    #[test]
    fn assuming_a_role_needs_an_action_for_each_stamp() {
        let role = "arn:aws:iam::111122223333:role/R";
        let plain = call("sts", "AssumeRole", json!({ "RoleArn": role }));
        assert_eq!(needed(&plain), [format!("sts:AssumeRole {role}")]);
        let stamped = json!({
            "RoleArn": role, "SourceIdentity": "s", "Tags.member.1.Key": "k",
            "Tags.member.1.Value": "v",
        });
        assert_eq!(
            needed(&call("sts", "AssumeRole", stamped)),
            ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]
                .map(|action| format!("{action} {role}"))
        );
        assert!(needed(&call("sts", "GetCallerIdentity", json!({}))).is_empty());
    }

    #[test]
    fn a_parameter_needs_its_key_only_when_it_is_decrypted() {
        let arn = "arn:aws:ssm:eu-west-1:111122223333:parameter/sentinel/policies/main";
        let name = "/sentinel/policies/main:3";
        let mut get = call("ssm", "GetParameter", json!({ "Name": name, "WithDecryption": true }));
        assert_eq!(needed(&get), [format!("ssm:GetParameter {arn}")]);
        get.parameter_types = vec!["SecureString".into()];
        let key = place().key;
        assert_eq!(needed(&get), [format!("kms:Decrypt {key}"), format!("ssm:GetParameter {arn}")]);
        get.parameters = json!({ "Name": arn });
        assert_eq!(needed(&get), [format!("ssm:GetParameter {arn}")]);
        let path = call("ssm", "GetParametersByPath", json!({ "Path": "/sentinel/policies" }));
        assert_eq!(
            needed(&path),
            ["ssm:GetParametersByPath \
              arn:aws:ssm:eu-west-1:111122223333:parameter/sentinel/policies"]
        );
    }

    #[test]
    fn a_query_is_of_the_table_or_of_its_index() {
        let of = |parameters| needed(&call("dynamodb", "Query", parameters));
        assert_eq!(of(json!({ "TableName": "t" })), [format!("dynamodb:Query {TABLE}")]);
        assert_eq!(of(json!({ "TableName": TABLE })), [format!("dynamodb:Query {TABLE}")]);
        assert_eq!(
            of(json!({ "TableName": "t", "IndexName": "by-shard" })),
            [format!("dynamodb:Query {TABLE}/index/by-shard")]
        );
    }

    #[test]
    fn a_transaction_needs_what_its_members_need() {
        let items = json!({ "TransactItems": [
            { "Put": { "TableName": "t" } },
            { "ConditionCheck": { "TableName": "t" } },
            { "Update": { "TableName": "u" } },
        ] });
        let other = TABLE.replace("table/t", "table/u");
        assert_eq!(
            needed(&call("dynamodb", "TransactWriteItems", items)),
            [
                format!("dynamodb:ConditionCheckItem {TABLE}"),
                format!("dynamodb:PutItem {TABLE}"),
                format!("dynamodb:UpdateItem {other}"),
            ]
        );
    }

    #[test]
    fn an_unlisted_call_or_parameter_is_an_error() {
        for unknown in [
            call("s3", "GET /", Value::Null),
            call("sts", "GetSessionToken", json!({})),
            call("ssm", "DescribeParameters", json!({})),
            call("dynamodb", "ExecuteStatement", json!({})),
            call("dynamodb", "GetItem", json!({})),
            call("dynamodb", "TransactWriteItems", json!({ "TransactItems": [{ "Drop": {} }] })),
        ] {
            assert!(needs(&unknown, &place()).is_err(), "{unknown:?}");
        }
    }
}
