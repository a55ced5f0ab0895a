//! Permissions of callers, administrators and emergency operators, and what vended credentials
//! are denied. The documents with single routes are in `routes`.

use super::Deployment;
use super::document::{Document, Statement};

impl Deployment {
    /// The policy of callers that request credentials from the TVM, with every route. What a route
    /// does for a caller depends on Sentinel's policy only.
    #[must_use]
    pub fn client(&self) -> Document {
        Document::new(vec![Statement::allow("InvokeTVM", ["execute-api:Invoke"], [self.api()])])
    }

    /// A service control policy (or a deny in the protected roles): vended credentials
    /// cannot be used to get others.
    #[must_use]
    pub fn vended_credentials_guard(&self) -> Document {
        let [function, qualified] = self.function(&self.tvm_function);
        Document::new(vec![
            Statement::deny(
                "VendedCredentialsDoNotVend",
                [
                    "execute-api:Invoke",
                    "lambda:InvokeAsync",
                    "lambda:InvokeFunction",
                    "lambda:InvokeFunctionUrl",
                ],
                [self.api(), function, qualified],
            )
            .when("StringLike", "aws:SourceIdentity", self.source_identities()),
        ])
    }

    /// The policy of administrators, who run `sentinel bootstrap` and `sentinel policy
    /// list|pull|push|history`: the actions that these call, and no others.
    /// sts:GetCallerIdentity, which they call too, needs no permission.
    #[must_use]
    pub fn administrator(&self) -> Document {
        let names = [&self.session_table, &self.approval_table, &self.breakglass_table];
        let tables = names.into_iter().chain(&self.policy_table).map(|name| self.table(name));
        let mut statements = vec![
            Statement::allow(
                "Policies",
                [
                    "ssm:GetParameter",
                    "ssm:GetParametersByPath",
                    "ssm:GetParameterHistory",
                    "ssm:PutParameter",
                    "ssm:DeleteParameter",
                ],
                self.parameters(),
            ),
            Statement::allow(
                "Tables",
                [
                    "dynamodb:DescribeTable",
                    "dynamodb:CreateTable",
                    "dynamodb:UpdateTable",
                    "dynamodb:DescribeTimeToLive",
                    "dynamodb:UpdateTimeToLive",
                    "dynamodb:DescribeContinuousBackups",
                    "dynamodb:UpdateContinuousBackups",
                ],
                tables,
            ),
        ];
        if let Some(table) = &self.policy_table {
            statements.push(Statement::allow(
                "PolicyTable",
                ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"],
                [self.table(table)],
            ));
        }
        // Standard parameters are encrypted under the key itself, advanced ones
        // under a data key:
        // https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html
        if let Some(key) = &self.policy_key {
            statements.push(
                Statement::allow(
                    "EncryptPolicies",
                    ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
                    [key.clone()],
                )
                .when("StringEquals", "kms:ViaService", self.via("ssm")),
            );
        }
        // The permissions that DynamoDB requires to set the key of a table:
        // https://docs.aws.amazon.com/kms/latest/developerguide/services-dynamodb.html
        if let Some(key) = &self.table_key {
            statements.push(
                Statement::allow(
                    "EncryptTables",
                    [
                        "kms:Decrypt",
                        "kms:Encrypt",
                        "kms:GenerateDataKey*",
                        "kms:ReEncrypt*",
                        "kms:DescribeKey",
                        "kms:CreateGrant",
                    ],
                    [key.clone()],
                )
                .when("StringEquals", "kms:ViaService", self.via("dynamodb")),
            );
        }
        Document::new(statements)
    }

    /// The policy of writers of the members of one group, who run `sentinel policy group
    /// set|show`. It allows neither another group nor a document with rules. The parameter can
    /// only be removed by administrators.
    #[must_use]
    pub fn group_writer(&self) -> Document {
        let group = self.group.as_ref().map_or("GROUP", |group| group.as_str());
        let path = self.policy_root.join("groups").join(group);
        let mut statements = vec![Statement::allow(
            "Members",
            ["ssm:GetParameter", "ssm:GetParameterHistory", "ssm:PutParameter"],
            [self.arn("ssm", &format!("parameter{path}"))],
        )];
        if let Some(key) = &self.policy_key {
            statements.push(
                Statement::allow(
                    "EncryptMembers",
                    ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"],
                    [key.clone()],
                )
                .when("StringEquals", "kms:ViaService", self.via("ssm")),
            );
        }
        Document::new(statements)
    }

    /// The policy of operators who run `sentinel sessions revoke --table` when the TVM is
    /// not reachable. A principal that can write to that table can also forge a session
    /// or open a gate: use it for a role that is assumed in emergencies only.
    #[must_use]
    pub fn emergency_operator(&self) -> Document {
        let sessions = self.table(&self.session_table);
        let index = format!("{sessions}/index/*");
        let mut statements = vec![
            Statement::allow(
                "RevokeByTheTable",
                ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"],
                [sessions],
            ),
            Statement::allow("SessionLists", ["dynamodb:Query"], [index]),
        ];
        statements.extend(self.decrypt_tables());
        Document::new(statements)
    }
}
