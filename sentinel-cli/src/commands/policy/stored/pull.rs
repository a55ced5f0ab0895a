//! `sentinel policy pull`: returns a stored document exactly as it was written. `pull_all` returns all
//! of them.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use sentinel_store::{PolicyPath, PolicyText, StoreError};
use serde::Serialize;

use super::stores::{Found, cannot};
use super::{Library, Place, Stores, missing, name, pull_all};
use crate::output::{Failure, Outcome, Screen};
use crate::runtime::block_on;

/// Print a stored policy or write it to a file, or write all policies to a folder.
///
/// With `--all`, each document under the root is written to DIR/NAME.yaml, and the
/// members of each group to DIR/groups/NAME.yaml, exactly as they are stored. A file
/// with another content is kept unless `--force` is given. `sentinel bootstrap
/// --policies DIR` and `sentinel policy push DIR/*.yaml` store the documents again.
/// Exits 1 if a document was not written.
#[derive(Debug, Args)]
// `--version` selects the version of the document in this command.
#[command(disable_version_flag = true)]
#[command(after_help = "\
Examples:
  sentinel policy pull production
  sentinel policy pull production -o policies/production.yaml
  sentinel policy pull production --version 3 | sentinel policy check -
  sentinel policy pull --all backup
  sentinel policy pull --all backup --force --format json")]
pub(crate) struct Arguments {
    /// Name of the document
    #[arg(value_parser = name, required_unless_present = "all")]
    name: Option<String>,
    /// Folder to write every document to
    #[arg(long, value_name = "DIR", conflicts_with_all = ["name", "output", "version"])]
    all: Option<PathBuf>,
    /// Replace files with another content, with `--all`
    #[arg(long, requires = "all", conflicts_with = "name")]
    force: bool,
    /// File to write, replaced if it exists
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Version to print (default: the current one)
    #[arg(long)]
    version: Option<String>,
    /// Place to read from, if the document is in both
    #[arg(long, value_name = "PLACE", value_enum)]
    from: Option<Place>,
    #[command(flatten)]
    library: Library,
}

/// The document that was pulled.
#[derive(Debug, Serialize)]
struct Pulled {
    name: String,
    path: String,
    #[serde(rename = "where")]
    place: Place,
    version: String,
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { name, all, force, output, version, from, library } = arguments;
    if let Some(folder) = all {
        return pull_all::run(folder, *from, *force, library, screen);
    }
    // The parser requires it without `--all`.
    let name = name.clone().unwrap_or_default();
    let path = library.policies.path(&name);
    let (place, document) = block_on(async {
        let stores = library.open().await?;
        read(&stores, &path, version.as_deref(), *from).await
    })?;
    let PolicyText { text, version, .. } = document;
    if let Some(file) = output {
        replace(file, &text).map_err(|error| {
            Failure::because(format!("cannot write `{}`", file.display()), error)
        })?;
    }
    if screen.is_json() {
        let printed = match output {
            None => Some(String::from_utf8(text.clone()).map_err(|_| {
                Failure::other(format!("`{path}` is not UTF-8: leave out `--format json`"))
            })?),
            Some(_) => None,
        };
        let (path, bytes) = (path.to_string(), text.len());
        let file = output.clone();
        screen.print_json(&Pulled { name, path, place, version, bytes, text: printed, file })?;
    } else if let Some(file) = output {
        screen.note(&format!(
            "`{}`: version {version} from {}, {} bytes",
            file.display(),
            place.as_str(),
            text.len()
        ));
    } else {
        let mut out = std::io::stdout().lock();
        out.write_all(&text).and_then(|()| out.flush()).map_err(Failure::output)?;
    }
    Ok(Outcome::Done)
}

async fn read(
    stores: &Stores,
    path: &PolicyPath,
    version: Option<&str>,
    from: Option<Place>,
) -> Result<(Place, PolicyText), Failure> {
    let place = match from {
        Some(place) => place,
        None => match stores.find(path).await? {
            Found { ssm: Some(_), table: Some(_) } => {
                return Err(Failure::other(format!(
                    "`{path}` is in SSM and in the policy table: choose one with `--from ssm` or \
                     `--from table`"
                )));
            }
            Found { ssm: Some(text), table: None } if version.is_none() => {
                return Ok((Place::Ssm, text));
            }
            Found { ssm: None, table: Some(text) } if version.is_none() => {
                return Ok((Place::Table, text));
            }
            Found { ssm: Some(_), table: None } => Place::Ssm,
            Found { ssm: None, table: Some(_) } => Place::Table,
            Found { ssm: None, table: None } => return Err(missing(path, stores)),
        },
    };
    let store = stores.at(place)?;
    let read = match version {
        Some(version) => store.revision(path, version).await,
        None => store.policy(path).await,
    };
    match (read, version) {
        (Ok(text), _) => Ok((place, text)),
        (Err(StoreError::NotFound(_)), Some(version)) => Err(Failure::other(format!(
            "`{path}` has no version `{version}` in {}: `sentinel policy history {}` lists the \
             existing ones",
            place.as_str(),
            path.name()
        ))),
        (Err(StoreError::NotFound(_)), None) => Err(missing(path, stores)),
        (Err(error), _) => Err(cannot("read", path, place, error)),
    }
}

/// Replaces a file atomically.
pub(super) fn replace(file: &Path, text: &[u8]) -> std::io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // A file that is not regular (a pipe, /dev/stdout) cannot be replaced.
    if std::fs::symlink_metadata(file).is_ok_and(|found| !found.is_file()) {
        return std::fs::write(file, text);
    }
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    let mut new = tempfile::Builder::new().permissions(mode).tempfile_in(folder)?;
    new.write_all(text)?;
    new.persist(file)?;
    Ok(())
}
