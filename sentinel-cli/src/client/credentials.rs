//! `sentinel credentials`: vends credentials in the formats that tools read.

use std::fmt::Write;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, ValueEnum};
use sentinel_broker::{ErrorCode, STS_MAX_SECONDS, STS_MIN_SECONDS};
use sentinel_store::ProfileName;
use serde::{Deserialize, Serialize};

use super::cache::{self, Key, Slot, Vended};
use super::profiles::Profiles;
use super::whoami::Me;
use super::{Connection, Tvm};
use crate::duration;
use crate::refused::Refused;
use crate::runtime::block_on;
use crate::screen::{Screen, printable};
use crate::{Failure, Outcome};

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
    #[arg(long, value_name = "DURATION", value_parser = life)]
    duration: Option<Duration>,
    /// Form of the result: the JSON of a credential_process (default), lines for a
    /// shell, or JSON with the session id (also with `--format json`)
    #[arg(long, value_enum, value_name = "SHAPE")]
    output: Option<Shape>,
    /// Request new credentials, remove cached ones and do not cache the result
    /// (needed after a revocation and a reinstatement, because the cached session
    /// remains invalid)
    #[arg(long)]
    no_cache: bool,
    #[command(flatten)]
    connection: Connection,
}

/// The durations that STS accepts for a role session.
fn life(text: &str) -> Result<Duration, String> {
    let life = duration(text)?;
    if (u64::from(STS_MIN_SECONDS)..=u64::from(STS_MAX_SECONDS)).contains(&life.as_secs()) {
        Ok(life)
    } else {
        Err("credentials last 15m to 12h".to_owned())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shape {
    Process,
    Env,
    Json,
}

/// The TVM's response.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    access_key_id: String,
    secret_access_key: String,
    token: String,
    expiration: DateTime<Utc>,
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
struct Whole<'a> {
    #[serde(flatten)]
    process: Process<'a>,
    profile: &'a str,
    session_id: Option<&'a str>,
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    if screen.is_json() && arguments.output == Some(Shape::Env) {
        return Err(Failure::Usage(
            "`--format json` and `--output env` contradict each other: use one of them".to_owned(),
        ));
    }
    let vended = block_on(get(arguments, screen))?;
    let shape = arguments.output.unwrap_or(match screen.is_json() {
        true => Shape::Json,
        false => Shape::Process,
    });
    match shape {
        Shape::Process => screen.print_json(&process(&vended))?,
        Shape::Env => screen.print(&env(&vended))?,
        Shape::Json => {
            screen.print_json(&Whole {
                process: process(&vended),
                profile: arguments.profile.as_str(),
                session_id: vended.session_id.as_deref(),
            })?;
        }
    }
    Ok(Outcome::Done)
}

async fn get(arguments: &Arguments, screen: &Screen) -> Result<Vended, Failure> {
    let tvm = arguments.connection.open().await?;
    let address = tvm.endpoint().to_string();
    let key = Key {
        tvm: &address,
        access_key_id: tvm.access_key_id(),
        profile: arguments.profile.as_str(),
        duration_s: arguments.duration.map(|duration| duration.as_secs()),
    };
    let slot = if arguments.no_cache {
        None
    } else {
        match Slot::lock(key, cache::TIMEOUT) {
            Ok(slot) => Some(slot),
            // A home directory that is not writable must not prevent access.
            Err(error) => {
                screen.warn(&format!("credentials are not cached: {error}"));
                None
            }
        }
    };
    if let Some(kept) = slot.as_ref().and_then(|slot| slot.read(Utc::now())) {
        return Ok(kept);
    }
    let shared = slot.as_ref().and_then(|slot| slot.refusal(Utc::now()));
    let answer = match shared {
        Some(refused) => Err(Failure::Refused(refused)),
        None => {
            let answer = vend(&tvm, key).await;
            if let Err(Failure::Refused(refused)) = &answer {
                keep_refusal(slot.as_ref(), key, refused, screen);
            }
            answer
        }
    };
    let (vended, bound) = match answer {
        Ok((vended, bound)) => {
            refuse_expired(&vended, Utc::now())?;
            (vended, bound)
        }
        Err(Failure::Refused(mut refused)) => {
            drop(slot);
            if screen.verbose {
                refused.details = explain(&tvm, arguments.profile.as_str()).await;
            }
            return Err(Failure::Refused(refused));
        }
        Err(failure) => return Err(failure),
    };
    if let Some(why) = shortened(arguments.duration, &vended, bound.as_deref()) {
        screen.warn(&why);
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

/// Stores a refusal for processes that wait for the same credentials. Removes the
/// stored credentials if their session is known to be invalid.
fn keep_refusal(slot: Option<&Slot>, key: Key<'_>, refused: &Refused, screen: &Screen) {
    if let Some(Err(error)) = slot.map(|slot| slot.refuse(refused, Utc::now())) {
        screen.warn(&format!("the next process will request them again: {error}"));
    }
    if refused.code == ErrorCode::SessionRevoked.as_str() {
        forget(key, screen);
    }
}

fn forget(key: Key<'_>, screen: &Screen) {
    if let Err(error) = cache::forget(key) {
        screen.warn(&format!("older credentials are still cached: {error}"));
    }
}

/// Requests credentials from the TVM. Returns them with the reason that limited
/// their lifetime, if any.
async fn vend(tvm: &Tvm, key: Key<'_>) -> Result<(Vended, Option<String>), Failure> {
    let duration = key.duration_s.map(|seconds| seconds.to_string());
    let mut query = vec![("profile", key.profile)];
    if let Some(duration) = &duration {
        query.push(("duration", duration));
    }
    let vended = Utc::now();
    let answer = tvm.get::<Wire>("/", &query).await?;
    let Wire { access_key_id, secret_access_key, token, expiration } = answer.body;
    let vended = Vended {
        access_key_id,
        secret_access_key,
        session_token: token,
        expiration,
        session_id: answer.session_id.map(|id| id.reveal().to_owned()),
        vended,
    };
    Ok((vended, answer.bound))
}

/// Refuses credentials that have expired according to this machine's clock: no AWS
/// SDK would use them.
fn refuse_expired(vended: &Vended, now: DateTime<Utc>) -> Result<(), Failure> {
    if vended.expiration > now {
        return Ok(());
    }
    Err(Failure::other(format!(
        "the TVM returned credentials that expired at {}, and this machine's clock shows {}: set \
         the clock if it is wrong (`timedatectl`, or the date settings), otherwise report it to \
         the TVM's administrator",
        rfc3339(vended),
        now.to_rfc3339_opts(SecondsFormat::Secs, true),
    )))
}

/// A note that credentials expire earlier than requested, and why. Otherwise a long
/// job fails unexpectedly.
fn shortened(asked: Option<Duration>, vended: &Vended, bound: Option<&str>) -> Option<String> {
    let asked = chrono::TimeDelta::from_std(asked?).ok()?;
    // Allows a margin for the transfer and for rounding to whole seconds.
    if vended.expiration - vended.vended >= asked - chrono::TimeDelta::seconds(30) {
        return None;
    }
    let why = match bound? {
        "policy" => "the policy caps how long they last".to_owned(),
        "maximum" => "the maximum of the TVM (SENTINEL_MAX_DURATION)".to_owned(),
        "valid_until" => "the policy decides otherwise from then on".to_owned(),
        other => printable(other),
    };
    Some(format!("they end at {}, earlier than requested: {why}", rfc3339(vended)))
}

/// Details of a refusal that the caller may see: the caller's identity according to
/// the TVM, and the profiles that the caller can get. Empty if they cannot be read.
async fn explain(tvm: &Tvm, profile: &str) -> Vec<String> {
    let mut details = Vec::new();
    if let Ok(answer) = tvm.get::<Me>("/whoami", &[]).await {
        let Me { user, account, principal, .. } = answer.body;
        details.push(format!("you are `{user}` of account {account} ({principal})"));
    }
    if let Ok(answer) = tvm.get::<Profiles>("/profiles", &[]).await {
        let names: Vec<&str> =
            answer.body.profiles.iter().map(|profile| profile.name.as_str()).collect();
        if names.contains(&profile) {
            details.push(format!(
                "the policy allows you `{profile}` under other conditions: at another time, from \
                 another address, or with an approval"
            ));
        } else if names.is_empty() {
            details.push("no policy allows you any profile".to_owned());
        } else {
            details.push(format!("profiles that you can get: {}", names.join(", ")));
        }
    }
    details.iter().map(|detail| printable(detail)).collect()
}

fn process(vended: &Vended) -> Process<'_> {
    Process {
        version: 1,
        access_key_id: &vended.access_key_id,
        secret_access_key: &vended.secret_access_key,
        session_token: &vended.session_token,
        expiration: rfc3339(vended),
    }
}

/// Lines for a POSIX shell. `AWS_CREDENTIAL_EXPIRATION` is the name that the AWS
/// CLI uses (`aws configure export-credentials`).
fn env(vended: &Vended) -> String {
    let expiration = rfc3339(vended);
    let session_id = vended.session_id.as_deref().map(|id| ("SENTINEL_SESSION_ID", id));
    let mut text = String::new();
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", vended.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", &vended.secret_access_key),
        ("AWS_SESSION_TOKEN", &vended.session_token),
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

fn rfc3339(vended: &Vended) -> String {
    vended.expiration.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_for_a_shell_cannot_run_anything() {
        let vended = Vended {
            access_key_id: "ASIA".to_owned(),
            secret_access_key: "a'b$(c)".to_owned(),
            session_token: "t".to_owned(),
            expiration: DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
            session_id: Some("session-x".to_owned()),
            vended: DateTime::from_timestamp(1_799_999_000, 0).unwrap(),
        };
        insta::assert_snapshot!(env(&vended), @r"
        export AWS_ACCESS_KEY_ID='ASIA'
        export AWS_SECRET_ACCESS_KEY='a'\''b$(c)'
        export AWS_SESSION_TOKEN='t'
        export AWS_CREDENTIAL_EXPIRATION='2027-01-15T08:00:00Z'
        export SENTINEL_SESSION_ID='session-x'
        ");
    }
}
