//! `sentinel open`: opens the AWS console, signed in with vended credentials.

mod browser;
mod destination;
mod sign_in;

use std::time::Duration;

use chrono::TimeDelta;
use clap::Args;
use sentinel_client::{ClientError, VendRequest, VendedCredentials};
use sentinel_wire::{ProfileName, rfc3339};
use serde::Serialize;

use super::credentials::{limited_by, shortened};
use crate::arguments::lifetime;
use crate::aws::signing_region;
use crate::output::{Failure, Outcome, Screen};
use crate::runtime::block_on;
use crate::tvm::{Connection, Lookups, Tvm, explained};
use destination::Destination;
use sign_in::SignIn;

/// Open the AWS console, signed in with vended credentials.
///
/// Requests new credentials and exchanges them for a sign-in URL of AWS. The console session ends
/// when the credentials expire.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel open --profile production
  sentinel open --profile production --destination s3
  sentinel open --profile production --destination \"/ec2/home?region=eu-central-1#Instances:\"
  sentinel open --profile production --print | pbcopy

The sign-in URL is a secret: until it is used or 15 minutes have passed, it opens the
console for its holder.")]
pub(crate) struct Arguments {
    /// Profile to request
    #[arg(long, value_name = "PROFILE", value_parser = ProfileName::parse)]
    profile: ProfileName,
    /// Page of the console: the name of a service such as s3, a path, or an https URL
    /// (default: the console's home)
    #[arg(long, value_name = "PAGE", value_parser = Destination::parse)]
    destination: Option<Destination>,
    /// Print the sign-in URL, and open no browser
    #[arg(long)]
    print: bool,
    /// Lifetime of the console session, 15m to 12h (default: the TVM's)
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    duration: Option<Duration>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Serialize)]
struct Opened<'a> {
    profile: &'a str,
    expires: String,
    /// Only if it is printed: the browser uses it otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    block_on(open(arguments, screen))?;
    Ok(Outcome::Done)
}

async fn open(arguments: &Arguments, screen: &Screen) -> Result<(), Failure> {
    let Arguments { profile, destination, print, duration, connection } = arguments;
    let region = signing_region(connection.aws_profile.as_deref(), connection.endpoint()?).await;
    // Before credentials are vended for nothing.
    let sign_in = SignIn::new(&region, destination.as_ref())?;
    let Tvm { client, .. } = connection.open().await?;
    let request = VendRequest::new(profile.clone()).with_duration(*duration);
    let vended = match client.vend(&request).await {
        Ok(vended) => vended,
        Err(ClientError::Refused(response)) => {
            let lookups = if screen.verbose { Lookups::Everything } else { Lookups::NextStep };
            let profile = profile.as_str();
            let refused = explained(&client, connection, profile, &response, lookups).await;
            return Err(Failure::Refused(refused));
        }
        Err(error) => return Err(error.into()),
    };
    let url = sign_in.url(&vended.credentials).await?;
    screen.note(&ends(&vended));
    if let Some(warning) = shortened(*duration, &vended) {
        screen.warn(&warning);
    }
    if !print {
        browser::open(&url).await?;
    }
    let expires = rfc3339::seconds(vended.credentials.expiration);
    let opened = Opened { profile: profile.as_str(), expires, url: print.then_some(url.as_str()) };
    if screen.is_json() {
        screen.print_json(&opened)
    } else if *print {
        screen.print(&format!("{url}\n"))
    } else {
        Ok(())
    }
}

/// When the console session ends, and what limits it.
fn ends(vended: &VendedCredentials) -> String {
    let end = rfc3339::seconds(vended.credentials.expiration);
    // The transfer took a part of the first minute.
    let lifetime = vended.credentials.expiration - vended.requested + TimeDelta::seconds(30);
    let minutes = lifetime.num_minutes();
    let cause = limited_by(vended).map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("the console session ends at {end}, in {minutes} minutes{cause}")
}
