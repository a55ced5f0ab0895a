//! `sentinel credentials`: vends credentials in the formats that tools read.

use std::fmt::Write;
use std::time::Duration;

use chrono::Utc;
use clap::{Args, ValueEnum};
use sentinel_client::cache::{self, Key, Slot};
use sentinel_client::{Client, ClientError, ErrorResponse, VendRequest, VendedCredentials};
use sentinel_wire::{Credentials, ErrorCode, ProfileName, Secret, rfc3339};
use serde::Serialize;

use crate::arguments::lifetime;
use crate::output::{Failure, Outcome, Screen, printable};
use crate::runtime::block_on;
use crate::tvm::{Connection, Lookups, Tvm, explained};

/// Get credentials for a profile.
///
/// Processes with the same TVM, signing access key, profile and duration share one
/// request and a private cache, until a third of the credentials' lifetime is left.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel credentials --profile production
  eval \"$(sentinel credentials --profile production --output env)\"
  sentinel credentials --profile production --duration 15m --verbose

In ~/.aws/config, for every AWS tool:
  [profile production]
  credential_process = sentinel credentials --profile production --aws-profile me")]
pub(crate) struct Arguments {
    /// Profile to request
    #[arg(long, value_name = "PROFILE", value_parser = ProfileName::parse)]
    profile: ProfileName,
    /// Lifetime of the credentials, 15m to 12h (default: the TVM's)
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    duration: Option<Duration>,
    /// Format of the result: the JSON of a credential_process (default), lines for a
    /// shell, or JSON with the session id (also with `--format json`)
    #[arg(long, value_enum, value_name = "FORMAT")]
    output: Option<OutputFormat>,
    /// Request new credentials, remove cached ones and do not cache the result
    /// (needed after a revocation and a reinstatement, because the cached session
    /// remains invalid)
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    Process,
    Env,
    Json,
}

/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Process<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: String,
}

/// The process credentials, and fields that SDKs do not read.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProcessWithSession<'a> {
    #[serde(flatten)]
    process: Process<'a>,
    profile: &'a str,
    session_id: Option<&'a str>,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    if screen.is_json() && arguments.output == Some(OutputFormat::Env) {
        return Err(Failure::Usage(
            "`--format json` and `--output env` contradict each other: use one of them".to_owned(),
        ));
    }
    let vended = block_on(get(arguments, screen))?;
    let format = arguments.output.unwrap_or(match screen.is_json() {
        true => OutputFormat::Json,
        false => OutputFormat::Process,
    });
    match format {
        OutputFormat::Process => screen.print_json(&process(&vended))?,
        OutputFormat::Env => screen.print(&env(&vended))?,
        OutputFormat::Json => {
            screen.print_json(&ProcessWithSession {
                process: process(&vended),
                profile: arguments.profile.as_str(),
                session_id: session_id(&vended),
            })?;
        }
    }
    Ok(Outcome::Done)
}

/// The credentials, from the cache or from the TVM.
async fn get(arguments: &Arguments, screen: &Screen) -> Result<VendedCredentials, Failure> {
    let Tvm { client, access_key_id } = arguments.connection.open().await?;
    let request = VendRequest::new(arguments.profile.clone()).with_duration(arguments.duration);
    let address = client.address();
    let key = Key::new(&address, &access_key_id, &request);
    let slot = if arguments.no_cache { None } else { lock(key, screen) };
    if let Some(cached) = slot.as_ref().and_then(|slot| slot.read(Utc::now())) {
        return Ok(cached);
    }
    let shared = slot.as_ref().and_then(|slot| slot.refusal(Utc::now()));
    let (vended, lookups) = match (shared, screen.verbose) {
        // Another process was just refused the same credentials, and explains it.
        (Some(refused), false) => (Err(ClientError::Refused(refused)), Lookups::Nothing),
        (Some(refused), true) => (Err(ClientError::Refused(refused)), Lookups::Everything),
        (None, verbose) => {
            let vended = vend(&client, &request, key, slot.as_ref(), screen).await;
            (vended, if verbose { Lookups::Everything } else { Lookups::NextStep })
        }
    };
    let vended = match vended {
        Ok(vended) => vended,
        Err(ClientError::Refused(response)) => {
            // Processes that wait do not wait for the explanation.
            drop(slot);
            let (connection, profile) = (&arguments.connection, arguments.profile.as_str());
            let refused = explained(&client, connection, profile, &response, lookups).await;
            return Err(Failure::Refused(refused));
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(warning) = shortened(arguments.duration, &vended) {
        screen.warn(&warning);
    }
    match slot {
        Some(slot) => {
            if let Err(error) = slot.write(&vended) {
                screen.warn(&format!("credentials are not cached: {error}"));
            }
        }
        // The stored credentials are older than the new ones.
        None => forget(key, screen),
    }
    Ok(vended)
}

/// Locks the entry of the cache. `None` if it cannot be locked: a home directory that
/// is not writable must not prevent access.
fn lock(key: Key<'_>, screen: &Screen) -> Option<Slot> {
    match Slot::lock(key, cache::TIMEOUT) {
        Ok(slot) => Some(slot),
        Err(error) => {
            screen.warn(&format!("credentials are not cached: {error}"));
            None
        }
    }
}

/// Requests credentials, and stores a refusal for the processes that wait for the same ones.
async fn vend(
    client: &Client,
    request: &VendRequest,
    key: Key<'_>,
    slot: Option<&Slot>,
    screen: &Screen,
) -> Result<VendedCredentials, ClientError> {
    let result = client.vend(request).await;
    if let Err(ClientError::Refused(refused)) = &result {
        store_refusal(slot, key, refused, screen);
    }
    result
}

/// Stores a refusal for processes that wait for the same credentials. Removes the
/// stored credentials if their session is known to be invalid.
fn store_refusal(slot: Option<&Slot>, key: Key<'_>, refused: &ErrorResponse, screen: &Screen) {
    if let Some(Err(error)) = slot.map(|slot| slot.refuse(refused, Utc::now())) {
        screen.warn(&format!("the next process will request them again: {error}"));
    }
    if refused.is(ErrorCode::SessionRevoked) {
        forget(key, screen);
    }
}

fn forget(key: Key<'_>, screen: &Screen) {
    if let Err(error) = cache::forget(key) {
        screen.warn(&format!("older credentials are still cached: {error}"));
    }
}

/// A note that credentials expire earlier than requested, and why. Otherwise a long
/// job fails unexpectedly.
fn shortened(requested: Option<Duration>, vended: &VendedCredentials) -> Option<String> {
    if !vended.is_shorter_than(requested?) {
        return None;
    }
    let cause = match vended.bound.as_deref()? {
        "policy" => "the policy limits their lifetime".to_owned(),
        "maximum" => "the maximum of the TVM (SENTINEL_MAX_DURATION)".to_owned(),
        "valid_until" => "the decision of the policy changes then".to_owned(),
        other => printable(other),
    };
    Some(format!(
        "the credentials expire at {}, earlier than requested: {cause}",
        expiration(vended)
    ))
}

fn process(vended: &VendedCredentials) -> Process<'_> {
    let Credentials { access_key_id, secret_access_key, session_token, .. } = &vended.credentials;
    Process {
        version: 1,
        access_key_id,
        secret_access_key: secret_access_key.reveal(),
        session_token: session_token.reveal(),
        expiration: expiration(vended),
    }
}

/// Lines for a POSIX shell. `AWS_CREDENTIAL_EXPIRATION` is the name that the AWS
/// CLI uses (`aws configure export-credentials`).
fn env(vended: &VendedCredentials) -> String {
    let Process { access_key_id, secret_access_key, session_token, expiration, .. } =
        process(vended);
    let session_id = session_id(vended).map(|id| ("SENTINEL_SESSION_ID", id));
    let mut text = String::new();
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", access_key_id),
        ("AWS_SECRET_ACCESS_KEY", secret_access_key),
        ("AWS_SESSION_TOKEN", session_token),
        ("AWS_CREDENTIAL_EXPIRATION", &expiration),
    ]
    .into_iter()
    .chain(session_id)
    {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "export {name}='{}'", value.replace('\'', r"'\''"));
    }
    text
}

fn expiration(vended: &VendedCredentials) -> String {
    rfc3339::seconds(vended.credentials.expiration)
}

fn session_id(vended: &VendedCredentials) -> Option<&str> {
    vended.session_id.as_ref().map(Secret::reveal)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn lines_for_a_shell_cannot_run_anything() {
        let credentials = Credentials {
            access_key_id: "ASIA".to_owned(),
            secret_access_key: Secret::new("a'b$(c)"),
            session_token: Secret::new("t"),
            expiration: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
        };
        let vended = VendedCredentials::new(
            credentials,
            DateTime::from_timestamp(1_799_999_000, 0).unwrap(),
        )
        .with_session_id(Secret::new("session-x"));
        insta::assert_snapshot!(env(&vended), @r"
        export AWS_ACCESS_KEY_ID='ASIA'
        export AWS_SECRET_ACCESS_KEY='a'\''b$(c)'
        export AWS_SESSION_TOKEN='t'
        export AWS_CREDENTIAL_EXPIRATION='2027-01-15T08:00:00Z'
        export SENTINEL_SESSION_ID='session-x'
        ");
    }
}
