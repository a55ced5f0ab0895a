//! `sentinel policy group`: the members of groups that `groups_from` in the main document names.
//! Each group is one parameter, so that a principal can write its members without permission to
//! write rules. Not here: groups with members in the main document.

use clap::{Args, Subcommand};
use sentinel_policy::{Diagnostics, GroupMembers, Limits};
use sentinel_store::{PolicyPath, StoreError};
use serde::Serialize;
use serde_json::json;

use super::plan::{Failed, Plan, execute, plan};
use super::stores::cannot;
use super::{Library, Stores, difference, name};
use crate::commands::policy::check::Finding;
use crate::commands::policy::usable::SSM_MAX_BYTES;
use crate::output::{Failure, Outcome, Screen};
use crate::runtime::block_on;

/// Read and write the members of groups that `groups_from` names.
///
/// The members of a group are a separate SSM parameter, ROOT/groups/NAME. `sentinel
/// iam group-writer --group NAME` prints an IAM document that allows these commands for
/// one group.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel policy group set oncall alice bob
  sentinel policy group show oncall")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Set(SetArguments),
    Show(ShowArguments),
}

/// Replace the members of a group, without overwriting concurrent changes.
///
/// Exits 1 if a member is invalid, or if the members were changed by another principal.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel policy group set oncall alice bob
  sentinel policy group set oncall --principal \
    'arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_OnCall_*/*'
  sentinel policy group set oncall --empty --dry-run")]
#[command(mut_arg("policy_table", |table| table.hide(true)))]
struct SetArguments {
    /// Name of the group
    #[arg(value_parser = name)]
    name: String,
    /// Names or patterns of users
    #[arg(value_name = "MEMBER", required_unless_present_any = ["principals", "empty"])]
    members: Vec<String>,
    /// Pattern of ARNs of principals that are members; can be repeated
    #[arg(long = "principal", value_name = "ARN_PATTERN")]
    principals: Vec<String>,
    /// Leave the group without members
    #[arg(long, conflicts_with_all = ["members", "principals"])]
    empty: bool,
    /// Show the change without making it
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    library: Library,
}

/// Show the members of a group.
///
/// Exits 1 if the stored members are invalid, and 3 if there are none.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel policy group show oncall
  sentinel policy group show oncall --format json")]
#[command(mut_arg("policy_table", |table| table.hide(true)))]
struct ShowArguments {
    /// Name of the group
    #[arg(value_parser = name)]
    name: String,
    #[command(flatten)]
    library: Library,
}

/// The result of `set`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Created,
    Updated,
    Unchanged,
    WouldCreate,
    WouldUpdate,
    /// Another principal wrote first.
    Conflict,
    /// A member is invalid.
    Unusable,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "already stored",
            Self::WouldCreate => "would be created",
            Self::WouldUpdate => "would be updated",
            Self::Conflict => {
                "not written: it was changed by another principal; run the command again"
            }
            Self::Unusable => "not written: it is invalid",
        }
    }

    const fn outcome(self) -> Outcome {
        match self {
            Self::Created
            | Self::Updated
            | Self::Unchanged
            | Self::WouldCreate
            | Self::WouldUpdate => Outcome::Done,
            Self::Conflict | Self::Unusable => Outcome::No,
        }
    }
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    match &arguments.command {
        Command::Set(arguments) => set(arguments, screen),
        Command::Show(arguments) => show(arguments, screen),
    }
}

fn set(arguments: &SetArguments, screen: &Screen) -> Result<Outcome, Failure> {
    let SetArguments { name, members, principals, dry_run, library, .. } = arguments;
    let path = library.policies.members(name);
    let text = text(members, principals);
    let bytes = text.len();
    if bytes > SSM_MAX_BYTES {
        return Err(Failure::other(format!(
            "`{path}` would have {bytes} bytes, and a parameter has at most {SSM_MAX_BYTES}: use \
             patterns, or `--principal`"
        )));
    }
    let (checked, diagnostics) = match GroupMembers::parse(text.as_bytes(), &Limits::default()) {
        Ok(members) => (true, members.warnings()),
        Err(diagnostics) => (false, Some(diagnostics)),
    };
    report_diagnostics(diagnostics.as_ref(), name, &text, screen);
    let (state, version, difference) = if checked {
        block_on(async {
            let stores = open(library).await?;
            write(&stores, &path, &text, *dry_run, screen).await
        })?
    } else {
        (State::Unusable, None, String::new())
    };
    if screen.is_json() {
        let findings: Vec<_> =
            diagnostics.iter().flatten().map(|one| Finding::new(name, one)).collect();
        screen.print_json(&json!({
            "group": name,
            "path": path.to_string(),
            "state": state,
            "version": version,
            "bytes": bytes,
            "difference": difference,
            "findings": findings,
        }))?;
    } else {
        let version = version.map(|version| format!(", version {version}")).unwrap_or_default();
        screen.print(&format!("{path}: {}{version}\n", state.as_str()))?;
    }
    Ok(state.outcome())
}

/// Writes the members over the version that was read. Returns the result, the version and the
/// difference.
async fn write(
    stores: &Stores,
    path: &PolicyPath,
    text: &str,
    dry_run: bool,
    screen: &Screen,
) -> Result<(State, Option<String>, String), Failure> {
    let found = stores.find(path).await?;
    let (old, old_name) = match &found.ssm {
        Some(stored) => (&*stored.text, format!("{path}, version {}", stored.version)),
        None => (&[][..], "/dev/null".to_owned()),
    };
    let difference = difference::unified(old, text.as_bytes(), &old_name, "new members");
    if !screen.is_json() && !difference.is_empty() {
        screen.print(&difference::shown(&difference, screen.colors_out()))?;
    }
    let planned = plan(text.as_bytes(), &found, false, false)
        .map_err(|refusal| Failure::other(refusal.explain(path, text.len())))?;
    let (would, done) = match &planned {
        Plan::Nothing { version, .. } => {
            return Ok((State::Unchanged, Some(version.clone()), difference));
        }
        Plan::Write { over: None, .. } => (State::WouldCreate, State::Created),
        Plan::Write { over: Some(_), .. } | Plan::Move { .. } => {
            (State::WouldUpdate, State::Updated)
        }
    };
    if dry_run {
        return Ok((would, None, difference));
    }
    match execute(&planned, stores, path, text.as_bytes()).await {
        Ok(version) => Ok((done, Some(version), difference)),
        Err(Failed { error: StoreError::Conflict(_), .. }) => {
            Ok((State::Conflict, None, difference))
        }
        Err(Failed { place, error, .. }) => Err(cannot("write", path, place, error)),
    }
}

fn show(arguments: &ShowArguments, screen: &Screen) -> Result<Outcome, Failure> {
    let ShowArguments { name, library } = arguments;
    let path = library.policies.members(name);
    let found = block_on(async { open(library).await?.find(&path).await })?;
    let stored = found.ssm.ok_or_else(|| {
        Failure::other(format!(
            "there is no parameter `{path}`, and the group has no members: `sentinel policy group \
             set {name} MEMBER` creates it"
        ))
    })?;
    let text = String::from_utf8_lossy(&stored.text);
    let members = match GroupMembers::parse(&stored.text, &Limits::default()) {
        Ok(members) => members,
        Err(diagnostics) => {
            screen.note(
                diagnostics.render(&path.to_string(), &stored.text, screen.colors_err()).trim_end(),
            );
            return Ok(Outcome::No);
        }
    };
    if screen.is_json() {
        let (users, principals): (Vec<_>, Vec<_>) =
            members.iter().partition(|member| member.name().is_some());
        let texts = |all: Vec<&sentinel_policy::UserEntry>| -> Vec<String> {
            all.into_iter().map(|member| member.as_str().to_owned()).collect()
        };
        screen.print_json(&json!({
            "group": name,
            "path": path.to_string(),
            "version": stored.version,
            "members": texts(users),
            "principals": texts(principals),
        }))?;
    } else {
        screen.print(&text)?;
        screen.note(&format!("{path}: version {}, {} bytes", stored.version, stored.text.len()));
    }
    Ok(Outcome::Done)
}

/// Opens SSM only: permission to write the members of a group includes no table.
async fn open(library: &Library) -> Result<Stores, Failure> {
    Ok(Stores::open(&library.aws.open().await?, None))
}

/// The document with these members. JSON texts are YAML texts too.
fn text(members: &[String], principals: &[String]) -> String {
    let mut lines: Vec<String> =
        members.iter().map(|member| format!("- {}\n", json!(member))).collect();
    if !principals.is_empty() {
        lines.push(format!("- principals: {}\n", json!(principals)));
    }
    if lines.is_empty() { "[]\n".to_owned() } else { lines.concat() }
}

fn report_diagnostics(diagnostics: Option<&Diagnostics>, name: &str, text: &str, screen: &Screen) {
    if let Some(diagnostics) = diagnostics.filter(|_| !screen.is_json()) {
        screen.note(diagnostics.render(name, text.as_bytes(), screen.colors_err()).trim_end());
    }
}
