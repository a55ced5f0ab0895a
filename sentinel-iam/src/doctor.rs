//! Permissions of administrators who check a deployment. All actions read.
//!
//! The configuration of the functions and the stages of the API contain the origin secret and the
//! session key. The document therefore allows reading them. With the permission to invoke the TVM's
//! function, which it does not allow, the origin secret is enough to name any caller.

use super::Deployment;
use super::document::{Document, Statement};

impl Deployment {
    /// The policy of administrators who run `sentinel doctor`: the actions that it calls, and no others.
    #[must_use]
    pub fn doctor(&self) -> Document {
        let functions = [&self.tvm_function, &self.authorizer_function];
        let functions = functions.into_iter().flat_map(|name| self.function(name));
        let roles = [self.tvm_role.clone(), self.authorizer_role.clone()];
        let roles = roles.into_iter().chain([format!("{}*", self.role_prefix)]);
        let roles: Vec<String> = roles.map(|name| self.role(&name)).collect();
        let names = [&self.session_table, &self.approval_table, &self.breakglass_table];
        let tables = names.into_iter().chain(&self.policy_table).map(|name| self.table(name));
        let mut statements = vec![
            Statement::allow(
                "Functions",
                ["lambda:GetAlias", "lambda:GetFunctionConfiguration", "lambda:GetPolicy"],
                functions,
            ),
            Statement::allow(
                "Roles",
                [
                    "iam:GetRole",
                    "iam:GetRolePolicy",
                    "iam:ListAttachedRolePolicies",
                    "iam:ListRolePolicies",
                ],
                roles,
            ),
            Statement::allow("RoleList", ["iam:ListRoles"], [self.role("*")]),
            Statement::allow(
                "AttachedPolicies",
                ["iam:GetPolicy", "iam:GetPolicyVersion"],
                self.managed_policies(),
            ),
            Statement::allow(
                "Tables",
                [
                    "dynamodb:DescribeContinuousBackups",
                    "dynamodb:DescribeTable",
                    "dynamodb:DescribeTimeToLive",
                ],
                tables,
            ),
            Statement::allow(
                "Policies",
                ["ssm:GetParameter", "ssm:GetParametersByPath"],
                self.parameters(),
            ),
        ];
        if let Some(table) = &self.policy_table {
            statements.push(Statement::allow(
                "PolicyTable",
                ["dynamodb:GetItem", "dynamodb:Query"],
                [self.table(table)],
            ));
        }
        if let Some(key) = &self.policy_key {
            statements.push(
                Statement::allow("DecryptPolicies", ["kms:Decrypt"], [key.clone()]).when(
                    "StringEquals",
                    "kms:ViaService",
                    self.via("ssm"),
                ),
            );
        }
        statements.extend(self.decrypt_tables().filter(|_| self.policy_table.is_some()));
        statements.extend([
            Statement::allow("Apis", ["apigateway:GET"], self.api_resources()),
            Statement::allow(
                "LogGroups",
                ["logs:DescribeLogGroups"],
                [self.arn("logs", "log-group:*")],
            ),
            Statement::allow(
                "Alarms",
                ["cloudwatch:DescribeAlarms"],
                [self.arn("cloudwatch", "alarm:*")],
            ),
            // These have no effect in most accounts: only the management account and delegated
            // administrators can read service control policies. DescribeOrganization supports no
            // resource.
            Statement::allow(
                "Organization",
                [
                    "organizations:DescribeOrganization",
                    "organizations:DescribePolicy",
                    "organizations:ListParents",
                    "organizations:ListPoliciesForTarget",
                ],
                ["*".to_owned()],
            ),
            Statement::allow("Whoami", ["execute-api:Invoke"], self.routes(["GET/whoami"])),
        ]);
        Document::new(statements)
    }

    /// The customer managed policies of the account, and those that AWS manages.
    fn managed_policies(&self) -> [String; 2] {
        let Self { partition, account, .. } = self;
        [account.as_str(), "aws"].map(|owner| format!("arn:{partition}:iam::{owner}:policy/*"))
    }

    /// The API in front of the TVM, whether it is an HTTP API or a REST API, and the authorizers of
    /// other APIs.
    /// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonapigatewaymanagement.html>
    fn api_resources(&self) -> Vec<String> {
        let Self { partition, region, .. } = self;
        let id = self.api_id.as_deref().unwrap_or("API_ID");
        let paths = ["apis", "restapis"].into_iter().flat_map(|kind| {
            [format!("/{kind}/{id}"), format!("/{kind}/{id}/*"), format!("/{kind}/*/authorizers")]
        });
        paths.map(|path| format!("arn:{partition}:apigateway:{region}::{path}")).collect()
    }
}
