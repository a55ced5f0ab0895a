//! `sentinel policy list`, `pull`, `push`, `history` and `group`: policies as they are
//! stored in AWS, in SSM parameters and in the policy table.

mod difference;
mod group;
mod history;
mod list;
#[cfg(test)]
mod memory;
mod plan;
mod pull;
mod pull_all;
mod push;
mod reach;
mod stores;
mod taken;

use clap::{Args, Subcommand, ValueEnum};
use sentinel_store::{PolicyPath, ProfileName};
use serde::Serialize;

use crate::arguments::NAME_RULE;
use crate::aws::{AwsOptions, Policies};
use crate::output::{Failure, Outcome, Screen};
pub(crate) use stores::{Found, Stores};

/// The commands that send requests to AWS.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    List(list::Arguments),
    Pull(pull::Arguments),
    Push(push::Arguments),
    History(history::Arguments),
    Group(group::Arguments),
}

pub(super) fn run(command: &Command, screen: &Screen) -> Result<Outcome, Failure> {
    match command {
        Command::List(arguments) => list::run(arguments, screen),
        Command::Pull(arguments) => pull::run(arguments, screen),
        Command::Push(arguments) => push::run(arguments, screen),
        Command::History(arguments) => history::run(arguments, screen),
        Command::Group(arguments) => group::run(arguments, screen),
    }
}

/// The documents, and the account that stores them.
#[derive(Debug, Args)]
struct Library {
    #[command(flatten)]
    policies: Policies,
    #[command(flatten)]
    aws: AwsOptions,
}

impl Library {
    async fn open(&self) -> Result<Stores, Failure> {
        let config = self.aws.open().await?;
        Ok(Stores::open(&config, self.policies.policy_table.as_deref()))
    }
}

/// The place where a document is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// SSM parameter
    Ssm,
    /// Policy table
    Table,
}

impl Place {
    /// The name of the place in output for people.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ssm => "SSM",
            Self::Table => "the policy table",
        }
    }

    /// The place as a cell of a table, as wide in every list.
    fn cell(self) -> String {
        let word = match self {
            Self::Ssm => "ssm",
            Self::Table => "table",
        };
        format!("{word:<5}")
    }
}

/// The name of a document. Names of documents follow the rules for names of
/// profiles.
fn name(text: &str) -> Result<String, String> {
    ProfileName::parse(text).map(|name| name.as_str().to_owned()).map_err(|_| NAME_RULE.to_owned())
}

/// The document does not exist in any of the places.
fn missing(path: &PolicyPath, stores: &Stores) -> Failure {
    let places = if stores.has_table() {
        "SSM nor in the policy table"
    } else {
        "SSM (pass `--policy-table` if there is one)"
    };
    Failure::other(format!(
        "there is no document `{path}` in {places}: `sentinel policy list` lists the existing ones"
    ))
}
