//! Tables, compared with their definitions by the code of `sentinel bootstrap`.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{TableDescription, TableStatus};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use sentinel_iam::Deployment;
use sentinel_store::Causes;

use super::super::snapshot::{Deployed, Read, Seen, Table, Unread};
use super::Reader;
use super::permission::Permission;
use crate::commands::bootstrap::table::{
    Actual, Difference, Repair, RequiredTable, compare, required,
};

impl Reader<'_> {
    /// The tables of the deployment that the TVM uses; all of them if its variables are not known.
    pub(super) async fn tables(
        &self,
        deployment: &Deployment,
        tvm: &Deployed,
    ) -> Vec<(String, Seen<Table>)> {
        let client = Client::new(self.config);
        let mut tables = Vec::new();
        for table in required(deployment) {
            if tvm.lacks(&format!("SENTINEL_{}", variable(table.purpose))) {
                continue;
            }
            let seen = self.table(&client, &table).await;
            tables.push((table.name, seen));
        }
        tables
    }

    async fn table(&self, client: &Client, required: &RequiredTable) -> Seen<Table> {
        let name = &required.name;
        let described: Read<Option<TableDescription>> =
            match client.describe_table().table_name(name).send().await {
                Ok(found) => Ok(found.table),
                Err(error)
                    if error
                        .as_service_error()
                        .is_some_and(|error| error.is_resource_not_found_exception()) =>
                {
                    Ok(None)
                }
                Err(error) => Err(unread(&error, Permission::DescribeTable, name)),
            };
        let Some(described) = described? else { return Ok(None) };
        let ttl = client.describe_time_to_live().table_name(name).send().await;
        let ttl = ttl.map_err(|error| unread(&error, Permission::DescribeTtl, name))?;
        let backups = client.describe_continuous_backups().table_name(name).send().await;
        let backups = backups.map_err(|error| unread(&error, Permission::DescribeBackups, name))?;
        let recovery = backups
            .continuous_backups_description()
            .and_then(|backups| backups.point_in_time_recovery_description());
        let actual = Actual::new(&described, ttl.time_to_live_description(), recovery);
        let Difference { repairs, refusals, .. } = compare(required, &actual);
        let mut table = Table {
            name: name.clone(),
            differs: refusals,
            has_ttl: true,
            recovers: true,
            protected: true,
            inaccessible: described.table_status()
                == Some(&TableStatus::InaccessibleEncryptionCredentials),
            ..Table::default()
        };
        for repair in repairs {
            match repair {
                Repair::Index(_) | Repair::Stream => table.lacks.push(repair.describe()),
                Repair::Protection => table.protected = false,
                Repair::Encryption(key) => table.other_key = Some(key),
                Repair::TimeToLive(_) => table.has_ttl = false,
                Repair::Recovery => table.recovers = false,
            }
        }
        Ok(Some(table))
    }
}

/// The end of the name of the variable with a table.
fn variable(purpose: &str) -> &'static str {
    match purpose {
        "sessions" => "SESSION_TABLE",
        "approvals" => "APPROVAL_TABLE",
        "break_glass" => "BREAKGLASS_TABLE",
        _ => "POLICY_TABLE",
    }
}

fn unread<E>(error: &SdkError<E>, permission: Permission, table: &str) -> Unread
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    let error = (!code.contains("AccessDenied")).then(|| Causes(error).to_string());
    Unread { action: permission.as_str(), resource: table.to_owned(), error }
}
