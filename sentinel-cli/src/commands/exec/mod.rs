//! `sentinel exec`: runs a program with credentials that it can refresh.
//!
//! The program is a child of this process, which serves the credentials until the child ends. Signals,
//! the settings that the child reads, and its exit status each have a module.

mod child;
mod settings;
mod signals;

use std::ffi::OsString;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use sentinel_client::{Client, ClientError, VendRequest};
use sentinel_wire::ProfileName;

use crate::arguments::lifetime;
use crate::container::{Endpoint, OVERRIDING, Source, TOKEN, URI};
use crate::output::{Failure, Outcome, Screen, progress};
use crate::runtime::block_on_quietly;
use crate::tvm::{Connection, Lookups, explained};
use child::Child;
use settings::Settings;
use signals::Signals;

/// Run a program with credentials of a profile, which it can refresh for as long as it runs.
///
/// The AWS SDKs of the program and of its children request the credentials from this process, on
/// loopback and with a token, and again before they expire. The program sees neither other AWS
/// credentials of the environment nor the AWS profiles of its user; the region and other settings of
/// the AWS profile that signs remain.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel exec --profile production -- aws s3 ls
  sentinel exec --profile production --duration 15m -- ./migrate --all
  sentinel exec --profile production -- bash

SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1 and SIGUSR2 are passed on to the
program. The credentials are served until it ends: for programs that outlive it,
use `sentinel serve`.

Exit status: that of the program, or 128 and the number of the signal that ended
it; 126 if it cannot be run, 127 if it is not found. Before the program starts:
1 if Sentinel refuses the profile, 2 for a usage error, 3 for a failure.")]
pub(crate) struct Arguments {
    /// Profile to request
    #[arg(long, value_name = "PROFILE", value_parser = ProfileName::parse)]
    profile: ProfileName,
    /// Lifetime of the credentials, 15m to 12h, after which they are refreshed (default: the TVM's)
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    duration: Option<Duration>,
    #[command(flatten)]
    connection: Connection,
    /// Program to run, and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    block_on_quietly(execute(arguments, screen))
}

/// Vends credentials, before the program is started.
async fn vend(arguments: &Arguments) -> Result<Source, Failure> {
    let client = arguments.connection.open_for_long().await?;
    let request = VendRequest::new(arguments.profile.clone()).with_duration(arguments.duration);
    let source = Source::new(&client, request)?;
    match source.vend().await {
        Ok(()) => Ok(source),
        Err(error) => Err(refused(arguments, &client, &error).await),
    }
}

/// Why no credentials were vended, with the next step after a refusal.
async fn refused(arguments: &Arguments, client: &Client, error: &ClientError) -> Failure {
    let ClientError::Refused(response) = error else { return Failure::from(error) };
    let (connection, profile) = (&arguments.connection, arguments.profile.as_str());
    let lookups = Lookups::NextStep;
    Failure::Refused(explained(client, connection, profile, response, lookups).await)
}

async fn execute(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Some((program, rest)) = arguments.command.split_first() else {
        return Err(Failure::Usage("name the program to run after `--`".to_owned()));
    };
    let source = progress::during(vend(arguments)).await?;
    let token = source.token().to_owned();
    let path = source.path().to_owned();
    let endpoint = Endpoint::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), vec![source])
        .await
        .map_err(|error| Failure::because("cannot listen on 127.0.0.1", error))?;
    let settings = Settings::write(arguments.connection.aws_profile.as_deref()).await?;

    let mut command = tokio::process::Command::new(program);
    command.args(rest);
    for name in OVERRIDING {
        command.env_remove(name);
    }
    command
        .env(URI, format!("{}{path}", endpoint.url()))
        .env(TOKEN, token)
        .envs(settings.variables());
    // Before the child starts, so that no signal ends this process and leaves the child behind.
    let signals = Signals::receive()?;
    let child = match Child::start(command, signals) {
        Ok(child) => child,
        Err(error) => {
            let name = program.to_string_lossy();
            screen.failure(&Failure::because(format!("cannot run `{name}`"), error.cause));
            return Ok(Outcome::Status(error.status));
        }
    };
    let status = tokio::select! {
        status = child.wait() => status?,
        // It never ends before the child.
        () = endpoint.serve(*screen, pending()) => return Err(Failure::other("the endpoint ended")),
    };
    Ok(Outcome::Status(status))
}
