//! `sentinel dev`: the complete system in one process, for evaluation and
//! development.
//!
//! `sentinel-dev` implements the system. This module reads the options, prints the
//! ready message, and stops the server on a signal. It is not for production: its
//! credentials are not valid in AWS.

mod banner;
mod console;
#[cfg(feature = "aws")]
mod issuer;

use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use sentinel_broker::CallerRate;
use sentinel_console::{Console, Feed};
use sentinel_dev::{Identity, StartError};
use sentinel_store::{Causes, JsonLines};

use crate::listen::not_listening;
use crate::open_files;
use crate::output::{BoundedWriter, Failure, Outcome, Screen, log_to_stderr};
use crate::signals::EndSignals;

/// Maximum time that a waiting thread may keep the process from ending, after the
/// time for requests in flight.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum number of concurrent connections.
const CONNECTIONS: u64 = 256;

/// Run the complete system on this machine, without an AWS account.
///
/// The same code as in AWS verifies, decides and records each request. The vended
/// credentials are valid only for its own `/sts`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel dev
  sentinel dev --policies policies --data .sentinel
  sentinel dev --listen 127.0.0.1:0 --format json
  sentinel dev --notify-command ./notify.sh
  sentinel dev --issuer sts --policies policies --aws-profile sandbox

A changed policy file is used after it has not changed again for a second. To
replace one safely, write the new file next to it and rename it.

Routes: / /profiles /sessions … (the TVM), /sts (GetCallerIdentity for vended
credentials), /downstream/* (an API behind the authorizer), /console (the page whose
link is printed at the start).")]
pub(crate) struct Arguments {
    /// Folder with main.yaml and PROFILE.yaml (default: a built-in example)
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Folder for sessions, requests, grants and keys, writable only by you, created if
    /// it is missing (default: a temporary folder)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Address and port to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787", value_parser = parse_address)]
    listen: SocketAddr,
    /// File with a YAML list of callers: `- {name: alice, arn:
    /// "arn:aws:iam::111122223333:user/alice"}`
    #[arg(long, value_name = "FILE")]
    identities: Option<PathBuf>,
    /// Allow an address that other machines can reach
    #[arg(long)]
    allow_remote: bool,
    /// Maximum number of vends of one caller in each window, as `NUMBER/DURATION`; `0` for no limit
    /// (default: 60/1m)
    #[arg(long, value_name = "RATE", env = "SENTINEL_CALLER_RATE", value_parser = parse_rate)]
    caller_rate: Option<RateSetting>,
    /// Shell command that is run for each notice about a request or a grant, with the event as JSON
    /// on its standard input (docs/notifications.md)
    #[arg(long, value_name = "CMD")]
    notify_command: Option<String>,
    #[cfg(feature = "aws")]
    #[command(flatten)]
    issuer: issuer::IssuerOptions,
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text
        .to_socket_addrs()
        .map_err(|_| "not ADDRESS:PORT, such as 127.0.0.1:8787".to_owned())?;
    found.next().ok_or_else(|| "no such address".to_owned())
}

/// A rate, or `None` for no limit.
#[derive(Clone, Copy, Debug)]
struct RateSetting(Option<CallerRate>);

fn parse_rate(text: &str) -> Result<RateSetting, String> {
    if text == "0" {
        return Ok(RateSetting(None));
    }
    match CallerRate::parse(text) {
        Some(rate) => Ok(RateSetting(Some(rate))),
        None => Err("not a number and a duration from `1s` to `24h`, as in `60/1m`".to_owned()),
    }
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    if !arguments.listen.ip().to_canonical().is_loopback() && !arguments.allow_remote {
        return Err(Failure::Usage(format!(
            "{} can be reached from other machines, and each key of the credentials file can be \
             used there: pass `--allow-remote` to allow this",
            arguments.listen
        )));
    }
    let connections = open_files::raise(CONNECTIONS)?;
    log_to_stderr(screen).map_err(Failure::output)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("cannot start", error))?;
    let outcome = runtime.block_on(serve(arguments, connections, screen));
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    outcome
}

async fn serve(
    arguments: &Arguments,
    connections: usize,
    screen: &Screen,
) -> Result<Outcome, Failure> {
    let mut stdout = BoundedWriter::stdout().map_err(Failure::output)?;
    let feed = Feed::new();
    let mut system = sentinel_dev::Builder::default()
        .listen(arguments.listen)
        .allow_remote(arguments.allow_remote)
        .connections(connections)
        .colors(screen.colors_err())
        .sink(Arc::new(console::Shown {
            sink: JsonLines::new(stdout.clone()),
            feed: feed.clone(),
        }));
    if let Some(file) = &arguments.identities {
        system = system.identities(Identity::read(file)?);
    }
    if let Some(RateSetting(rate)) = arguments.caller_rate {
        system = system.caller_rate(rate);
    }
    if let Some(command) = &arguments.notify_command {
        system = system.notify_command(command);
    }
    if let Some(data) = &arguments.data {
        system = system.data(data);
    }
    if let Some(policies) = &arguments.policies {
        system = system.policies(policies);
    }
    #[cfg(feature = "aws")]
    let issuer = match arguments.issuer.open().await? {
        Some(real) => {
            system = system.issuer(Arc::clone(&real.issuer), real.home());
            Some(real.caller)
        }
        None => None,
    };
    #[cfg(not(feature = "aws"))]
    let issuer = None;
    let server = system.bind().await?;
    // Before the ready message.
    let end = EndSignals::receive()?;
    let console = console::of(&server, feed)?;
    let server = match &console {
        Some(console) => {
            server.mount(Console::PATH, Arc::new(console::Mounted(Arc::clone(console))))
        }
        None => server,
    };
    let ready = banner::Ready {
        url: server.url(),
        credentials_file: server.credentials_file().to_owned(),
        identities: server.identities().cloned().collect(),
        issuer,
        console: console.as_ref().map(|console| console.link()),
    };
    let ready = if screen.is_json() {
        ready.line()?
    } else {
        ready.human(server.policies(), screen.colors_out())
    };
    stdout.write_all(ready.as_bytes()).map_err(Failure::output)?;
    let end = async move {
        end.received().await;
        // Pages that show decisions would otherwise keep their connections.
        if let Some(console) = console {
            console.close();
        }
    };
    server.serve(end).await;
    Ok(Outcome::Done)
}

/// The failure to start, with what to do about it.
impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        if let StartError::Listen { address, source } = &error {
            not_listening(*address, source)
        } else {
            Self::other(Causes(&error).to_string())
        }
    }
}
