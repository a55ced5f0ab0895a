//! Permissions and trust policies of the two functions.
//!
//! Actions and resources: the service authorization reference,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/>.

use sentinel_broker::SESSION_TAG_KEYS;

use super::Deployment;
use super::document::{Document, Statement, StatementPrincipal};

impl Deployment {
    /// The policy of the TVM's execution role.
    #[must_use]
    pub fn tvm_function(&self) -> Document {
        let protected = || [self.role(&format!("{}*", self.role_prefix))];
        let mut statements = vec![
            Statement::allow(
                "AssumeProtectedRoles",
                ["sts:AssumeRole", "sts:SetSourceIdentity"],
                protected(),
            )
            .when("StringLike", "sts:SourceIdentity", self.source_identities()),
            // A separate statement: sts:SourceIdentity is not a key of sts:TagSession, and a
            // condition on an absent key does not match.
            Statement::allow("TagSessions", ["sts:TagSession"], protected()).when_one_of(
                "ForAllValues:StringEquals",
                "aws:TagKeys",
                SESSION_TAG_KEYS,
            ),
            Statement::allow(
                "ReadPolicies",
                ["ssm:GetParameter", "ssm:GetParametersByPath"],
                self.parameters(),
            ),
        ];
        if let Some(key) = &self.policy_key {
            statements.push(
                Statement::allow("DecryptPolicies", ["kms:Decrypt"], [key.clone()]).when(
                    "StringEquals",
                    "kms:ViaService",
                    self.via("ssm"),
                ),
            );
        }
        let sessions = self.table(&self.session_table);
        statements.extend([
            Statement::allow(
                "SessionTracking",
                ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"],
                [sessions.clone()],
            ),
            Statement::allow("SessionLists", ["dynamodb:Query"], [format!("{sessions}/index/*")]),
        ]);
        let people = [&self.approval_table, &self.breakglass_table].map(|table| self.table(table));
        statements.extend([
            Statement::allow(
                "RequestsAndGrants",
                ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Query"],
                people.clone(),
            ),
            Statement::allow(
                "RequestAndGrantLists",
                ["dynamodb:Query"],
                people.map(|table| format!("{table}/index/*")),
            ),
        ]);
        if let Some(table) = &self.policy_table {
            statements.push(Statement::allow(
                "PolicyTable",
                ["dynamodb:GetItem", "dynamodb:Query"],
                [self.table(table)],
            ));
        }
        statements.extend(self.decrypt_tables());
        statements.push(self.logs(&self.tvm_function));
        Document::new(statements)
    }

    /// The policy of the authorizer's execution role.
    #[must_use]
    pub fn authorizer_function(&self) -> Document {
        let mut statements = vec![Statement::allow(
            "ReadSessions",
            ["dynamodb:GetItem"],
            [self.table(&self.session_table)],
        )];
        statements.extend(self.decrypt_tables());
        statements.push(self.logs(&self.authorizer_function));
        Document::new(statements)
    }

    /// The trust policy of both execution roles.
    #[must_use]
    pub fn function_trust(&self) -> Document {
        Document::new(vec![
            Statement::allow("Lambda", ["sts:AssumeRole"], [])
                .to(StatementPrincipal::Service("lambda.amazonaws.com")),
        ])
    }

    /// A principal that reads or writes a table with a customer managed key needs that
    /// key, through DynamoDB.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html>
    pub(super) fn decrypt_tables(&self) -> Option<Statement> {
        let key = self.table_key.clone()?;
        let statement = Statement::allow("DecryptTables", ["kms:Decrypt"], [key]);
        Some(statement.when("StringEquals", "kms:ViaService", self.via("dynamodb")))
    }

    /// The log group exists before the function, with its retention, so that
    /// logs:CreateLogGroup is not needed.
    fn logs(&self, function: &str) -> Statement {
        Statement::allow(
            "Logs",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [self.arn("logs", &format!("log-group:/aws/lambda/{function}:*"))],
        )
    }
}
