//! `sentinel sessions deny-policy`: prints the IAM policy that stops vended
//! credentials, which cannot be recalled. The policy denies on
//! `aws:SourceIdentity`, which persists through role chaining.

use clap::{ArgGroup, Args};
use sentinel_broker::SourceIdentityFormat;
use sentinel_client::SessionFilter;
use sentinel_iam::deny_revoked;
use sentinel_store::{CallerKey, SessionHandle};

use super::{parse_handle, read_pages};
use crate::output::{Failure, Outcome, Screen};
use crate::runtime::block_on;
use crate::tvm::Connection;

/// Print the IAM policy that stops vended credentials.
///
/// With `--user`, the command sends no request. With `--session` alone, it requests
/// the session's caller from the TVM.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("target").required(true).multiple(true).args(["session", "user"]))]
#[command(after_help = "\
Examples:
  sentinel sessions deny-policy --user alice
  sentinel sessions deny-policy --user 111122223333/ci
  sentinel sessions deny-policy --session HANDLE --user alice
  sentinel sessions deny-policy --user alice > deny.json && aws iam put-role-policy \\
    --role-name SentinelProtected-production --policy-name sentinel-deny-alice \\
    --policy-document file://deny.json")]
pub(crate) struct Arguments {
    /// Handle of a single session
    #[arg(long, value_name = "HANDLE", value_parser = parse_handle)]
    session: Option<SessionHandle>,
    /// Caller: a name or account/RoleName
    #[arg(long)]
    user: Option<String>,
    /// Separator of source identities, if the TVM's is not `-`
    #[arg(
        long,
        env = "SENTINEL_SOURCE_IDENTITY_SEPARATOR",
        value_name = "CHARACTER",
        default_value = "-",
        value_parser = parse_format
    )]
    separator: SourceIdentityFormat,
    #[command(flatten)]
    connection: Connection,
}

fn parse_format(text: &str) -> Result<SourceIdentityFormat, String> {
    SourceIdentityFormat::with_separator(text)
        .ok_or_else(|| "not one character of `-_.,@+=`".to_owned())
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let caller = arguments.user.as_deref().map(caller).transpose()?;
    let format = arguments.separator;
    let (operator, source_identity) = match (&arguments.session, caller) {
        (None, None) => return Err(Failure::Usage("pass `--user` or `--session`".to_owned())),
        (None, Some(caller)) => ("StringLike", format.of_caller(&caller)),
        (Some(handle), Some(caller)) if handle.caller() == caller.hash() => {
            ("StringEquals", format.of_session(&caller, handle).to_string())
        }
        (Some(_), Some(caller)) => {
            return Err(Failure::Usage(format!("that is not a session of `{caller}`")));
        }
        (Some(handle), None) => {
            ("StringEquals", source_identity(&arguments.connection, handle, screen)?)
        }
    };
    screen.print_json(&deny_revoked(operator, source_identity))?;
    if !screen.is_json() {
        screen.note(
            "attach it to the protected roles, or as a service control policy; \
             remove it once the credentials have expired",
        );
    }
    Ok(Outcome::Done)
}

/// The source identity of a session, from the TVM's list.
fn source_identity(
    connection: &Connection,
    handle: &SessionHandle,
    screen: &Screen,
) -> Result<String, Failure> {
    let mut found = None;
    let omitted = block_on(async {
        let client = connection.open().await?.client;
        read_pages(client.sessions(SessionFilter::default()), |page| {
            found = page.into_iter().find(|listed| listed.session == *handle);
            found.is_some()
        })
        .await
    })?;
    omitted.warn(screen);
    match found {
        Some(listed) => Ok(listed.source_identity),
        None => Err(Failure::other(format!(
            "the TVM returned no session `{handle}`: pass its `--user` too"
        ))),
    }
}

/// A caller as operators name it: a name, which is case-insensitive, or
/// account/RoleName.
fn caller(user: &str) -> Result<CallerKey, Failure> {
    sentinel_broker::parse_user(user)
        .ok_or_else(|| Failure::Usage(format!("`{user}` is neither a name nor account/RoleName")))
}
