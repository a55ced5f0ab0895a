//! The output when the server is ready: one line for programs, or usage
//! instructions for people.

use std::path::{Path, PathBuf};

use clap::builder::styling::AnsiColor;
use sentinel_dev::Identity;
use serde::Serialize;

use crate::aws::Caller;
use crate::output::{Failure, paint, shell_word, table};

/// The ready message.
#[derive(Debug, Serialize)]
pub(super) struct Ready {
    pub(super) url: String,
    pub(super) credentials_file: PathBuf,
    #[serde(serialize_with = "listed")]
    pub(super) identities: Vec<Identity>,
    /// The issuer of real credentials. `None` if the server issues its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) issuer: Option<Caller>,
    /// The link of the console. `None` if the server cannot be reached at a loopback address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) console: Option<String>,
}

fn listed<S: serde::Serializer>(identities: &[Identity], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Listed<'a> {
        name: &'a str,
        arn: &'a str,
    }
    serializer.collect_seq(
        identities.iter().map(|identity| Listed { name: identity.name(), arn: identity.arn() }),
    )
}

impl Ready {
    /// The message for programs: one line.
    pub(super) fn line(&self) -> Result<String, Failure> {
        let line = serde_json::to_string(self)
            .map_err(|error| Failure::because("cannot write the ready message", error))?;
        Ok(line + "\n")
    }

    /// The message for people.
    pub(super) fn human(&self, policies: &Path, color: bool) -> String {
        let Self { url, credentials_file, identities, issuer, console } = self;
        let head = |text: &str| paint(color, AnsiColor::Green, text);
        let first = identities.first().map(Identity::name).unwrap_or("NAME");
        let callers = table(
            identities
                .iter()
                .map(|identity| [format!("  {}", identity.name()), identity.arn().to_owned()]),
        );
        let issuer = issuer.as_ref().map(issued_by).unwrap_or_default();
        let console_head = head("Console, in a browser on this machine:");
        let console = console
            .as_ref()
            .map(|link| format!("\n{console_head}\n  {link}\n"))
            .unwrap_or_default();
        format!(
            "{ready} {url}\n\
             policies: {policies} (a change takes effect after about a second)\n\
             {issuer}\
             {console}\
             \n{callers_head}\n{callers}\
             \n{how}\n  \
             export AWS_SHARED_CREDENTIALS_FILE={credentials}\n  \
             export SENTINEL_TVM_URL={url} AWS_REGION=us-east-1\n  \
             sentinel whoami --aws-profile {first}\n  \
             sentinel credentials --profile production --aws-profile {first} --output json\n\
             \n{curl}\n  \
             curl --aws-sigv4 aws:amz:us-east-1:execute-api \\\n    \
             -u \"$(aws configure get aws_access_key_id --profile {first}):\
             $(aws configure get aws_secret_access_key --profile {first})\" \\\n    \
             \"{url}/?profile=production\"\n\
             \n{used}\n  \
             eval \"$(sentinel credentials --profile production --aws-profile {first} --output \
             env)\"\n  \
             aws sts get-caller-identity --region us-east-1 --endpoint-url {url}/sts\n  \
             curl -H \"X-Sentinel-Session-ID: $SENTINEL_SESSION_ID\" {url}/downstream/hello\n\
             \nCtrl-C stops the server. Decisions follow, one JSON record per line:\n",
            ready = head("Sentinel is ready at"),
            policies = policies.display(),
            credentials = shell_word(&credentials_file.display().to_string()),
            callers_head = head("Callers:"),
            how = head("In another terminal:"),
            curl = head("With curl:"),
            used = head("Use the vended credentials:"),
        )
    }
}

/// The issuer of real credentials, and their limits.
fn issued_by(caller: &Caller) -> String {
    let Caller { account, arn } = caller;
    let limits = if caller.is_role_session() {
        "\n  this is a role session: sessions that it assumes last at most one hour, and a source \
         identity that is already set cannot be replaced"
    } else {
        ""
    };
    format!(
        "credentials: issued by STS, for roles of account {account} that trust\n  \
         {arn}{limits}\n"
    )
}

#[cfg(test)]
mod tests {
    use sentinel_store::AccountId;

    use super::*;

    #[test]
    fn the_one_hour_limit_of_role_chaining_is_reported() {
        let notice = |arn: &str| {
            let account = AccountId::parse("111122223333").unwrap();
            issued_by(&Caller { account, arn: arn.to_owned() })
        };
        assert!(
            notice("arn:aws:sts::111122223333:assumed-role/Admin/me").contains("at most one hour")
        );
        assert!(!notice("arn:aws:iam::111122223333:user/me").contains("hour"));
    }
}
