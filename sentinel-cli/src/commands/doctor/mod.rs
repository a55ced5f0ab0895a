//! `sentinel doctor`: reads a deployment in an AWS account, and reports what is wrong with it. It writes
//! nothing. [`read`] reads the account into a [`snapshot`], and [`checks`] finds the faults in it.

mod checks;
mod finding;
mod packages;
mod read;
mod report;
mod snapshot;
mod statement;

use std::path::PathBuf;

use clap::Args;
use sentinel_broker::Home;
use sentinel_client::Endpoint;
use serde_json::json;

use crate::aws::{self, AwsOptions, Calls, Parts, Policies};
use crate::output::{Failure, Outcome, Screen, table};
use crate::runtime::block_on;
use finding::Check;
use packages::Packages;
use read::Reader;
use report::Report;
use snapshot::WhoamiSeen;

/// Check a deployment in an AWS account, without changing anything.
///
/// Reads the functions and takes the names of all other parts from their variables. Exits 1 if there is
/// an error or a warning, also if a permission is missing to check something. `sentinel iam doctor`
/// prints the required permissions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel doctor
  sentinel doctor --api-id a1b2c3d4e5 --tvm https://tvm.example.com
  sentinel doctor --format json > doctor.json
  sentinel doctor --list")]
pub(crate) struct Arguments {
    /// List the checks, and exit
    #[arg(long)]
    list: bool,
    /// Folder with the packages that both functions should have: their code is compared
    #[arg(long, value_name = "DIR")]
    packages: Option<PathBuf>,
    /// URL of the TVM (default: the URL of its API)
    #[arg(long, env = "SENTINEL_TVM_URL", value_name = "URL", help_heading = "Connection")]
    tvm: Option<Endpoint>,
    #[command(flatten)]
    parts: Parts,
    #[command(flatten)]
    policies: Policies,
    #[command(flatten)]
    aws: AwsOptions,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    if arguments.list {
        return list(screen);
    }
    let packages = arguments.packages.as_deref().map(Packages::read).transpose()?;
    let report = block_on(examine(arguments, packages.as_ref(), screen))?;
    if screen.is_json() {
        screen.print_json(&report.json())?;
    } else {
        screen.print(&report.human(screen.colors_out()))?;
    }
    Ok(if report.is_negative() { Outcome::No } else { Outcome::Done })
}

/// Prints the checks.
fn list(screen: &Screen) -> Result<Outcome, Failure> {
    let checks = Check::ALL.iter().copied();
    if screen.is_json() {
        let checks = checks.map(|check| {
            json!({
                "check": check.as_str(),
                "severity": check.severity(),
                "meaning": check.meaning(),
            })
        });
        screen.print_json(&checks.collect::<Vec<_>>())?;
    } else {
        let rows = checks.map(|check| {
            [check.as_str(), check.severity().as_str(), check.meaning()].map(str::to_owned)
        });
        screen.print(&table(rows))?;
    }
    Ok(Outcome::Done)
}

async fn examine(
    arguments: &Arguments,
    packages: Option<&Packages>,
    screen: &Screen,
) -> Result<Report, Failure> {
    let Arguments { tvm, parts, policies, aws, .. } = arguments;
    let config = aws.open().await?;
    let (caller, region) = aws::shown_caller(&config, screen).await?;
    let home = Home::new(caller.partition(), caller.account.clone());
    let deployment =
        parts.deployment(policies, caller.partition(), caller.account.clone(), &region);
    let calls = Calls::new(&config, caller.partition()).await?;
    let reader = Reader { config: &config, calls: &calls, screen };
    let snapshot = reader.read(deployment, home, packages, tvm.as_ref()).await;
    Ok(Report {
        account: caller.account,
        region,
        caller: caller.arn,
        user: match &snapshot.whoami {
            WhoamiSeen::User(user) => Some(user.clone()),
            WhoamiSeen::NotSent | WhoamiSeen::Denied(_) | WhoamiSeen::Failed(_) => None,
        },
        read: snapshot.counts(),
        findings: checks::all(&snapshot),
    })
}
