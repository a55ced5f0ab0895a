//! `sentinel sessions`: lists, revokes and reinstates sessions.

mod deny_policy;

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::builder::RangedU64ValueParser;
use clap::{ArgGroup, Args, Subcommand};
use sentinel_client::{Client, SessionFilter, SessionPages};
use sentinel_wire::{
    CallerKey, GateView, Generation, ProfileName, ReinstateBody, RevokeBody, SessionHandle,
    SessionId, SessionState, SessionView, rfc3339,
};
use serde::Serialize;

use crate::arguments::{Since, duration};
use crate::aws::{self, AwsOptions};
use crate::output::{Failure, Fit, Outcome, Screen, both, printable, records};
use crate::runtime::block_on;
use crate::tvm::{Connection, Direct, OWN_ONLY};

/// List, revoke and reinstate sessions.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel sessions list --user alice --state active
  sentinel sessions revoke --user mallory --reason \"laptop stolen\"
  sentinel sessions reinstate --user mallory --reason \"laptop found\"")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Revoke(Revoke),
    Reinstate(Reinstate),
    DenyPolicy(deny_policy::Arguments),
}

/// List your own sessions or, for operators, the sessions of all callers.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel sessions list
  sentinel sessions list --user alice --state active
  sentinel sessions list --since 2h
  sentinel sessions list --format json
  sentinel sessions list --user alice --table sentinel-sessions    (the TVM is down)")]
struct List {
    /// Caller: a name or account/RoleName
    #[arg(long)]
    user: Option<String>,
    /// Profile of the sessions
    #[arg(long)]
    profile: Option<String>,
    /// State of the sessions: active, ended, expired or revoked
    #[arg(long, value_name = "STATE", value_parser = SessionState::from_str)]
    state: Option<SessionState>,
    /// Omit sessions that were created earlier: a length such as 2h, or a time
    #[arg(long, value_name = "LENGTH|TIME", value_parser = Since::parse)]
    since: Option<Since>,
    /// Maximum number of sessions to show
    #[arg(long, value_name = "N", default_value_t = 1000,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    limit: usize,
    #[command(flatten)]
    table: Table,
    #[command(flatten)]
    connection: Connection,
}

/// Direct use of the session table, for when the TVM is not reachable.
#[derive(Debug, Args)]
struct Table {
    /// Use the session table directly, with your own AWS credentials, when the TVM
    /// is not reachable; the record is written to stderr
    #[arg(long, value_name = "NAME", help_heading = "Without the TVM")]
    table: Option<String>,
    /// Region of the table (default: AWS_REGION, AWS_DEFAULT_REGION or the
    /// profile's region)
    #[arg(long, requires = "table", help_heading = "Without the TVM")]
    region: Option<String>,
    /// Generation of the functions
    #[arg(
        long,
        env = "SENTINEL_GENERATION",
        value_name = "N",
        default_value_t = 0,
        help_heading = "Without the TVM"
    )]
    generation: u64,
}

/// The session table if one is named, else the TVM.
async fn open(table: &Table, connection: &Connection) -> Result<Client, Failure> {
    let Some(name) = &table.table else { return Ok(connection.open().await?.client) };
    let aws = AwsOptions::new(connection.aws_profile.clone(), table.region.clone()).open().await?;
    let caller = aws::caller(&aws).await?;
    let direct = Direct::new(&aws, caller, name, Generation(table.generation))?;
    Ok(Client::with_transport(direct))
}

/// End the sessions of a caller and refuse new ones.
///
/// AWS credentials that were already vended cannot be recalled. `sentinel sessions
/// deny-policy` prints the IAM policy that stops them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel sessions revoke --user mallory --reason \"laptop stolen\"
  sentinel sessions revoke --user alice --profile production --reason \"ticket 42\" --for 2h
  sentinel sessions revoke --session HANDLE --reason \"seen abroad\"
  sentinel sessions revoke --user mallory --reason incident --table sentinel-sessions    (the TVM is down)")]
struct Revoke {
    #[command(flatten)]
    target: Target,
    /// Reason, stored with the revocation
    #[arg(long)]
    reason: String,
    /// Duration of the revocation, such as 2h (default: until an operator
    /// reinstates the caller)
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    duration: Option<Duration>,
    #[command(flatten)]
    table: Table,
    #[command(flatten)]
    connection: Connection,
}

/// Allow a revoked caller to get new sessions. Sessions that were revoked earlier
/// remain invalid.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel sessions reinstate --user alice --profile production --reason \"ticket 42 closed\"")]
struct Reinstate {
    #[command(flatten)]
    target: Target,
    /// Reason, written to the record
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    connection: Connection,
}

/// The caller or the session to select.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").required(true).args(["session", "user"]))]
struct Target {
    /// Handle of a session: selects its caller on its profile
    #[arg(long, value_name = "HANDLE", value_parser = parse_handle)]
    session: Option<SessionHandle>,
    /// Caller: a name or account/RoleName
    #[arg(long)]
    user: Option<String>,
    /// Restrict to this profile
    #[arg(long, requires = "user")]
    profile: Option<String>,
}

/// Reads a handle. A complete session id is accepted too, but only its public half
/// is used.
fn parse_handle(text: &str) -> Result<SessionHandle, String> {
    match SessionId::parse(text) {
        Ok(id) => Ok(id.handle),
        Err(_) => SessionHandle::parse(text).map_err(|error| error.to_string()),
    }
}

/// A changed gate, as programs read it: with nulls for what it does not have.
#[derive(Serialize)]
struct Changed<'a> {
    user: &'a CallerKey,
    profile: Option<&'a ProfileName>,
    epoch: u64,
    #[serde(serialize_with = "rfc3339::serialize_option")]
    blocked_until: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<bool>,
}

impl<'a> From<&'a GateView> for Changed<'a> {
    fn from(gate: &'a GateView) -> Self {
        let GateView { user, profile, epoch, blocked_until, known, .. } = gate;
        Self {
            user,
            profile: profile.as_ref(),
            epoch: *epoch,
            blocked_until: *blocked_until,
            known: *known,
        }
    }
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    match &arguments.command {
        Command::List(list) => list.run(screen),
        Command::Revoke(revoke) => revoke.run(screen),
        Command::Reinstate(reinstate) => reinstate.run(screen),
        Command::DenyPolicy(arguments) => deny_policy::run(arguments, screen),
    }
}

/// What a list omits.
#[derive(Debug, Default)]
struct Omitted {
    /// The number of rows that the TVM could not read.
    unreadable: usize,
    /// Whether sessions of others are missing if the caller is an operator: the policy cannot be used.
    own_only: bool,
}

impl Omitted {
    /// Warns of what is missing.
    fn warn(&self, screen: &Screen) {
        if self.own_only {
            screen.warn(OWN_ONLY);
        }
        if self.unreadable > 0 {
            screen.warn(&format!(
                "{} damaged rows are omitted: their sessions are refused, and the TVM's log names \
                 them",
                self.unreadable
            ));
        }
    }
}

/// Requests pages until `enough` returns true or there are no more.
async fn read_pages(
    mut pages: SessionPages<'_>,
    mut enough: impl FnMut(Vec<SessionView>) -> bool,
) -> Result<Omitted, Failure> {
    let mut omitted = Omitted::default();
    while let Some(page) = pages.next().await? {
        omitted.unreadable = omitted.unreadable.saturating_add(page.unreadable);
        omitted.own_only |= page.own_only;
        if enough(page.sessions) {
            break;
        }
    }
    Ok(omitted)
}

impl List {
    fn run(&self, screen: &Screen) -> Result<Outcome, Failure> {
        let filter = SessionFilter::default()
            .with_user(self.user.clone())
            .with_profile(self.profile.clone())
            .with_state(self.state);
        let mut sessions = Vec::new();
        let since = self.since.map(|since| since.instant(Utc::now()));
        let omitted = block_on(async {
            let client = open(&self.table, &self.connection).await?;
            read_pages(client.sessions(filter), |page| {
                let recent =
                    page.into_iter().filter(|it| since.is_none_or(|since| since <= it.created));
                sessions.extend(recent);
                // A page that follows can be empty.
                sessions.len() > self.limit
            })
            .await
        })?;
        omitted.warn(screen);
        if sessions.len() > self.limit {
            sessions.truncate(self.limit);
            screen.warn(&format!("there are more than {}: see `--limit`", self.limit));
        }
        if screen.is_json() {
            let mut list = serde_json::json!({ "sessions": sessions });
            if let Some(list) = list.as_object_mut() {
                if omitted.unreadable > 0 {
                    list.insert("unreadable".to_owned(), omitted.unreadable.into());
                }
                if omitted.own_only {
                    list.insert("own_only".to_owned(), true.into());
                }
            }
            screen.print_json(&list)?;
        } else if sessions.is_empty() {
            screen.note("no sessions");
        } else {
            screen.print(&lines(&sessions, screen))?;
        }
        Ok(Outcome::Done)
    }
}

/// The columns of a list of sessions.
const COLUMNS: [(&str, Fit); 6] = [
    ("SESSION", Fit::Whole),
    ("USER", Fit::Short(1)),
    ("PROFILE", Fit::Short(0)),
    ("STATE", Fit::Whole),
    ("CREATED", Fit::Whole),
    ("EXPIRES", Fit::Whole),
];

/// A line for each session, for people.
fn lines(sessions: &[SessionView], screen: &Screen) -> String {
    let times = screen.times();
    let rows = sessions.iter().map(|session| {
        [
            session.session.to_string(),
            session.user.clone(),
            session.profile.to_string(),
            session.state.to_string(),
            times.cell(session.created),
            times.cell(session.expires),
        ]
    });
    records(COLUMNS, rows, screen.width)
}

impl Revoke {
    fn run(&self, screen: &Screen) -> Result<Outcome, Failure> {
        let Target { session, user, profile } = &self.target;
        let body = match (session, user) {
            (Some(session), _) => RevokeBody::session(*session, &self.reason),
            (None, user) => RevokeBody::user(user.clone().unwrap_or_default(), &self.reason)
                .with_profile(profile.clone()),
        };
        let body = body.with_seconds(self.duration.map(|duration| duration.as_secs()));
        let changed = block_on(async {
            Ok(open(&self.table, &self.connection).await?.revoke(&body).await?)
        })?;
        if screen.is_json() {
            screen.print_json(&Changed::from(&changed))?;
        } else {
            let until = match changed.blocked_until {
                Some(until) => format!("until {}", both(until, Utc::now())),
                None => "until an operator reinstates the caller".to_owned(),
            };
            screen.print(&format!(
                "revoked {}: every session is refused, and no new one is vended {until} (epoch \
                 {})\n",
                target(&changed),
                changed.epoch
            ))?;
            screen.note(
                "AWS credentials that were already vended remain valid until they expire; \
                 `sentinel sessions deny-policy` prints the policy that stops them",
            );
        }
        if changed.known == Some(false) {
            screen.warn(&format!(
                "`{}` has no session and was never revoked before: check the spelling. Names of \
                 users are compared in lower case; a role is `account/RoleName`, with the case of \
                 its ARN",
                printable(changed.user.as_str())
            ));
        }
        Ok(Outcome::Done)
    }
}

impl Reinstate {
    fn run(&self, screen: &Screen) -> Result<Outcome, Failure> {
        let Target { session, user, profile } = &self.target;
        let body = match (session, user) {
            (Some(session), _) => ReinstateBody::session(*session, &self.reason),
            (None, user) => ReinstateBody::user(user.clone().unwrap_or_default(), &self.reason)
                .with_profile(profile.clone()),
        };
        let changed =
            block_on(async { Ok(self.connection.open().await?.client.reinstate(&body).await?) })?;
        if screen.is_json() {
            screen.print_json(&Changed::from(&changed))?;
        } else {
            screen.print(&format!(
                "reinstated {}: new sessions can be vended, sessions revoked earlier remain \
                 invalid (epoch {})\n",
                target(&changed),
                changed.epoch
            ))?;
        }
        if changed.epoch == 0 {
            let other = match changed.profile {
                Some(_) => "on all profiles (omit `--profile` to end that)",
                None => "on single profiles (end each with `--profile`)",
            };
            screen.warn(&format!(
                "{} was never revoked: check the name, and whether the caller is revoked {other}",
                target(&changed)
            ));
        }
        Ok(Outcome::Done)
    }
}

/// The gate that was changed, for people.
fn target(gate: &GateView) -> String {
    let user = printable(gate.user.as_str());
    match &gate.profile {
        Some(profile) => format!("`{user}` on `{profile}`"),
        None => format!("`{user}`"),
    }
}
