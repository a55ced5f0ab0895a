//! `sentinel policy pull --all`: writes every stored document, and the members of every group, to a
//! folder from which `sentinel bootstrap --policies` and `sentinel policy push` can restore them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sentinel_store::{PolicyPath, PolicyText, ProfileName};
use serde::Serialize;

use super::pull::replace;
use super::stores::Found;
use super::{Library, Place, Stores};
use crate::aws::Policies;
use crate::output::{Failure, Fit, Outcome, Screen, printable, progress, records};
use crate::runtime::block_on;

/// The folder, under the root and in the target, with the members of groups.
const GROUPS: &str = "groups";

/// The result for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Written,
    /// The file had another content.
    Replaced,
    Unchanged,
    /// The file has another content, and is kept.
    Differs,
    /// The document is in SSM and in the policy table.
    InBoth,
    /// The store has an entry whose name no document can have.
    NotADocument,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Replaced => "replaced",
            Self::Unchanged => "unchanged",
            Self::Differs => "not written: the file has another content; pass `--force`",
            Self::InBoth => {
                "not written: in SSM and in the policy table; pass `--from ssm` or `--from table`"
            }
            Self::NotADocument => "not written: no document can have this name",
        }
    }

    const fn is_stored(self) -> bool {
        match self {
            Self::Written | Self::Replaced | Self::Unchanged => true,
            Self::Differs | Self::InBoth | Self::NotADocument => false,
        }
    }
}

/// A document, or the members of a group.
#[derive(Debug, Serialize)]
struct Pulled {
    name: String,
    path: String,
    main: bool,
    #[serde(rename = "where")]
    place: Option<Place>,
    version: Option<String>,
    bytes: Option<usize>,
    file: Option<PathBuf>,
    state: State,
}

#[derive(Debug, Serialize)]
struct Report {
    root: String,
    folder: PathBuf,
    policies: Vec<Pulled>,
}

pub(super) fn run(
    folder: &Path,
    from: Option<Place>,
    force: bool,
    library: &Library,
    screen: &Screen,
) -> Result<Outcome, Failure> {
    let read = block_on(progress::during(async {
        let stores = library.open().await?;
        read(&stores, &library.policies, from).await
    }))?;
    let mut policies = Vec::new();
    for document in read {
        policies.push(document.write(folder, force)?);
    }
    let complete = policies.iter().all(|pulled| pulled.state.is_stored());
    let root = library.policies.root().to_string();
    let report = Report { root, folder: folder.to_owned(), policies };
    if screen.is_json() {
        screen.print_json(&report)?;
    } else if report.policies.is_empty() {
        screen.note(&format!("there are no policies under `{}`", report.root));
    } else {
        screen.print(&lines(&report.policies, screen))?;
    }
    Ok(if complete { Outcome::Done } else { Outcome::No })
}

/// A document to write.
#[derive(Debug)]
struct Document {
    path: PolicyPath,
    /// The name, with the folder of groups.
    name: String,
    main: bool,
    text: Result<(Place, PolicyText), State>,
}

impl Document {
    fn write(self, folder: &Path, force: bool) -> Result<Pulled, Failure> {
        let Self { path, name, main, text } = self;
        let path = path.to_string();
        let (place, text) = match text {
            Ok(found) => found,
            Err(state) => {
                let (place, version, bytes, file) = (None, None, None, None);
                return Ok(Pulled { name, path, main, place, version, bytes, file, state });
            }
        };
        let file = folder.join(format!("{name}.yaml"));
        let state = write(&file, &text.text, force).map_err(|error| {
            Failure::because(format!("cannot write `{}`", file.display()), error)
        })?;
        Ok(Pulled {
            name,
            path,
            main,
            place: Some(place),
            version: Some(text.version),
            bytes: Some(text.text.len()),
            file: Some(file),
            state,
        })
    }
}

/// Writes a file, unless it has another content.
fn write(file: &Path, text: &[u8], force: bool) -> std::io::Result<State> {
    let state = match std::fs::read(file) {
        Ok(old) if old == text => return Ok(State::Unchanged),
        Ok(_) if !force => return Ok(State::Differs),
        Ok(_) => State::Replaced,
        Err(error) if error.kind() == ErrorKind::NotFound => State::Written,
        Err(error) => return Err(error),
    };
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    replace(file, text)?;
    Ok(state)
}

/// Every document, the main document first, then by name, and the members of groups last.
async fn read(
    stores: &Stores,
    policies: &Policies,
    from: Option<Place>,
) -> Result<Vec<Document>, Failure> {
    let (root, main) = (policies.root(), policies.main());
    let mut documents = vec![(main.clone(), main.name().to_owned())];
    for (name, _) in stores.names(&root).await? {
        documents.push((root.join(&name), name));
    }
    let groups = root.join(GROUPS);
    for (name, _) in stores.names(&groups).await? {
        documents.push((groups.join(&name), format!("{GROUPS}/{name}")));
    }
    // A document in both places is listed twice. The main document can be under the root.
    let mut read: Vec<Document> = Vec::new();
    for (path, name) in documents {
        if read.iter().any(|document| document.path == path) {
            continue;
        }
        if let Some(taken) = read.iter().find(|document| document.name == name) {
            return Err(Failure::other(format!(
                "`{}` and `{path}` would both be `{name}.yaml`: pull one of them with `--output`",
                taken.path
            )));
        }
        let text = match ProfileName::parse(path.name()) {
            Err(_) => Err(State::NotADocument),
            Ok(_) => match chosen(stores.find(&path).await?, from) {
                Some(text) => text,
                // It was removed in the meantime, or the main document does not exist.
                None => continue,
            },
        };
        read.push(Document { main: path == main, path, name, text });
    }
    Ok(read)
}

/// The text of a document that is in one place, or in the given one.
fn chosen(found: Found, from: Option<Place>) -> Option<Result<(Place, PolicyText), State>> {
    let place = |place, text| Some(Ok((place, text)));
    match (found, from) {
        (Found { ssm: Some(text), table: Some(_) }, Some(Place::Ssm))
        | (Found { ssm: Some(text), table: None }, _) => place(Place::Ssm, text),
        (Found { ssm: Some(_), table: Some(text) }, Some(Place::Table))
        | (Found { ssm: None, table: Some(text) }, _) => place(Place::Table, text),
        (Found { ssm: Some(_), table: Some(_) }, None) => Some(Err(State::InBoth)),
        (Found { ssm: None, table: None }, _) => None,
    }
}

/// A line for each document, for people.
fn lines(policies: &[Pulled], screen: &Screen) -> String {
    let whole = ("", Fit::Whole);
    let rows = policies.iter().map(|Pulled { name, place, version, file, state, .. }| {
        let file = file.as_ref().map(|file| file.display().to_string());
        let version = version.as_ref().map(|version| format!("version {version}"));
        [
            file.unwrap_or_else(|| printable(name)),
            place.map(Place::cell).unwrap_or_default(),
            version.unwrap_or_default(),
            state.as_str().to_owned(),
        ]
    });
    records([whole; 4], rows, screen.width)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clap::Parser;
    use sentinel_store::PolicyWriter;

    use super::super::memory::Memory;
    use super::*;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        policies: Policies,
    }

    fn policies(main: &str) -> Policies {
        Options::parse_from(["x", "--main", main, "--policy-root", "/r"]).policies
    }

    async fn stores(ssm: &[&str], table: &[&str]) -> Stores {
        let place = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            async move {
                let memory = Memory::default();
                for name in names {
                    memory.put(&PolicyPath::new(&name), name.as_bytes(), None).await.unwrap();
                }
                Arc::new(memory) as Arc<dyn PolicyWriter>
            }
        };
        Stores::new(place(ssm).await, Some(place(table).await))
    }

    #[tokio::test]
    async fn a_name_that_no_document_can_have_is_not_a_file() {
        let stores = stores(&["/r/main", "/r/..", "/r/-x"], &[]).await;
        let read = read(&stores, &policies("main"), None).await.unwrap();
        let states: Vec<_> = read.iter().map(|one| (one.name.as_str(), one.text.is_ok())).collect();
        assert_eq!(states, [("main", true), ("-x", false), ("..", false)]);
        let folder = tempfile::tempdir().unwrap();
        for document in read {
            document.write(folder.path(), false).unwrap();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_main_document_elsewhere_with_the_name_of_another_document_is_refused() {
        let stores = stores(&["/elsewhere/main", "/r/main"], &[]).await;
        let error = read(&stores, &policies("/elsewhere/main"), None).await.unwrap_err();
        assert!(error.to_string().contains("`/elsewhere/main` and `/r/main`"), "{error}");
    }
}
