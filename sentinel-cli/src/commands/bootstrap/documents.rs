//! Policies from files. All of them are checked before anything is written, and no
//! existing document is overwritten.

use std::path::{Path, PathBuf};

use sentinel_policy::Diagnostics;
use sentinel_store::{PolicyPath, PolicyText, ProfileName, StoreResultExt};

use super::report::{State, Step};
use crate::arguments::NAME_RULE;
use crate::aws::{Policies, because_store};
use crate::commands::policy::{Found, Place, Source, Stores, usable};
use crate::output::{Failure, Screen};

/// A valid document.
#[derive(Debug)]
pub(super) struct Document {
    source: Source,
    pub(super) path: PolicyPath,
    place: Place,
}

/// Reads and checks the documents of a folder. `None` if a document is invalid; its
/// errors are reported.
pub(super) fn read(
    folder: &Path,
    profiles: &[ProfileName],
    policies: &Policies,
    screen: &Screen,
) -> Result<Option<Vec<Document>>, Failure> {
    let mut documents = Vec::new();
    let mut all_valid = true;
    for (name, file) in files(folder, profiles, screen)? {
        let source = Source::read(&file)?;
        let path = policies.path(&name);
        let show = |diagnostics: &Diagnostics| {
            let rendered = diagnostics.render(&source.name, &source.text, screen.colors_err());
            screen.note(rendered.trim_end());
        };
        match usable::check(&source.text, &path, &policies.main()) {
            Ok(checked) => {
                if let Some(warnings) = checked.warnings_in_server() {
                    show(&warnings);
                }
            }
            Err(diagnostics) => {
                show(&diagnostics);
                all_valid = false;
                continue;
            }
        }
        let bytes = source.text.len();
        let place = if bytes <= usable::SSM_MAX_BYTES { Place::Ssm } else { Place::Table };
        if place == Place::Table && policies.policy_table.is_none() {
            return Err(Failure::other(format!(
                "`{}` has {bytes} bytes, and a parameter has at most {}: name a table, as in \
                 `--policy-table sentinel-policies`",
                source.name,
                usable::SSM_MAX_BYTES
            )));
        }
        documents.push(Document { source, path, place });
    }
    if !all_valid {
        screen.warn("nothing was written: correct these files first");
        return Ok(None);
    }
    Ok(Some(documents))
}

/// The names of the documents and their files.
fn files(
    folder: &Path,
    profiles: &[ProfileName],
    screen: &Screen,
) -> Result<Vec<(String, PathBuf)>, Failure> {
    if !profiles.is_empty() {
        let mut names: Vec<_> = profiles.iter().map(ProfileName::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let file = |name: &str| (name.to_owned(), folder.join(format!("{name}.yaml")));
        return Ok(names.into_iter().map(file).collect());
    }
    if !folder.exists() {
        screen.warn(&format!(
            "there is no folder `{}`, so no policies are stored: pass `--policies DIR`, or run \
             `sentinel policy push` later",
            folder.display()
        ));
        return Ok(Vec::new());
    }
    let failed =
        |error| Failure::because(format!("cannot read the folder `{}`", folder.display()), error);
    let mut found = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let file = entry.map_err(failed)?.path();
        if file.extension().is_none_or(|ending| ending != "yaml") || !file.is_file() {
            continue;
        }
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        // Test suites are stored next to a policy.
        if stem.ends_with(".test") {
            continue;
        }
        let name = ProfileName::parse(stem).map_err(|_| {
            Failure::other(format!(
                "`{}` is not named after a document: {NAME_RULE}",
                file.display()
            ))
        })?;
        found.push((name.as_str().to_owned(), file));
    }
    found.sort();
    if found.is_empty() {
        screen.warn(&format!(
            "there is no .yaml file in `{}`, so no policies are stored",
            folder.display()
        ));
    }
    Ok(found)
}

impl Document {
    /// Ensures that the document is stored.
    pub(super) async fn ensure(&self, stores: &Stores, dry_run: bool) -> Result<Step, Failure> {
        let Self { source, path, place } = self;
        match stores.find(path).await? {
            Found { ssm: None, table: None } if dry_run => {
                Ok(self.step(State::WouldCreate, *place))
            }
            Found { ssm: None, table: None } => {
                let put = stores.at(*place)?.put(path, &source.text, None).await;
                let put = put.unless_conflict().map_err(|error| {
                    because_store(format!("cannot write `{path}` to {}", place.as_str()), error)
                })?;
                match put {
                    Some(version) => {
                        Ok(Step { version: Some(version), ..self.step(State::Created, *place) })
                    }
                    // Another administrator wrote it first.
                    None => Ok(self.differs(*place)),
                }
            }
            Found { ssm: Some(there), table: None } => Ok(self.compared(&there, Place::Ssm)),
            Found { ssm: None, table: Some(there) } => Ok(self.compared(&there, Place::Table)),
            Found { ssm: Some(_), table: Some(_) } => Ok(Step {
                details: vec![format!(
                    "it is in SSM and in the policy table, and its profiles get POLICY_ERROR: \
                     `sentinel policy push {} --move` keeps the document in the table",
                    source.name
                )],
                ..self.step(State::Differs, Place::Table)
            }),
        }
    }

    fn compared(&self, there: &PolicyText, place: Place) -> Step {
        let step = if there.text == self.source.text {
            self.step(State::Unchanged, place)
        } else {
            self.differs(place)
        };
        Step { version: Some(there.version.clone()), ..step }
    }

    fn differs(&self, place: Place) -> Step {
        let push = format!(
            "it exists with another text, which is not overwritten: compare and store it with \
             `sentinel policy push {}`",
            self.source.name
        );
        Step { details: vec![push], ..self.step(State::Differs, place) }
    }

    fn step(&self, state: State, place: Place) -> Step {
        Step {
            name: self.path.to_string(),
            purpose: None,
            state,
            place: Some(place),
            version: None,
            details: Vec::new(),
        }
    }
}
