//! The organization of the account, and the service control policies that apply to it: those of the
//! account, of its organizational units and of the root.

use std::collections::BTreeSet;

use sentinel_broker::Home;
use serde_json::{Value, json};

use super::super::snapshot::{Organization, Read, Seen};
use super::super::statement::parse;
use super::Reader;
use super::permission::Permission;
use crate::aws::{CallError, Service};

/// An account is at most five organizational units below the root.
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const DEPTH: usize = 7;
const PAGES: usize = 20;

impl Reader<'_> {
    async fn organizations(&self, operation: &str, parameters: &Value) -> Result<Value, CallError> {
        let target = format!("AWSOrganizationsV20161128.{operation}");
        self.calls.json(Service::Organizations, &target, parameters).await
    }

    pub(super) async fn organization(&self, home: &Home) -> Seen<Organization> {
        let account = home.account.as_str();
        let resource = "service control policies";
        let response = self.organizations("DescribeOrganization", &json!({})).await;
        let response = self.optional(response, Permission::DescribeOrganization, resource)?;
        let Some(response) = response else { return Ok(None) };
        let management = response.pointer("/Organization/MasterAccountId").and_then(Value::as_str);
        if management == Some(account) {
            return Ok(Some(Organization { is_management: true, policies: Vec::new() }));
        }
        let mut ids = BTreeSet::new();
        let mut target = account.to_owned();
        for _ in 0..DEPTH {
            ids.extend(self.attached(&target, resource).await?);
            if target.starts_with("r-") {
                break;
            }
            let response = self.organizations("ListParents", &json!({ "ChildId": target })).await;
            let response = self.required(response, Permission::ListParents, resource)?;
            match response.pointer("/Parents/0/Id").and_then(Value::as_str) {
                Some(parent) => target = parent.to_owned(),
                None => break,
            }
        }
        let mut policies = Vec::new();
        for id in ids {
            let response = self.organizations("DescribePolicy", &json!({ "PolicyId": id })).await;
            let response = self.required(response, Permission::DescribePolicy, resource)?;
            let content = response.pointer("/Policy/Content").and_then(Value::as_str);
            policies.extend(content.and_then(parse).into_iter().flatten());
        }
        Ok(Some(Organization { is_management: false, policies }))
    }

    /// The service control policies that are attached to an account, a unit or the root.
    async fn attached(&self, target: &str, resource: &str) -> Read<Vec<String>> {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let mut parameters = json!({ "TargetId": target, "Filter": "SERVICE_CONTROL_POLICY" });
            if let (Some(token), Some(map)) = (&token, parameters.as_object_mut()) {
                map.insert("NextToken".to_owned(), json!(token));
            }
            let response = self.organizations("ListPoliciesForTarget", &parameters).await;
            let response = self.required(response, Permission::ListPolicies, resource)?;
            let policies = response.get("Policies").and_then(Value::as_array);
            let ids =
                policies.into_iter().flatten().filter_map(|policy| policy.get("Id")?.as_str());
            all.extend(ids.map(str::to_owned));
            token = response.get("NextToken").and_then(Value::as_str).map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        Ok(all)
    }
}
