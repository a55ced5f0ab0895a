//! `sentinel sessions`: lists, revokes and reinstates sessions.

use std::fmt::Write;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use clap::builder::RangedU64ValueParser;
use clap::{ArgGroup, Args, Subcommand};
use sentinel_store::{Generation, SeenCursors, SessionHandle, SessionId, SessionState};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::direct::Direct;
use super::{Connection, Tvm, deny_policy};
use crate::account::{self, AwsOptions};
use crate::duration;
use crate::runtime::block_on;
use crate::screen::{Screen, printable};
use crate::{Failure, Outcome};

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

/// The source that sessions are requested from.
pub(super) enum Source {
    Tvm(Tvm),
    Table(Box<Direct>),
}

impl Source {
    /// The session table if one is named, else the TVM.
    async fn open(table: &Table, connection: &Connection) -> Result<Self, Failure> {
        let Some(name) = &table.table else { return Ok(Self::Tvm(connection.open().await?)) };
        let aws =
            AwsOptions::new(connection.aws_profile.clone(), table.region.clone()).open().await?;
        let caller = account::caller(&aws).await?;
        let direct = Direct::new(&aws, caller, name, Generation(table.generation))?;
        Ok(Self::Table(Box::new(direct)))
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        match self {
            Self::Tvm(tvm) => Ok(tvm.get(path, query).await?.body),
            Self::Table(direct) => direct.get(path, query).await,
        }
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        match self {
            Self::Tvm(tvm) => Ok(tvm.post(path, body).await?.body),
            Self::Table(direct) => direct.post(path, body).await,
        }
    }
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
pub(super) fn parse_handle(text: &str) -> Result<SessionHandle, String> {
    match SessionId::parse(text) {
        Ok(id) => Ok(id.handle),
        Err(_) => SessionHandle::parse(text).map_err(|error| error.to_string()),
    }
}

/// The request body of both routes.
#[derive(Debug, Serialize)]
struct Change<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionHandle>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<&'a str>,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    for_s: Option<u64>,
}

/// The state after the request.
#[derive(Debug, Deserialize, Serialize)]
struct Changed {
    user: String,
    #[serde(default)]
    profile: Option<String>,
    epoch: u64,
    #[serde(default)]
    blocked_until: Option<String>,
    /// Whether the caller has a session or was revoked before, if the TVM reports
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    known: Option<bool>,
}

/// A session in a list.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Listed {
    pub(super) session: String,
    user: String,
    profile: String,
    account: String,
    principal: String,
    pub(super) source_identity: String,
    created: String,
    expires: String,
    state: String,
}

#[derive(Debug, Deserialize)]
struct Page {
    sessions: Vec<Listed>,
    #[serde(default)]
    unreadable: usize,
    #[serde(default)]
    next: Option<String>,
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
pub(super) struct LeftOut {
    /// Whether there are more sessions than were requested.
    pub(super) more: bool,
    /// The number of rows that the TVM could not read.
    pub(super) unreadable: usize,
}

impl LeftOut {
    /// Warns of rows that could not be read.
    pub(super) fn warn(&self, screen: &Screen) {
        if self.unreadable > 0 {
            screen.warn(&format!(
                "{} damaged rows are left out: their sessions are refused, and the TVM's log names \
                 them",
                self.unreadable
            ));
        }
    }
}

/// Requests pages until `enough` returns true or there are no more.
pub(super) async fn pages(
    source: &Source,
    filters: &[(&str, &str)],
    mut enough: impl FnMut(Vec<Listed>) -> bool,
) -> Result<LeftOut, Failure> {
    let mut left_out = LeftOut::default();
    let mut cursor: Option<String> = None;
    let mut seen = SeenCursors::default();
    loop {
        let mut query = filters.to_vec();
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page: Page = source.get("/sessions", &query).await?;
        left_out.unreadable = left_out.unreadable.saturating_add(page.unreadable);
        let stop = enough(page.sessions);
        match page.next {
            None => return Ok(left_out),
            Some(_) if stop => return Ok(LeftOut { more: true, ..left_out }),
            Some(next) => {
                seen.visit(&next).map_err(|endless| {
                    Failure::other(format!("cannot list the sessions of the TVM: {endless}"))
                })?;
                cursor = Some(next);
            }
        }
    }
}

impl List {
    fn run(&self, screen: &Screen) -> Result<Outcome, Failure> {
        let filters: Vec<(&str, &str)> = [
            ("user", self.user.as_deref()),
            ("profile", self.profile.as_deref()),
            ("state", self.state.map(SessionState::as_str)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
        let mut sessions = Vec::new();
        let left_out = block_on(async {
            let source = Source::open(&self.table, &self.connection).await?;
            pages(&source, &filters, |page| {
                sessions.extend(page);
                sessions.len() >= self.limit
            })
            .await
        })?;
        left_out.warn(screen);
        if left_out.more || sessions.len() > self.limit {
            sessions.truncate(self.limit);
            screen.warn(&format!("there are more than {}: see `--limit`", self.limit));
        }
        if screen.is_json() {
            let mut list = serde_json::json!({ "sessions": sessions });
            if left_out.unreadable > 0
                && let Some(list) = list.as_object_mut()
            {
                list.insert("unreadable".to_owned(), left_out.unreadable.into());
            }
            screen.print_json(&list)?;
        } else if sessions.is_empty() {
            screen.note("no sessions");
        } else {
            screen.print(&table(&sessions))?;
        }
        Ok(Outcome::Done)
    }
}

fn table(sessions: &[Listed]) -> String {
    let rows: Vec<[String; 6]> = sessions
        .iter()
        .map(|s| {
            let [created, expires] = [&s.created, &s.expires].map(|at| to_the_second(at));
            [&s.session, &s.user, &s.profile, &s.state, &created, &expires]
                .map(|cell| printable(cell))
        })
        .collect();
    let head = ["SESSION", "USER", "PROFILE", "STATE", "CREATED", "EXPIRES"].map(str::to_owned);
    let mut widths = head.each_ref().map(String::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in std::iter::once(&head).chain(&rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            // Writing to a String cannot fail.
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A time to the second, for people. A text that is not a time is returned
/// unchanged.
fn to_the_second(at: &str) -> String {
    DateTime::parse_from_rfc3339(at)
        .map_or_else(|_| at.to_owned(), |at| at.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true))
}

impl Revoke {
    fn run(&self, screen: &Screen) -> Result<Outcome, Failure> {
        let for_s = self.duration.map(|duration| duration.as_secs());
        let changed = block_on(async {
            let source = Source::open(&self.table, &self.connection).await?;
            self.target.change(&source, "/sessions/revoke", &self.reason, for_s).await
        })?;
        if screen.is_json() {
            screen.print_json(&changed)?;
        } else {
            let until = match changed.blocked_until.as_deref() {
                Some(until) => format!("until {}", printable(until)),
                None => "until an operator reinstates".to_owned(),
            };
            screen.print(&format!(
                "revoked {}: every session is refused, and no new one is vended {until} (epoch \
                 {})\n",
                changed.target(),
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
                printable(&changed.user)
            ));
        }
        Ok(Outcome::Done)
    }
}

impl Reinstate {
    fn run(&self, screen: &Screen) -> Result<Outcome, Failure> {
        let changed = block_on(async {
            let source = Source::Tvm(self.connection.open().await?);
            self.target.change(&source, "/sessions/reinstate", &self.reason, None).await
        })?;
        if screen.is_json() {
            screen.print_json(&changed)?;
        } else {
            screen.print(&format!(
                "reinstated {}: new sessions can be vended, sessions revoked earlier remain \
                 invalid (epoch {})\n",
                changed.target(),
                changed.epoch
            ))?;
        }
        Ok(Outcome::Done)
    }
}

impl Target {
    async fn change(
        &self,
        source: &Source,
        route: &str,
        reason: &str,
        for_s: Option<u64>,
    ) -> Result<Changed, Failure> {
        let change = Change {
            session: self.session,
            user: self.user.as_deref(),
            profile: self.profile.as_deref(),
            reason,
            for_s,
        };
        source.post(route, &change).await
    }
}

impl Changed {
    fn target(&self) -> String {
        match &self.profile {
            Some(profile) => format!("`{}` on `{}`", printable(&self.user), printable(profile)),
            None => format!("`{}`", printable(&self.user)),
        }
    }
}
