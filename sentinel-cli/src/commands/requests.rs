//! `sentinel requests`: lists and shows approval requests, and revokes approvals.

use std::str::FromStr;
use std::time::Duration;

use chrono::Utc;
use clap::builder::RangedU64ValueParser;
use clap::{Args, Subcommand};
use sentinel_client::{Client, ClientError, RequestFilter};
use sentinel_wire::{CommentBody, RequestId, RequestState, RequestView};

use crate::arguments::Since;
use crate::output::{Failure, Fit, Outcome, Screen, Times, quoted, records, table};
use crate::runtime::{block_on, block_on_quietly};
use crate::tvm::{Connection, missing, read_list};

/// List, show and revoke approval requests.
///
/// Without a subcommand, lists your own requests and the pending ones that you can
/// decide.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "\
Examples:
  sentinel requests
  sentinel requests --state pending --profile production
  sentinel requests --since 2h
  sentinel requests --watch                      print pending requests as they arrive
  sentinel requests show REQUEST_ID
  sentinel requests revoke REQUEST_ID --comment \"deploy finished\"")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Command {
    Show(Show),
    Revoke(Revoke),
}

#[derive(Debug, Args)]
struct List {
    /// Requester whose requests are listed: a name or account/RoleName; only operators
    /// can list those of another caller
    #[arg(long)]
    user: Option<String>,
    /// Profile of the requests
    #[arg(long)]
    profile: Option<String>,
    /// State of the requests: pending, approved, denied, cancelled, expired or
    /// revoked
    #[arg(long, value_name = "STATE", value_parser = RequestState::from_str)]
    state: Option<RequestState>,
    /// Omit requests that were created earlier: a length such as 2h, or a time
    #[arg(long, value_name = "LENGTH|TIME", value_parser = Since::parse)]
    since: Option<Since>,
    /// Maximum number of requests to show
    #[arg(long, value_name = "N", default_value_t = 1000,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    limit: usize,
    /// Print pending requests as they arrive, until interrupted; with `--format
    /// json`, one line each
    #[arg(long, conflicts_with_all = ["state", "limit", "since"])]
    watch: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Show one approval request.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel requests show REQUEST_ID
  sentinel requests show REQUEST_ID --format json")]
struct Show {
    /// Id of the request
    #[arg(value_name = "REQUEST_ID")]
    id: RequestId,
    #[command(flatten)]
    connection: Connection,
}

/// Revoke an approval and end the sessions of its requester on the profile.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel requests revoke REQUEST_ID --comment \"deploy finished\"")]
struct Revoke {
    #[command(flatten)]
    decision: Decision,
}

/// A request, and a comment on what is done with it.
#[derive(Debug, Args)]
pub(crate) struct Decision {
    /// Id of the request
    #[arg(value_name = "REQUEST_ID")]
    id: RequestId,
    /// Comment, stored with the request
    #[arg(long)]
    comment: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Decision {
    /// Sends the decision to the TVM, and prints the request.
    pub(crate) fn send(
        &self,
        screen: &Screen,
        send: impl AsyncFnOnce(&Client, &RequestId, &CommentBody) -> Result<RequestView, ClientError>,
    ) -> Result<Outcome, Failure> {
        let Self { id, comment, connection } = self;
        let body = CommentBody::new(comment.clone());
        let request = block_on(async {
            let client = connection.open().await?.client;
            Ok(send(&client, id, &body).await?)
        })?;
        print(&request, screen)
    }
}

/// Interval between two lists of `--watch`.
const WATCH_INTERVAL: Duration = Duration::from_secs(5);

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    match &arguments.command {
        None if arguments.list.watch => arguments.list.watch(screen),
        None => arguments.list.run(screen),
        Some(Command::Show(Show { id, connection })) => {
            let request =
                block_on(async { Ok(connection.open().await?.client.request(id).await?) })?;
            print(&request, screen)
        }
        Some(Command::Revoke(Revoke { decision })) => {
            decision.send(screen, Client::revoke_approval)
        }
    }
}

/// Prints a request after it was read or changed.
fn print(request: &RequestView, screen: &Screen) -> Result<Outcome, Failure> {
    if screen.is_json() {
        screen.print_json(request)?;
    } else {
        screen.print(&shown(request, screen.times()))?;
    }
    Ok(Outcome::Done)
}

impl List {
    fn filter(&self) -> RequestFilter {
        RequestFilter::default()
            .with_user(self.user.clone())
            .with_profile(self.profile.clone())
            .with_state(self.state)
    }

    fn run(&self, screen: &Screen) -> Result<Outcome, Failure> {
        let requests = block_on(async {
            let client = self.connection.open().await?.client;
            let mut pages = client.requests(self.filter());
            let since = self.since.map(|since| since.instant(Utc::now()));
            let next = async || {
                let Some(mut page) = pages.next().await? else { return Ok(None) };
                page.requests.retain(|request| since.is_none_or(|since| since <= request.created));
                Ok(Some((page.requests, page.unreadable, page.own_only)))
            };
            read_list(self.limit, screen, next).await
        })?;
        if screen.is_json() {
            screen.print_json(&serde_json::json!({ "requests": requests }))?;
        } else if requests.is_empty() {
            screen.note("no requests");
        } else {
            screen.print(&lines(&requests, screen))?;
        }
        Ok(Outcome::Done)
    }

    /// Lists again and again, and prints each pending request once.
    fn watch(&self, screen: &Screen) -> Result<Outcome, Failure> {
        let filter = self.filter().with_state(RequestState::Pending);
        block_on_quietly(async {
            let client = self.connection.open().await?.client;
            let mut printed = std::collections::BTreeSet::new();
            loop {
                let pending = match pending(&client, filter.clone()).await {
                    Ok(pending) => pending,
                    // A watcher outlives a short failure of the TVM, and reports it.
                    Err(error) if error.is_transient() => {
                        screen.warn(&error.to_string());
                        tokio::time::sleep(WATCH_INTERVAL).await;
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                for request in &pending {
                    if printed.insert(request.id) {
                        if screen.is_json() {
                            let line = serde_json::to_string(request)
                                .map_err(|error| Failure::other(error.to_string()))?;
                            screen.print(&format!("{line}\n"))?;
                        } else {
                            screen.print(&format!("{}\n", shown(request, screen.times())))?;
                        }
                    }
                }
                // What is no longer pending cannot become pending again.
                printed.retain(|id| pending.iter().any(|request| request.id == *id));
                tokio::time::sleep(WATCH_INTERVAL).await;
            }
        })
    }
}

async fn pending(client: &Client, filter: RequestFilter) -> Result<Vec<RequestView>, ClientError> {
    let mut pages = client.requests(filter);
    let mut requests = Vec::new();
    while let Some(page) = pages.next().await? {
        requests.extend(page.requests);
    }
    Ok(requests)
}

/// The columns of a list of requests. What the requester entered comes last.
const COLUMNS: [(&str, Fit); 7] = [
    ("REQUEST", Fit::Whole),
    ("USER", Fit::Short(2)),
    ("PROFILE", Fit::Short(1)),
    ("STATE", Fit::Whole),
    ("CREATED", Fit::Whole),
    ("DEADLINE", Fit::Whole),
    ("REASON", Fit::Short(0)),
];

/// A line for each request, for people.
fn lines(requests: &[RequestView], screen: &Screen) -> String {
    let times = screen.times();
    let rows = requests.iter().map(|request| {
        [
            request.id.to_string(),
            request.user.clone(),
            request.profile.to_string(),
            request.state.to_string(),
            times.cell(request.created),
            times.cell(request.deadline),
            quoted(&request.reason),
        ]
    });
    records(COLUMNS, rows, screen.width)
}

/// A request, for people: first what Sentinel states, last what the requester entered, quoted.
pub(crate) fn shown(request: &RequestView, times: Times) -> String {
    let mut rows = vec![
        ["request", &request.id.to_string()].map(str::to_owned),
        ["state".to_owned(), state(request)],
        ["user".to_owned(), request.user.clone()],
        ["principal".to_owned(), request.principal.clone()],
        ["account".to_owned(), request.account.to_string()],
    ];
    let mut row = |name: &str, value: Option<String>| {
        rows.extend(value.map(|value| [name.to_owned(), value]));
    };
    row("address", request.source_ip.clone());
    row("profile", Some(request.profile.to_string()));
    row("role", Some(request.role_arn.clone()));
    row("rule", request.rule.clone());
    row("duration", Some(format!("{}s", request.duration_s)));
    row("created", Some(times.both(request.created)));
    row("deadline", Some(times.both(request.deadline)));
    row("not before", request.not_before.map(|at| times.both(at)));
    row("valid until", request.valid_until.map(|at| times.both(at)));
    for decision in &request.decided {
        let mut text = format!("{} at {}", decision.by, times.both(decision.at));
        if let Some(comment) = &decision.comment {
            text.push_str(&format!(": {}", quoted(comment)));
        }
        row(decision.decision.as_str(), Some(text));
    }
    row("ticket", request.ticket.as_deref().map(quoted));
    row("reason", Some(quoted(&request.reason)));
    table(rows)
}

fn state(request: &RequestView) -> String {
    match request.missing {
        Some(_) => format!("{}: {}", request.state, missing(request)),
        None => request.state.to_string(),
    }
}
