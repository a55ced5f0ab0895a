//! Roles with their trust policies and permissions.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use sentinel_broker::Home;

use super::super::snapshot::{Documents, Read, Role, RoleWithPolicies, Seen, Unread};
use super::super::statement::{Statement, covers, parse};
use super::permission::Permission;
use super::{Reader, unread};
use crate::aws::{CallError, Element, Service};

const VERSION: &str = "2010-05-08";

/// Maximum number of pages of a list.
const PAGES: usize = 100;

impl Reader<'_> {
    async fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Element, CallError> {
        self.calls.query(Service::Iam, action, VERSION, parameters).await
    }

    /// A role of this account.
    pub(super) async fn role(&self, arn: String) -> RoleWithPolicies {
        let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
        let role = self.trust(&name).await;
        let statements = match &role {
            Ok(None) => Ok(Vec::new()),
            Ok(Some(_)) | Err(_) => self.policies(&name).await,
        };
        let arn = match &role {
            Ok(Some(role)) if !role.arn.is_empty() => role.arn.clone(),
            Ok(_) | Err(_) => arn,
        };
        RoleWithPolicies { arn, role, statements }
    }

    async fn trust(&self, name: &str) -> Seen<Role> {
        let response = self.iam("GetRole", &[("RoleName", name)]).await;
        let Some(response) = self.optional(response, Permission::GetRole, name)? else {
            return Ok(None);
        };
        let role = response.find("Role");
        let trust = role.and_then(|role| role.get("AssumeRolePolicyDocument")).and_then(document);
        let trust = trust.ok_or_else(|| malformed(Permission::GetRole, name))?;
        let arn = role.and_then(|role| role.get("Arn")).unwrap_or_default().to_owned();
        Ok(Some(Role { arn, trust }))
    }

    /// The statements of all inline and attached policies.
    async fn policies(&self, name: &str) -> Read<Vec<Statement>> {
        let mut statements = Vec::new();
        for policy in self.list("ListRolePolicies", name, Permission::ListRolePolicies).await? {
            let of_role = [("PolicyName", policy.text.as_str()), ("RoleName", name)];
            let response = self.iam("GetRolePolicy", &of_role).await;
            let response = self.required(response, Permission::GetRolePolicy, name)?;
            let found = response.find("PolicyDocument").and_then(|it| document(&it.text));
            statements.extend(found.ok_or_else(|| malformed(Permission::GetRolePolicy, name))?);
        }
        for policy in self.list("ListAttachedRolePolicies", name, Permission::ListAttached).await? {
            let Some(arn) = policy.get("PolicyArn") else { continue };
            let response = self.iam("GetPolicy", &[("PolicyArn", arn)]).await;
            let response = self.required(response, Permission::GetPolicy, arn)?;
            let version = response.find("DefaultVersionId").map(|version| version.text.clone());
            let version = version.ok_or_else(|| malformed(Permission::GetPolicy, arn))?;
            let of_policy = [("PolicyArn", arn), ("VersionId", version.as_str())];
            let response = self.iam("GetPolicyVersion", &of_policy).await;
            let response = self.required(response, Permission::GetPolicyVersion, arn)?;
            let found = response.find("Document").and_then(|it| document(&it.text));
            statements.extend(found.ok_or_else(|| malformed(Permission::GetPolicyVersion, arn))?);
        }
        Ok(statements)
    }

    /// All members of a list of a role.
    async fn list(&self, action: &str, role: &str, permission: Permission) -> Read<Vec<Element>> {
        let list = match action {
            "ListRolePolicies" => "PolicyNames",
            _ => "AttachedPolicies",
        };
        self.pages(action, &[("RoleName", role)], list, permission, role).await
    }

    async fn pages(
        &self,
        action: &str,
        parameters: &[(&str, &str)],
        list: &str,
        permission: Permission,
        resource: &str,
    ) -> Read<Vec<Element>> {
        let mut all = Vec::new();
        let mut marker: Option<String> = None;
        for _ in 0..PAGES {
            let mut parameters = parameters.to_vec();
            parameters.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let response = self.iam(action, &parameters).await;
            let response = self.required(response, permission, resource)?;
            all.extend(response.members(list).cloned());
            marker = response.find("Marker").map(|marker| marker.text.clone());
            if marker.is_none() {
                break;
            }
        }
        Ok(all)
    }

    /// The roles of profiles, and all other roles of the account that match the template: the TVM can
    /// assume them, so a policy can name them at any time.
    pub(super) async fn protected(
        &self,
        pattern: &str,
        home: &Home,
        documents: &Read<Documents>,
    ) -> (Vec<RoleWithPolicies>, Option<Unread>) {
        let named = documents.as_ref().map(|documents| documents.roles.keys().cloned());
        let mut arns: BTreeSet<String> = named.into_iter().flatten().collect();
        let listed = self.pages("ListRoles", &[], "Roles", Permission::ListRoles, "roles").await;
        let unlisted = match listed {
            Ok(roles) => {
                arns.extend(roles.iter().filter_map(|role| {
                    role.get("Arn").filter(|arn| covers(pattern, arn)).map(str::to_owned)
                }));
                None
            }
            Err(error) => Some(error),
        };
        let mut roles = Vec::new();
        for arn in arns {
            if arn.split(':').nth(4) == Some(home.account.as_str()) {
                roles.push(self.role(arn).await);
            } else {
                roles.push(RoleWithPolicies { arn, role: Ok(None), statements: Ok(Vec::new()) });
            }
        }
        (roles, unlisted)
    }
}

/// A document as IAM returns it, encoded as a URL.
fn document(text: &str) -> Option<Vec<Statement>> {
    parse(&percent_decode_str(text).decode_utf8().ok()?)
}

fn malformed(permission: Permission, resource: &str) -> Unread {
    let error = CallError::Failed("the response has no policy document".to_owned());
    unread(error, permission, resource)
}
