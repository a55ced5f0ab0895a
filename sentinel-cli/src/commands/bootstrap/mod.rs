//! `sentinel bootstrap`: creates the tables and policies that must exist before the functions.
//! Each step reads the current state first, so a second run changes nothing, and a
//! run after a failure continues where the first one stopped.

mod documents;
mod report;
pub(super) mod table;
mod tables;

use std::path::PathBuf;

use clap::Args;
use sentinel_store::ProfileName;

use crate::arguments::NAME_RULE;
use crate::aws::{self, AwsOptions, Parts, Policies};
use crate::commands::iam;
use crate::commands::policy::Stores;
use crate::output::{Failure, Outcome, Screen};
use crate::runtime::block_on;
use documents::Document;
use report::{Report, Step};
use tables::Tables;

/// Create the tables and policies that the functions need in an AWS account, and
/// print the IAM documents.
///
/// Existing resources that match are left unchanged. Existing resources that differ
/// are updated if AWS can do that in place, and reported otherwise. A stored policy
/// with another text is never overwritten. Exits 1 if a resource differs. If a file
/// is invalid, exits 1 and writes nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel bootstrap --dry-run
  sentinel bootstrap --policies policies --main production
  sentinel bootstrap --profile production --profile staging
  sentinel bootstrap --policy-table sentinel-policies \\
    --kms-key arn:aws:kms:eu-central-1:111122223333:key/ID
  sentinel bootstrap --format json > bootstrap.json")]
pub(crate) struct Arguments {
    /// Folder of policy documents: P.yaml is stored as the document P
    #[arg(long = "policies", value_name = "DIR", default_value = "policies")]
    folder: PathBuf,
    /// Store this document only; can be given several times
    #[arg(long = "profile", value_name = "P", value_parser = profile)]
    profiles: Vec<ProfileName>,
    /// Show the changes without making them
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    parts: Parts,
    #[command(flatten)]
    policies: Policies,
    #[command(flatten)]
    aws: AwsOptions,
}

fn profile(text: &str) -> Result<ProfileName, String> {
    ProfileName::parse(text).map_err(|_| NAME_RULE.to_owned())
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { folder, profiles, policies, .. } = arguments;
    let documents = documents::read(folder, profiles, policies, screen)?;
    let Some(documents) = documents else { return Ok(Outcome::No) };
    let report = block_on(bootstrap(arguments, &documents, screen))?;
    let differs = report.differs();
    if screen.is_json() {
        screen.print_json(&report)?;
    } else {
        screen.print(&report.human(screen.colors_out()))?;
        if arguments.parts.api_id.is_none() {
            screen.note("replace `API_ID` with the id of the TVM's API, or pass `--api-id`");
        }
    }
    Ok(if differs { Outcome::No } else { Outcome::Done })
}

async fn bootstrap(
    arguments: &Arguments,
    documents: &[Document],
    screen: &Screen,
) -> Result<Report, Failure> {
    let Arguments { dry_run, parts, policies, aws, .. } = arguments;
    let config = aws.open().await?;
    let (caller, region) = aws::shown_caller(&config, screen).await?;
    let deployment =
        parts.deployment(policies, caller.partition(), caller.account.clone(), &region);

    let required = table::required(&deployment);
    let (count, mut at) = (required.len() + documents.len(), 0);
    let mut step = |what: &str| {
        at += 1;
        screen.note(&format!("[{at}/{count}] {what}"));
    };
    let client = Tables::new(&config, *dry_run, screen);
    let mut tables = Vec::new();
    for table in &required {
        step(&format!("table `{}`", table.name));
        tables.push(client.ensure(table).await.map_err(resume)?);
    }
    // A table that would be created cannot be read yet.
    let policy_table = policies.policy_table.as_deref().filter(|name| {
        let absent = |step: &Step| step.name == *name && step.state == report::State::WouldCreate;
        !tables.iter().any(absent)
    });
    let stores = Stores::open(&config, policy_table);
    let mut written = Vec::new();
    for document in documents {
        step(&format!("policy `{}`", document.path));
        written.push(document.ensure(&stores, *dry_run).await.map_err(resume)?);
    }
    Ok(Report {
        account: caller.account,
        region,
        caller: caller.arn,
        dry_run: *dry_run,
        tables,
        policies: written,
        iam: iam::for_programs(&deployment)?,
        people: iam::for_people(&deployment, screen.colors_out()),
    })
}

/// Adds what to do after a failure before the last step.
fn resume(failure: Failure) -> Failure {
    match failure {
        Failure::Other { what, source } => Failure::Other {
            what: format!("{what}\ncompleted steps are kept; the same command continues from here"),
            source,
        },
        Failure::Refused(_) | Failure::Usage(_) | Failure::Closed => failure,
    }
}
