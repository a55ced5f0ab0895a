//! What people may do: ask for credentials, operate, administer; and what the
//! credentials that they are given may not.

use super::Deployment;
use super::document::{Document, Statement};

impl Deployment {
    /// The policy of those who ask the TVM for credentials.
    #[must_use]
    pub fn client(&self) -> Document {
        Document::new(vec![self.invoke()])
    }

    /// A service control policy (or a deny in the protected roles): whoever holds
    /// vended credentials does not get others by them.
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

    /// The policy of those who run `sentinel bootstrap` and `sentinel policy
    /// list|pull|push|history`: what these call, and nothing else.
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
        // What DynamoDB asks of whoever gives a table a key:
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

    /// The policy of those who operate. Over whom they have a say is in the
    /// policy's `operators` and in `SENTINEL_OPERATORS`; beside that they can stop
    /// the function, by a reserved concurrency of 0, and start it again.
    #[must_use]
    pub fn operator(&self) -> Document {
        let [function, _] = self.function(&self.tvm_function);
        Document::new(vec![
            self.invoke(),
            Statement::allow(
                "StopAllVending",
                ["lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"],
                [function],
            ),
        ])
    }

    /// The policy of those who may `sentinel sessions revoke --table`, with the TVM
    /// out of reach. Who can write to that table can also forge a session, or open
    /// a gate: for a role that nobody is on other nights.
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

    fn invoke(&self) -> Statement {
        Statement::allow("InvokeTVM", ["execute-api:Invoke"], [self.api()])
    }
}
