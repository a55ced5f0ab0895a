//! Reads, creates and repairs tables, and waits for them.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate, IndexStatus,
    PointInTimeRecoverySpecification, ScalarAttributeType, SseSpecification, SseType,
    TableDescription, TableStatus, TimeToLiveSpecification,
};
use sentinel_store::dynamodb::{IndexDefinition, TableDefinition};
use tokio::time::{Instant, sleep};

use super::report::{State, Step};
use super::table::{Actual, Difference, Repair, RequiredTable, compare};
use crate::aws::because_aws;
use crate::output::{Failure, Screen};

/// Maximum time for a table to reach its requested state. A new table takes about
/// ten seconds, an index over many items longer.
const WAIT: Duration = Duration::from_secs(300);
const POLL_INTERVAL: Duration = Duration::from_secs(2);
const FIRST_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Interval between the notes that the wait continues.
const NOTE_INTERVAL: Duration = Duration::from_secs(20);

/// The tables of an account.
#[derive(Debug)]
pub(super) struct Tables<'a> {
    client: Client,
    dry_run: bool,
    screen: &'a Screen,
}

impl<'a> Tables<'a> {
    pub(super) fn new(config: &SdkConfig, dry_run: bool, screen: &'a Screen) -> Self {
        Self { client: Client::new(config), dry_run, screen }
    }

    /// Ensures that a table exists as requested.
    pub(super) async fn ensure(&self, required: &RequiredTable) -> Result<Step, Failure> {
        let existing = self.describe(&required.name).await?;
        let step = |state, details| Step {
            name: required.name.clone(),
            purpose: Some(required.purpose),
            state,
            place: None,
            version: None,
            details,
        };
        let (described, created) = match existing {
            None if self.dry_run => return Ok(step(State::WouldCreate, Vec::new())),
            None => {
                self.create(required).await?;
                (self.active(&required.name).await?, true)
            }
            Some(described) if self.dry_run => (described, false),
            Some(_) => (self.active(&required.name).await?, false),
        };
        let actual = self.settings(&required.name, &described).await?;
        let Difference { repairs, refusals, remarks } = compare(required, &actual);
        // The settings that a new table gets one at a time are part of its
        // creation.
        let reported = repairs.iter().filter(|_| !created);
        let mut details: Vec<String> = reported.map(Repair::describe).collect();
        for repair in &repairs {
            if !self.dry_run {
                self.screen.note(&format!("  enabling {}", repair.describe()));
                self.repair(required, repair).await?;
            }
        }
        let state = match (refusals.is_empty(), created, repairs.is_empty(), self.dry_run) {
            (false, ..) => State::Differs,
            (true, true, ..) => State::Created,
            (true, false, true, _) => State::Unchanged,
            (true, false, false, true) => State::WouldRepair,
            (true, false, false, false) => State::Repaired,
        };
        details.extend(refusals);
        details.extend(remarks);
        Ok(step(state, details))
    }

    /// The table, or `None` if it does not exist.
    async fn describe(&self, name: &str) -> Result<Option<TableDescription>, Failure> {
        match self.client.describe_table().table_name(name).send().await {
            Ok(found) => Ok(found.table),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_resource_not_found_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(because_aws(
                &format!("cannot read the table `{name}`"),
                "dynamodb:DescribeTable",
                error,
            )),
        }
    }

    async fn settings(&self, name: &str, table: &TableDescription) -> Result<Actual, Failure> {
        let what = format!("cannot read the table `{name}`");
        let (ttl, recovery) = tokio::join!(
            self.client.describe_time_to_live().table_name(name).send(),
            self.client.describe_continuous_backups().table_name(name).send()
        );
        let ttl = ttl.map_err(|error| because_aws(&what, "dynamodb:DescribeTimeToLive", error))?;
        let recovery = recovery
            .map_err(|error| because_aws(&what, "dynamodb:DescribeContinuousBackups", error))?;
        let recovery = recovery
            .continuous_backups_description()
            .and_then(|backups| backups.point_in_time_recovery_description());
        Ok(Actual::new(table, ttl.time_to_live_description(), recovery))
    }

    /// Creates the table with all settings that a single request can set.
    async fn create(&self, required: &RequiredTable) -> Result<(), Failure> {
        let RequiredTable { name, definition, key, .. } = required;
        self.screen.note("  creating the table");
        let request = definition.create(&self.client, name).map_err(malformed)?;
        let created = request
            .deletion_protection_enabled(true)
            .set_sse_specification(key.as_deref().map(encryption))
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            // Another administrator created the table first. It is read next.
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_resource_in_use_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(because_aws(
                &format!("cannot create the table `{name}`"),
                "dynamodb:CreateTable",
                error,
            )),
        }
    }

    async fn repair(&self, required: &RequiredTable, repair: &Repair) -> Result<(), Failure> {
        let name = &required.name;
        let what = format!("cannot enable {} of the table `{name}`", repair.describe());
        let update = || self.client.update_table().table_name(name);
        let request = match repair {
            Repair::Protection => update().deletion_protection_enabled(true),
            Repair::Encryption(key) => update().sse_specification(encryption(key)),
            Repair::Index(_) => match required.definition.index {
                Some(index) => {
                    // Of the table and of the index: AWS compares them with all keys.
                    let attributes = required
                        .definition
                        .key_attributes()
                        .into_iter()
                        .map(|key| {
                            AttributeDefinition::builder()
                                .attribute_name(key)
                                .attribute_type(ScalarAttributeType::S)
                                .build()
                        })
                        .collect::<Result<_, _>>()
                        .map_err(malformed)?;
                    update()
                        .set_attribute_definitions(Some(attributes))
                        .global_secondary_index_updates(addition(index).map_err(malformed)?)
                }
                None => return Ok(()),
            },
            Repair::Stream => {
                let stream = TableDefinition::stream_specification().map_err(malformed)?;
                update().stream_specification(stream)
            }
            Repair::TimeToLive(attribute) => {
                let specification = TimeToLiveSpecification::builder()
                    .enabled(true)
                    .attribute_name(*attribute)
                    .build()
                    .map_err(malformed)?;
                let request = self.client.update_time_to_live().table_name(name);
                let sent = request.time_to_live_specification(specification).send().await;
                return sent
                    .map(drop)
                    .map_err(|error| because_aws(&what, "dynamodb:UpdateTimeToLive", error));
            }
            Repair::Recovery => return self.recover(name, &what).await,
        };
        request.send().await.map_err(|error| because_aws(&what, "dynamodb:UpdateTable", error))?;
        // One change at a time.
        self.active(name).await.map(drop)
    }

    /// Point-in-time recovery cannot be enabled immediately on a new table: AWS
    /// reports that backups are being enabled.
    async fn recover(&self, name: &str, what: &str) -> Result<(), Failure> {
        let started = Instant::now();
        loop {
            let specification = PointInTimeRecoverySpecification::builder()
                .point_in_time_recovery_enabled(true)
                .build()
                .map_err(malformed)?;
            let request = self.client.update_continuous_backups().table_name(name);
            let sent = request.point_in_time_recovery_specification(specification).send().await;
            let Err(error) = sent else { return Ok(()) };
            let not_yet = error
                .as_service_error()
                .is_some_and(|e| e.is_continuous_backups_unavailable_exception());
            if !not_yet || started.elapsed() >= WAIT {
                return Err(because_aws(what, "dynamodb:UpdateContinuousBackups", error));
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Waits until the table and its indexes can be used and changed.
    async fn active(&self, name: &str) -> Result<TableDescription, Failure> {
        let started = Instant::now();
        let mut last_note = started;
        loop {
            let found = self.describe(name).await?;
            if let Some(table) = found
                && is_active(&table)
            {
                return Ok(table);
            }
            if started.elapsed() >= WAIT {
                return Err(Failure::other(format!(
                    "the table `{name}` is still not ready after {} s",
                    WAIT.as_secs()
                )));
            }
            if last_note.elapsed() >= NOTE_INTERVAL {
                last_note = Instant::now();
                self.screen.note("  waiting until the table is ready");
            }
            sleep(if started.elapsed() < POLL_INTERVAL {
                FIRST_POLL_INTERVAL
            } else {
                POLL_INTERVAL
            })
            .await;
        }
    }
}

fn is_active(table: &TableDescription) -> bool {
    let index_is_active = |status: Option<&IndexStatus>| {
        // Some emulators do not report the status of an index.
        status.is_none_or(|status| *status == IndexStatus::Active)
    };
    table.table_status() == Some(&TableStatus::Active)
        && table
            .global_secondary_indexes()
            .iter()
            .all(|index| index_is_active(index.index_status()))
}

fn encryption(key: &str) -> SseSpecification {
    SseSpecification::builder().enabled(true).sse_type(SseType::Kms).kms_master_key_id(key).build()
}

/// An index to add to a table in use.
fn addition(index: IndexDefinition) -> Result<GlobalSecondaryIndexUpdate, BuildError> {
    let action = CreateGlobalSecondaryIndexAction::builder()
        .index_name(index.name)
        .set_key_schema(Some(index.schema()?))
        .projection(index.projection())
        .build()?;
    Ok(GlobalSecondaryIndexUpdate::builder().create(action).build())
}

fn malformed(error: BuildError) -> Failure {
    Failure::because("cannot create a request", error)
}
