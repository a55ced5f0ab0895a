//! `sentinel break-glass`: opens, lists, closes and reviews break-glass grants.

use std::str::FromStr;
use std::time::Duration;

use chrono::Utc;
use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};
use sentinel_client::{Client, ClientError, GrantFilter};
use sentinel_wire::{CommentBody, CommentView, GrantBody, GrantId, GrantState, GrantView};

use crate::arguments::{Since, duration};
use crate::output::{Failure, Fit, Outcome, Screen, Times, quoted, records, table};
use crate::runtime::block_on;
use crate::tvm::{Connection, read_list};

/// Open, list, close and review break-glass grants.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel break-glass open --profile production --reason-code incident \\
    --justification \"database is down, ticket 42\"
  sentinel break-glass list
  sentinel break-glass close GRANT_ID
  sentinel break-glass review GRANT_ID --comment \"justified\"")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Open(Open),
    List(List),
    Close(Close),
    Review(Review),
}

/// Open a grant, which is valid immediately and recorded.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel break-glass open --profile production --reason-code incident \\
    --justification \"database is down, ticket 42\" --duration 30m")]
struct Open {
    /// Profile that the grant is for
    #[arg(long)]
    profile: String,
    /// Reason code: incident, security, maintenance, recovery or other
    #[arg(long, value_name = "CODE")]
    reason_code: String,
    /// Justification: what happened and what you will do, 20 to 1,000 characters
    #[arg(long, value_name = "TEXT")]
    justification: String,
    /// Duration of the grant, such as 30m (default: the maximum of the break-glass
    /// rule)
    #[arg(long, value_parser = duration)]
    duration: Option<Duration>,
    #[command(flatten)]
    connection: Connection,
}

/// List your own grants or, for operators, the open grants of all callers.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel break-glass list
  sentinel break-glass list --user alice --since 24h
  sentinel break-glass list --format json")]
struct List {
    /// Holder whose grants are listed, in every state: a name or account/RoleName; only
    /// operators can list those of another caller
    #[arg(long)]
    user: Option<String>,
    /// Profile of the grants
    #[arg(long)]
    profile: Option<String>,
    /// State of the grants: active, closed or expired
    #[arg(long, value_name = "STATE", value_parser = GrantState::from_str)]
    state: Option<GrantState>,
    /// Omit grants that were opened earlier: a length such as 2h, or a time
    #[arg(long, value_name = "LENGTH|TIME", value_parser = Since::parse)]
    since: Option<Since>,
    /// Maximum number of grants to show
    #[arg(long, value_name = "N", default_value_t = 1000,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    limit: usize,
    #[command(flatten)]
    connection: Connection,
}

/// Close a grant and end the sessions of its holder on the profile.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel break-glass close GRANT_ID --comment \"database is up again\"")]
struct Close {
    #[command(flatten)]
    change: Change,
}

/// Review a closed or expired grant of another person, as an operator.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel break-glass review GRANT_ID --comment \"justified\"")]
struct Review {
    #[command(flatten)]
    change: Change,
}

/// A grant, and a comment on what is done with it.
#[derive(Debug, Args)]
struct Change {
    /// Id of the grant
    #[arg(value_name = "GRANT_ID")]
    id: GrantId,
    /// Comment, stored with the grant
    #[arg(long)]
    comment: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Change {
    /// Sends the change to the TVM, and prints the grant.
    fn send(
        &self,
        screen: &Screen,
        send: impl AsyncFnOnce(&Client, &GrantId, &CommentBody) -> Result<GrantView, ClientError>,
    ) -> Result<Outcome, Failure> {
        let Self { id, comment, connection } = self;
        let body = CommentBody::new(comment.clone());
        let grant = block_on(async {
            let client = connection.open().await?.client;
            Ok(send(&client, id, &body).await?)
        })?;
        print(&grant, screen)
    }
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    match &arguments.command {
        Command::Open(open) => open.run(screen),
        Command::List(list) => list.run(screen),
        Command::Close(Close { change }) => change.send(screen, Client::close_grant),
        Command::Review(Review { change }) => change.send(screen, Client::review_grant),
    }
}

fn print(grant: &GrantView, screen: &Screen) -> Result<Outcome, Failure> {
    if screen.is_json() {
        screen.print_json(grant)?;
    } else {
        screen.print(&shown(grant, screen.times()))?;
    }
    Ok(Outcome::Done)
}

impl Open {
    fn run(&self, screen: &Screen) -> Result<Outcome, Failure> {
        let Self { profile, reason_code, justification, duration, connection } = self;
        let body = GrantBody::new(profile, reason_code, justification)
            .with_seconds(duration.map(|duration| duration.as_secs()));
        let grant =
            block_on(async { Ok(connection.open().await?.client.open_grant(&body).await?) })?;
        let outcome = print(&grant, screen)?;
        screen.note(&format!(
            "close it when you are done: `sentinel break-glass close {}{}`",
            grant.id,
            connection.repeated()
        ));
        Ok(outcome)
    }
}

impl List {
    fn run(&self, screen: &Screen) -> Result<Outcome, Failure> {
        let filter = GrantFilter::default()
            .with_user(self.user.clone())
            .with_profile(self.profile.clone())
            .with_state(self.state);
        let grants = block_on(async {
            let client = self.connection.open().await?.client;
            let mut pages = client.grants(filter);
            let since = self.since.map(|since| since.instant(Utc::now()));
            let next = async || {
                let Some(mut page) = pages.next().await? else { return Ok(None) };
                page.grants.retain(|grant| since.is_none_or(|since| since <= grant.created));
                Ok(Some((page.grants, page.unreadable, page.own_only)))
            };
            read_list(self.limit, screen, next).await
        })?;
        if screen.is_json() {
            screen.print_json(&serde_json::json!({ "grants": grants }))?;
        } else if grants.is_empty() {
            screen.note("no grants");
        } else {
            screen.print(&lines(&grants, screen))?;
        }
        Ok(Outcome::Done)
    }
}

/// The columns of a list of grants. What the holder entered comes last.
const COLUMNS: [(&str, Fit); 8] = [
    ("GRANT", Fit::Whole),
    ("USER", Fit::Short(3)),
    ("PROFILE", Fit::Short(2)),
    ("STATE", Fit::Whole),
    ("CREATED", Fit::Whole),
    ("EXPIRES", Fit::Whole),
    ("CODE", Fit::Short(1)),
    ("JUSTIFICATION", Fit::Short(0)),
];

/// A line for each grant, for people.
fn lines(grants: &[GrantView], screen: &Screen) -> String {
    let times = screen.times();
    let rows = grants.iter().map(|grant| {
        [
            grant.id.to_string(),
            grant.user.clone(),
            grant.profile.to_string(),
            grant.state.to_string(),
            times.cell(grant.created),
            times.cell(grant.expires),
            grant.reason_code.clone(),
            quoted(&grant.justification),
        ]
    });
    records(COLUMNS, rows, screen.width)
}

/// A grant, for people.
fn shown(grant: &GrantView, times: Times) -> String {
    let note = |note: &CommentView| {
        let comment = note.comment.as_deref().map(|comment| format!(": {}", quoted(comment)));
        format!("{} at {}{}", note.by, times.both(note.at), comment.unwrap_or_default())
    };
    let overrides = if grant.overrides_deny { "yes" } else { "no" };
    let rows = [
        ("grant", Some(grant.id.to_string())),
        ("state", Some(grant.state.to_string())),
        ("user", Some(grant.user.clone())),
        ("principal", Some(grant.principal.clone())),
        ("account", Some(grant.account.to_string())),
        ("address", grant.source_ip.clone()),
        ("profile", Some(grant.profile.to_string())),
        ("role", Some(grant.role_arn.clone())),
        ("rule", Some(grant.rule.clone())),
        ("overrides deny", Some(overrides.to_owned())),
        ("created", Some(times.both(grant.created))),
        ("expires", Some(times.both(grant.expires))),
        ("closed", grant.closed.as_ref().map(note)),
        ("review due", grant.review_due.map(|at| times.both(at))),
        ("reviewed", grant.reviewed.as_ref().map(note)),
        ("reason code", Some(grant.reason_code.clone())),
        ("justification", Some(quoted(&grant.justification))),
    ];
    table(rows.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?])))
}
