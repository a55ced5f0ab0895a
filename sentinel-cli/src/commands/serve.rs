//! `sentinel serve`: a standing endpoint for programs that this command does not start, such as editors
//! and containers.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use sentinel_client::VendRequest;
use sentinel_wire::ProfileName;
use serde::{Serialize, Serializer};
use tempfile::NamedTempFile;

use crate::container::{Endpoint, Source, TOKEN, TOKEN_FILE, URI};
use crate::listen::not_listening;
use crate::output::{Failure, Outcome, Screen, shell_word};
use crate::runtime::block_on_quietly;
use crate::signals::EndSignals;
use crate::tvm::Connection;

/// Serve credentials of profiles on loopback, for editors and containers.
///
/// Prints the environment variables to set for each profile. Credentials are vended when a program
/// requests them, and again before they expire.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel serve --profile staging
  sentinel serve --profile staging --profile production --listen 127.0.0.1:9000
  sentinel serve --profile staging --token-dir ~/.sentinel/tokens
  sentinel serve --profile staging --format json

An AWS SDK prefers other credentials to these: unset AWS_ACCESS_KEY_ID and
AWS_PROFILE for the program, and set AWS_SHARED_CREDENTIALS_FILE and
AWS_CONFIG_FILE to /dev/null if the default profile has credentials. `sentinel
exec` does this for the program that it runs.")]
pub(crate) struct Arguments {
    /// Profile to serve; can be repeated
    #[arg(long = "profile", value_name = "PROFILE", value_parser = ProfileName::parse, required = true)]
    profiles: Vec<ProfileName>,
    /// Loopback address and port to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8788")]
    listen: SocketAddr,
    /// Folder for the tokens, one file PROFILE.token of mode 0600 each, which the variables name in
    /// place of the tokens; it is created if it is missing. The variables then remain valid when
    /// the command is started again with the same address
    #[arg(long, value_name = "DIR")]
    token_dir: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
}

/// The ready message.
#[derive(Debug, Serialize)]
struct Ready {
    url: String,
    profiles: Vec<Served>,
}

#[derive(Debug, Serialize)]
struct Served {
    profile: String,
    #[serde(serialize_with = "as_object")]
    variables: [(&'static str, String); 2],
}

fn as_object<S: Serializer>(
    variables: &[(&'static str, String)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(variables.iter().map(|(name, value)| (name, value)))
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { profiles, listen, .. } = arguments;
    if !listen.ip().to_canonical().is_loopback() {
        return Err(Failure::Usage(format!(
            "{listen} can be reached from other machines: use a loopback address, as in `--listen \
             127.0.0.1:8788`"
        )));
    }
    let repeated = profiles
        .iter()
        .enumerate()
        .find(|(index, profile)| profiles.iter().take(*index).any(|earlier| earlier == *profile));
    if let Some((_, profile)) = repeated {
        return Err(Failure::Usage(format!("`--profile {profile}` is given twice")));
    }
    block_on_quietly(serve(arguments, screen))
}

async fn serve(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let client = arguments.connection.open_for_long().await?;
    let sources = arguments
        .profiles
        .iter()
        .map(|profile| Source::new(&client, VendRequest::new(profile.clone())))
        .collect::<Result<Vec<_>, Failure>>()?;
    let endpoint = Endpoint::bind(arguments.listen, sources)
        .await
        .map_err(|error| not_listening(arguments.listen, &error))?;
    // Before the ready message.
    let end = EndSignals::receive_in_background()?;
    let folder = arguments.token_dir.as_deref().map(token_folder).transpose()?;
    let profiles = endpoint
        .sources()
        .iter()
        .map(|source| served(&endpoint, source, folder.as_deref()))
        .collect::<Result<_, Failure>>()?;
    let ready = Ready { url: endpoint.url(), profiles };
    screen.print(&if screen.is_json() { ready.line()? } else { ready.human() })?;
    endpoint.serve(*screen, end.received()).await;
    Ok(Outcome::Done)
}

/// Creates the folder, or checks that only its owner can write to it, and returns its absolute path.
fn token_folder(folder: &Path) -> Result<PathBuf, Failure> {
    sentinel_files::folder(folder).and_then(|()| fs::canonicalize(folder)).map_err(|error| {
        Failure::because(format!("cannot use `{}` for the tokens", folder.display()), error)
    })
}

/// The variables of a profile. A token file is written if there is a folder.
fn served(endpoint: &Endpoint, source: &Source, folder: Option<&Path>) -> Result<Served, Failure> {
    let (name, value) = match folder {
        None => (TOKEN, source.token().to_owned()),
        Some(folder) => {
            let file = folder.join(format!("{}.token", source.profile));
            write_token(folder, &file, source.token()).map_err(|error| {
                Failure::because(format!("cannot write `{}`", file.display()), error)
            })?;
            (TOKEN_FILE, file.display().to_string())
        }
    };
    let variables = [(URI, endpoint.url_of(source)), (name, value)];
    Ok(Served { profile: source.profile.to_string(), variables })
}

/// Replaces the file as a whole, since programs may read it meanwhile. There is no line end: the SDKs
/// send the content as it is.
fn write_token(folder: &Path, file: &Path, token: &str) -> io::Result<()> {
    // Its mode is 0600.
    let mut new = NamedTempFile::new_in(folder)?;
    new.write_all(token.as_bytes())?;
    new.persist(file).map(drop).map_err(|error| error.error)
}

impl Ready {
    /// The message for programs: one line.
    fn line(&self) -> Result<String, Failure> {
        let line = serde_json::to_string(self)
            .map_err(|error| Failure::because("cannot write the ready message", error))?;
        Ok(line + "\n")
    }

    /// The message for people.
    fn human(&self) -> String {
        let mut text = format!("Sentinel serves credentials at {}\n", self.url);
        for Served { profile, variables } in &self.profiles {
            text.push_str(&format!("\n{profile}:\n"));
            for (name, value) in variables {
                text.push_str(&format!("  export {name}={}\n", shell_word(value)));
            }
        }
        text + "\nCtrl-C stops the endpoint.\n"
    }
}
