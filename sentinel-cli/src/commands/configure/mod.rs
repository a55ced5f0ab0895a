//! `sentinel configure`: writes AWS profiles whose credentials Sentinel vends, and removes them.

mod block;
mod file;
mod process;
mod report;
mod section;

use std::time::Duration;

use clap::Args;
use sentinel_wire::{ProfileList, ProfileName};

use crate::arguments::lifetime;
use crate::aws::{self, configured_region, signing_profiles};
use crate::output::{Failure, Outcome, Screen, printable};
use crate::runtime::block_on;
use crate::tvm::Connection;
use report::{Action, Entry, Report};
use section::{Change, Edited, Region, Section, Taken, Written};

/// The variable and the name of the file that this command changes.
const CONFIG: (&str, &str) = ("AWS_CONFIG_FILE", "config");
/// The variable and the name of the file with access keys, which this command only reads.
const CREDENTIALS: (&str, &str) = ("AWS_SHARED_CREDENTIALS_FILE", "credentials");

/// Write AWS profiles whose credentials Sentinel vends.
///
/// Adds a profile with `credential_process` to the AWS configuration file. After that, every AWS
/// tool gets its credentials with `--profile NAME`. Nothing else in the file changes, and `--undo`
/// removes what was added. No secret is written.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel configure --tvm https://tvm.example.com --aws-profile me
  sentinel configure --profile production --region eu-central-1
  sentinel configure --profile production --name prod --dry-run
  sentinel configure --undo --profile production
  sentinel configure --undo

Then:
  aws s3 ls --profile production")]
pub(crate) struct Arguments {
    /// Profile to configure (default: each profile that the policy can allow you)
    #[arg(long, value_name = "PROFILE", value_parser = ProfileName::parse)]
    profile: Option<ProfileName>,
    /// Name of the AWS profile (default: the name of the profile)
    #[arg(long, value_name = "NAME", value_parser = section_name)]
    name: Option<String>,
    /// Configure each profile that the policy can allow you, which is the default
    #[arg(long, conflicts_with_all = ["profile", "name"])]
    all: bool,
    /// Region of the AWS profile (default: AWS_REGION, AWS_DEFAULT_REGION, the region of
    /// your own AWS profile, or the region of the TVM)
    #[arg(long, value_parser = aws::parse_region)]
    region: Option<String>,
    /// Lifetime of the credentials, 15m to 12h (default: the TVM's)
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    duration: Option<Duration>,
    /// Show what would change, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove what this command added (default: for all profiles)
    #[arg(long, conflicts_with_all = ["region", "duration"])]
    undo: bool,
    #[command(flatten)]
    connection: Connection,
}

/// A name that every SDK reads without quotation marks.
fn section_name(text: &str) -> Result<String, String> {
    let good = (1..=128).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.@:/%+-".contains(&b));
    good.then(|| text.to_owned()).ok_or_else(|| {
        "the name of an AWS profile has 1 to 128 characters of `A-Z a-z 0-9 _ . @ : / % + -`, and \
         does not start with `-`"
            .to_owned()
    })
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let path = file::path(CONFIG.0, CONFIG.1)?;
    let entries = if arguments.undo {
        file::edit(&path, arguments.dry_run, |text| undo(text, arguments.undone()))?
    } else {
        if arguments.name.is_some() && arguments.profile.is_none() {
            return Err(Failure::Usage("`--name` needs `--profile`".to_owned()));
        }
        let plan = block_on(plan(arguments, screen))?;
        let credentials = std::fs::read(file::path(CREDENTIALS.0, CREDENTIALS.1)?);
        let credentials = credentials.unwrap_or_default();
        file::edit(&path, arguments.dry_run, |text| add(text, &plan, &credentials))?
    };
    let file = path.display().to_string();
    let report = Report { file, dry_run: arguments.dry_run, sections: entries };
    report.print(arguments.undo, screen)?;
    Ok(if report.is_complete() { Outcome::Done } else { Outcome::No })
}

impl Arguments {
    /// The name of the section to remove. `None` for all.
    fn undone(&self) -> Option<&str> {
        self.name.as_deref().or_else(|| self.profile.as_ref().map(ProfileName::as_str))
    }
}

/// The sections to write.
struct Plan {
    /// A single profile. A section of the same name is then a failure.
    single: bool,
    sections: Vec<Planned>,
    required_region: Option<String>,
    initial_region: Option<String>,
    /// The profile that signs, and its sources.
    signing: Vec<String>,
}

struct Planned {
    profile: ProfileName,
    name: String,
    process: String,
}

async fn plan(arguments: &Arguments, screen: &Screen) -> Result<Plan, Failure> {
    let endpoint = arguments.connection.endpoint()?;
    let signing = signing_profiles(arguments.connection.aws_profile.as_deref()).await?;
    let own = signing.first().map(String::as_str);
    if own.is_none() {
        screen.warn(
            "your credentials are not from an AWS profile: each program that uses this \
             configuration needs its own; pass `--aws-profile NAME` to name a profile",
        );
    }
    let initial_region = configured_region(own)
        .await
        .filter(|region| aws::parse_region(region).is_ok())
        .or_else(|| endpoint.region().map(str::to_owned));
    let profiles = match &arguments.profile {
        Some(profile) => vec![profile.clone()],
        None => listed(arguments, screen).await?,
    };
    let tvm = endpoint.route("");
    let duration = arguments.duration.map(|duration| format!("{}s", duration.as_secs()));
    let sections = profiles
        .into_iter()
        .map(|profile| {
            let mut words = vec!["credentials", "--profile", profile.as_str(), "--tvm", &tvm];
            words.extend(own.into_iter().flat_map(|own| ["--aws-profile", own]));
            words.extend(duration.iter().flat_map(|duration| ["--duration", duration]));
            let process = process::command_line(&words)?;
            let name = arguments.name.clone().unwrap_or_else(|| profile.as_str().to_owned());
            Ok(Planned { profile, name, process })
        })
        .collect::<Result<_, Failure>>()?;
    let required_region = arguments.region.clone();
    let single = arguments.profile.is_some();
    Ok(Plan { single, sections, required_region, initial_region, signing })
}

/// The profiles that the TVM lists for the caller.
async fn listed(arguments: &Arguments, screen: &Screen) -> Result<Vec<ProfileName>, Failure> {
    let ProfileList { profiles, .. } = arguments.connection.open().await?.client.profiles().await?;
    let mut names = Vec::new();
    for profile in profiles {
        match ProfileName::parse(&profile.name) {
            Ok(name) => names.push(name),
            Err(_) => screen.warn(&format!(
                "the TVM lists `{}`, which is not the name of a profile",
                printable(&profile.name)
            )),
        }
    }
    if names.is_empty() {
        screen.warn("no policy allows you any profile");
    }
    Ok(names)
}

/// The text with all sections of the plan.
fn add(text: &[u8], plan: &Plan, credentials: &[u8]) -> Result<(Vec<u8>, Vec<Entry>), Failure> {
    let region = match &plan.required_region {
        Some(region) => Region::Required(region),
        None => Region::Initial(plan.initial_region.as_deref()),
    };
    let mut text = text.to_vec();
    let mut entries = Vec::new();
    for planned in &plan.sections {
        let Planned { profile, name, process } = planned;
        let written = match obstacle(plan, name, credentials) {
            Some(obstacle) => Err(obstacle),
            None => section::write(&text, &Section { name, process, region }).map_err(|taken| {
                let Taken(line) = taken;
                format!(
                    "line {line} of the AWS configuration file begins a section of this name that \
                     `sentinel configure` did not write"
                )
            }),
        };
        let entry = match written {
            Ok(Written { text: new_text, change, old, new }) => {
                text = new_text;
                let action = match change {
                    Change::Added => Action::Added,
                    Change::Updated => Action::Updated,
                    Change::Unchanged => Action::Unchanged,
                };
                Entry::new(name, action).with_process(process).with_texts(old, new)
            }
            Err(reason) if plan.single => {
                return Err(Failure::other(format!(
                    "cannot write the AWS profile `{name}`: {reason}: choose another name with \
                     `--name NAME`"
                )));
            }
            Err(reason) => Entry::new(name, Action::Skipped)
                .with_reason(format!("{reason}: use `--profile {profile} --name NAME`")),
        };
        entries.push(entry);
    }
    Ok((text, entries))
}

/// Why a section of that name would not work, whatever the configuration file contains.
fn obstacle(plan: &Plan, name: &str, credentials: &[u8]) -> Option<String> {
    if plan.signing.iter().any(|signing| signing == name) {
        return Some("your own credentials are in the AWS profile of this name".to_owned());
    }
    let line = section::line_in_credentials(credentials, name)?;
    Some(format!(
        "line {line} of the AWS credentials file begins a section of this name, which AWS tools \
         would use instead"
    ))
}

/// The text without the section of a name, or without all sections of this command.
fn undo(text: &[u8], name: Option<&str>) -> Result<(Vec<u8>, Vec<Entry>), Failure> {
    let mut names = section::names(text);
    if let Some(name) = name {
        names.retain(|found| found == name);
    }
    let mut text = text.to_vec();
    let mut entries = Vec::new();
    // The last one first, so that each is removed with the line end that was added before it.
    for name in names.iter().rev() {
        let removed = section::remove(&text, name).map_err(|edited| {
            let Edited(line) = edited;
            Failure::other(format!(
                "cannot remove the AWS profile `{}`: `sentinel configure` did not write line \
                 {line}: remove that line, or the section, with an editor",
                printable(name)
            ))
        })?;
        if let Some(removed) = removed {
            text = removed.text;
            let entry = Entry::new(name, Action::Removed).with_texts(removed.old, Vec::new());
            entries.insert(0, entry);
        }
    }
    Ok((text, entries))
}
