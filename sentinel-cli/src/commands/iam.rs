//! `sentinel iam`: prints the IAM documents.

use std::fmt::Write;

use clap::builder::styling::AnsiColor;
use clap::{Args, ValueEnum};
use sentinel_store::{AccountId, ProfileName};
use serde_json::{Map, Value};

use crate::arguments::NAME_RULE;
use crate::aws::{self, AwsOptions, Parts, Policies};
use crate::output::{Failure, Outcome, Screen, paint};
use crate::runtime::block_on;
use sentinel_iam::{Deployment, Document, DocumentName};

/// Print the IAM documents of a deployment, with exactly the actions used.
///
/// With `--account` and a region, the command sends no request. Otherwise it
/// requests the account from AWS.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel iam
  sentinel iam tvm-function --account 111122223333 --region eu-central-1 > tvm.json
  sentinel iam group-writer --group oncall > oncall.json
  sentinel iam protected-role-trust --region eu-central-1 > trust.json && aws iam create-role \\
    --role-name SentinelProtected-production --assume-role-policy-document file://trust.json
  sentinel iam --format json --account 111122223333 --region eu-central-1")]
pub(crate) struct Arguments {
    /// Print this document only
    #[arg(value_enum)]
    document: Option<DocumentName>,
    /// AWS account, twelve digits
    #[arg(long, value_name = "ACCOUNT", value_parser = account)]
    account: Option<AccountId>,
    /// Group of the document `group-writer`
    #[arg(long, value_name = "NAME", value_parser = group)]
    group: Option<ProfileName>,
    #[command(flatten)]
    parts: Parts,
    #[command(flatten)]
    policies: Policies,
    #[command(flatten)]
    aws: AwsOptions,
}

fn account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).map_err(|_| "an account has twelve digits".to_owned())
}

fn group(text: &str) -> Result<ProfileName, String> {
    ProfileName::parse(text).map_err(|_| NAME_RULE.to_owned())
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { document, account, group, parts, policies, aws } = arguments;
    let mut deployment = block_on(async {
        let region = aws.configured_region().await?;
        let (partition, account) = match account {
            Some(account) => (aws::partition_of(&region).to_owned(), account.clone()),
            None => {
                let caller = aws::caller(&aws.open().await?).await?;
                (caller.partition().to_owned(), caller.account)
            }
        };
        Ok(parts.deployment(policies, &partition, account, &region))
    })?;
    deployment.group.clone_from(group);
    match document {
        Some(name) => screen.print(&format!("{}\n", deployment.document(*name)))?,
        None if screen.is_json() => screen.print_json(&for_programs(&deployment)?)?,
        None => screen.print(&for_people(&deployment, screen.colors_out()))?,
    }
    if deployment.api_id.is_none() && document.is_none_or(names_the_api) {
        screen.note("replace `API_ID` with the id of the TVM's API, or pass `--api-id`");
    }
    if group.is_none() && document.is_none_or(|name| name == DocumentName::GroupWriter) {
        screen.note("replace `GROUP` with the name of the group, or pass `--group`");
    }
    Ok(Outcome::Done)
}

fn names_the_api(name: DocumentName) -> bool {
    matches!(
        name,
        DocumentName::Client
            | DocumentName::Requester
            | DocumentName::Approver
            | DocumentName::BreakGlass
            | DocumentName::VendedCredentialsGuard
            | DocumentName::Operator
            | DocumentName::Doctor
    )
}

/// All documents by name.
pub(crate) fn for_programs(deployment: &Deployment) -> Result<Map<String, Value>, Failure> {
    let json = |document: Document| {
        serde_json::to_value(document)
            .map_err(|error| Failure::because("cannot write the documents as JSON", error))
    };
    DocumentName::ALL
        .into_iter()
        .map(|name| Ok((name.as_str().to_owned(), json(deployment.document(name))?)))
        .collect()
}

/// All documents, each under its purpose.
pub(crate) fn for_people(deployment: &Deployment, color: bool) -> String {
    let mut text = String::new();
    for name in DocumentName::ALL {
        let value = name.to_possible_value();
        let (word, help) = match &value {
            Some(value) => (value.get_name(), value.get_help().map(ToString::to_string)),
            None => (name.as_str(), None),
        };
        let head = paint(color, AnsiColor::Green, &format!("# {word}"));
        // Writing to a String cannot fail.
        let _ =
            writeln!(text, "{head}: {}\n{}\n", help.unwrap_or_default(), deployment.document(name));
    }
    text.truncate(text.trim_end().len() + 1);
    text
}
