//! `sentinel policy push`: writes a document to the place where it is stored, over
//! the version that was shown.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use sentinel_policy::{CheckedPolicy, Diagnostics};
use sentinel_store::{PolicyPath, StoreError};
use sentinel_wire::rfc3339;
use serde::Serialize;

use super::plan::{Failed, Plan, execute, plan};
use super::reach::{Reach, reach};
use super::stores::{Found, cannot};
use super::taken::{self, Roles};
use super::{Library, Place, Stores, difference, name};
use crate::aws::Policies;
use crate::commands::policy::check::Finding;
use crate::commands::policy::source::Source;
use crate::commands::policy::usable;
use crate::output::{Failure, Outcome, Screen, printable, progress};
use crate::runtime::block_on;

/// Check policies, show the differences and store them, without overwriting
/// concurrent changes.
///
/// An existing document stays in its place. A new document of up to 8,192 bytes is
/// stored in SSM, a larger one in the policy table. Exits 1 if a document is
/// invalid, was changed by another administrator, or was declined.
///
/// SSM cannot write on the condition that a parameter is still the version that
/// was compared. If another administrator writes between the comparison and the
/// write, the write is detected afterwards, the other text is written back, and
/// the push exits 1. Until then the TVM may read this push's text; and a third
/// text that is written in those two calls is overwritten. No text is lost:
/// `sentinel policy history NAME` lists each version with its author and time,
/// and `sentinel policy pull NAME --version N` returns its text. The policy table
/// writes on that condition and has no such gap.
///
/// Deny rules of the main document do not apply to profiles that have their own
/// document. The push lists these profiles, and the documents that decide nothing
/// since the main document governs their profiles.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel policy push policies/production.yaml
  sentinel policy push policies/*.yaml --dry-run
  sentinel policy push policies/*.yaml --yes --format json
  sentinel policy push new.yaml --name production
  sentinel policy push policies/all.yaml --move --policy-table sentinel-policies")]
pub(crate) struct Arguments {
    /// The documents; `-` for stdin, with `--name`
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Name of the document (default: the file name without its extension)
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// Skip the confirmation; required without a terminal
    #[arg(short, long)]
    yes: bool,
    /// Show the changes without making them
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Move a document that is too large for SSM to the policy table
    #[arg(long = "move")]
    may_move: bool,
    #[command(flatten)]
    roles: Roles,
    #[command(flatten)]
    library: Library,
}

/// The result for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Created,
    Updated,
    Moved,
    Unchanged,
    WouldCreate,
    WouldUpdate,
    WouldMove,
    /// The administrator declined.
    Declined,
    /// Another administrator wrote first.
    Conflict,
    /// The document is invalid.
    Unusable,
    /// Because of it, a profile would have the role of another profile.
    RoleTaken,
    /// Another document is refused.
    NotTried,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Moved => "moved",
            Self::Unchanged => "already stored",
            Self::WouldCreate => "would be created",
            Self::WouldUpdate => "would be updated",
            Self::WouldMove => "would be moved",
            Self::Declined => "not written: declined",
            Self::Conflict => "not written: it was changed by another administrator",
            Self::Unusable => "not written: it is invalid",
            Self::RoleTaken => "not written: a profile would have the role of another profile",
            Self::NotTried => "not written: another document is refused",
        }
    }

    const fn outcome(self) -> Outcome {
        match self {
            Self::Created
            | Self::Updated
            | Self::Moved
            | Self::Unchanged
            | Self::WouldCreate
            | Self::WouldUpdate
            | Self::WouldMove => Outcome::Done,
            Self::Declined | Self::Conflict | Self::Unusable | Self::RoleTaken | Self::NotTried => {
                Outcome::No
            }
        }
    }
}

/// The report for a document.
#[derive(Debug, Serialize)]
struct Pushed<'a> {
    name: String,
    path: String,
    file: &'a str,
    state: State,
    #[serde(rename = "where")]
    place: Option<Place>,
    /// The version that is stored now.
    version: Option<String>,
    bytes: usize,
    difference: String,
    findings: Vec<Finding<'a>>,
    /// `None` if there is no usable main document, or if it was not read.
    reach: Option<Reach>,
}

impl<'a> Pushed<'a> {
    fn new(document: &'a Document, state: State) -> Self {
        Self {
            name: document.path.name().to_owned(),
            path: document.path.to_string(),
            file: &document.source.name,
            state,
            place: None,
            version: None,
            bytes: document.source.text.len(),
            difference: String::new(),
            findings: document.findings(),
            reach: None,
        }
    }
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    policies: Vec<Pushed<'a>>,
}

/// A file, and where it will be written.
#[derive(Debug)]
struct Document {
    source: Source,
    path: PolicyPath,
    checked: Option<CheckedPolicy>,
    /// Its errors, or its warnings.
    diagnostics: Option<Diagnostics>,
}

impl Document {
    fn findings(&self) -> Vec<Finding<'_>> {
        let all = self.diagnostics.iter().flatten();
        all.map(|one| Finding::new(&self.source.name, one)).collect()
    }

    /// Shows the document's diagnostics to a person.
    fn show(&self, screen: &Screen) {
        if let Some(diagnostics) = self.diagnostics.as_ref().filter(|_| !screen.is_json()) {
            let Source { name, text } = &self.source;
            screen.note(diagnostics.render(name, text, screen.colors_err()).trim_end());
        }
    }
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { files, name, yes, dry_run, library, .. } = arguments;
    let has_terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    if !(*yes || *dry_run || has_terminal) {
        return Err(Failure::Usage(
            "cannot request confirmation without a terminal: pass `--yes`, or `--dry-run` to show \
             the changes"
                .to_owned(),
        ));
    }
    let documents = read(files, name.as_deref(), &library.policies)?;
    documents.iter().for_each(|document| document.show(screen));
    if documents.iter().any(|document| document.checked.is_none()) {
        let pushed = documents.iter().map(unusable).collect();
        return finish(pushed, screen);
    }
    let consent = if *yes {
        Consent::Given
    } else if *dry_run {
        Consent::DryRun
    } else {
        Consent::Required
    };
    let mut pushed = Vec::new();
    let written = block_on(push_all(&documents, arguments, consent, &mut pushed, screen));
    // Documents that were written before a failure are reported in any case.
    let finished = finish(pushed, screen);
    written.and(finished)
}

/// Pushes the documents one by one, unless a profile would have the role of another
/// profile afterwards. Adds the report of each document to `pushed`, also before a
/// failure.
async fn push_all<'d>(
    documents: &'d [Document],
    arguments: &Arguments,
    consent: Consent,
    pushed: &mut Vec<Pushed<'d>>,
    screen: &Screen,
) -> Result<(), Failure> {
    let Arguments { may_move, roles, library: Library { policies, aws }, .. } = arguments;
    let config = aws.open().await?;
    let stores = Stores::open(&config, policies.policy_table.as_deref());
    let texts: Vec<_> =
        documents.iter().map(|document| (&document.path, &*document.source.text)).collect();
    let home = taken::home(&config).await?;
    let taken = roles.taken(&texts, &stores, policies, &home).await?;
    if !taken.is_empty() {
        taken.iter().for_each(|taken| screen.warn(&taken.explain()));
        pushed.extend(documents.iter().map(|document| {
            let refused = taken.iter().any(|taken| taken.by == document.path);
            let state = if refused { State::RoleTaken } else { State::NotTried };
            Pushed::new(document, state)
        }));
        return Ok(());
    }
    let reach = reached(documents, &stores, policies, screen).await;
    for document in documents {
        let reach = reach.as_ref().map(|reach| {
            if document.path == policies.main() {
                reach.clone()
            } else {
                reach.of(document.path.name())
            }
        });
        if let Some(reach) = reach.as_ref().filter(|_| !screen.is_json()) {
            reach.show(screen);
        }
        let one = push(document, &stores, *may_move, consent, screen).await?;
        pushed.push(Pushed { reach, ..one });
    }
    Ok(())
}

/// Reads and checks the files, and determines the path of each.
fn read(
    files: &[PathBuf],
    given_name: Option<&str>,
    policies: &Policies,
) -> Result<Vec<Document>, Failure> {
    if given_name.is_some() && files.len() > 1 {
        return Err(Failure::Usage("`--name` is for one document".to_owned()));
    }
    let mut documents: Vec<Document> = Vec::new();
    for file in files {
        let name = match given_name {
            Some(name) => name.to_owned(),
            None => name_of(file)?,
        };
        let path = policies.path(&name);
        if documents.iter().any(|other| other.path == path) {
            return Err(Failure::Usage(format!("two of the files are `{name}`")));
        }
        let source = Source::read(file)?;
        let (checked, diagnostics) = match usable::check(&source.text, &path, &policies.main()) {
            Ok(checked) => {
                let warnings = checked.warnings_in_server();
                (Some(checked), warnings)
            }
            Err(diagnostics) => (None, Some(diagnostics)),
        };
        documents.push(Document { source, path, checked, diagnostics });
    }
    Ok(documents)
}

/// The document name that a file name implies.
fn name_of(file: &Path) -> Result<String, Failure> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    name(stem).map_err(|problem| {
        Failure::Usage(format!(
            "`{}` is not the name of a document: {problem}; pass `--name`",
            file.display()
        ))
    })
}

/// The report for a document if one of the documents is invalid.
fn unusable(document: &Document) -> Pushed<'_> {
    let state = if document.checked.is_none() { State::Unusable } else { State::NotTried };
    Pushed::new(document, state)
}

/// What the main document and the documents of profiles do not reach. This is
/// information only: if it cannot be read, that is reported and the push continues.
async fn reached(
    documents: &[Document],
    stores: &Stores,
    policies: &Policies,
    screen: &Screen,
) -> Option<Reach> {
    let (main, own): (Vec<_>, Vec<_>) =
        documents.iter().partition(|document| document.path == policies.main());
    let names = own.into_iter().map(|document| document.path.name());
    let main = main.into_iter().find_map(|document| document.checked.as_ref());
    let found = reach(stores, policies, names, main).await;
    found.unwrap_or_else(|failure| {
        screen.warn(&format!(
            "cannot determine which documents the main document governs: {failure}"
        ));
        None
    })
}

/// Whether a document may be written.
#[derive(Clone, Copy, Debug)]
enum Consent {
    Given,
    Required,
    DryRun,
}

async fn push<'a>(
    document: &'a Document,
    stores: &Stores,
    may_move: bool,
    consent: Consent,
    screen: &Screen,
) -> Result<Pushed<'a>, Failure> {
    let Document { source, path, .. } = document;
    let text = source.text.as_slice();
    let found = stores.find(path).await?;
    let plan = plan(text, &found, stores.has_table(), may_move)
        .map_err(|refusal| Failure::other(refusal.explain(path, text.len())))?;
    let difference = difference(&found, document);
    if !screen.is_json() && !difference.is_empty() {
        screen.print(&difference::shown(&difference, screen.colors_out()))?;
    }
    let (place, would, done) = match &plan {
        Plan::Nothing { place, version } => {
            let version = Some(version.clone());
            let unchanged = Pushed::new(document, State::Unchanged);
            return Ok(Pushed { place: Some(*place), version, ..unchanged });
        }
        Plan::Write { place, over: None } => (*place, State::WouldCreate, State::Created),
        Plan::Write { place, over: Some(_) } => (*place, State::WouldUpdate, State::Updated),
        Plan::Move { .. } => (Place::Table, State::WouldMove, State::Moved),
    };
    let pushed = |state| Pushed { place: Some(place), difference, ..Pushed::new(document, state) };
    if let Plan::Move { .. } = plan {
        screen.note(&format!(
            "`{path}` is moved from SSM to the policy table: written to the table, then removed \
             from SSM; in between, its profiles get POLICY_ERROR"
        ));
    }
    match consent {
        Consent::Given => {}
        Consent::DryRun => return Ok(pushed(would)),
        Consent::Required if confirmed(&format!("write `{path}` to {}?", place.as_str()))? => {}
        Consent::Required => return Ok(pushed(State::Declined)),
    }
    match execute(&plan, stores, path, text).await {
        Ok(version) => Ok(Pushed { version: Some(version), ..pushed(done) }),
        Err(Failed { place, error: StoreError::Conflict(_), written }) => {
            screen.warn(&conflict(stores, place, path, written.as_deref()).await?);
            Ok(Pushed { version: written, ..pushed(State::Conflict) })
        }
        Err(Failed { place, error, written }) => {
            if written.is_some() {
                screen.warn(&format!(
                    "`{path}` is in the policy table and still in SSM, and its profiles get \
                     POLICY_ERROR: run the same command again to remove the parameter"
                ));
            }
            Err(cannot("write", path, place, error))
        }
    }
}

/// The changes relative to the version in force.
fn difference(found: &Found, document: &Document) -> String {
    let Document { source, path, .. } = document;
    let (old, name) = match (&found.table, &found.ssm) {
        (Some(item), _) => (&*item.text, format!("{path}, table, version {}", item.version)),
        (None, Some(text)) => (&*text.text, format!("{path}, ssm, version {}", text.version)),
        (None, None) => (&[][..], "/dev/null".to_owned()),
    };
    difference::unified(old, &source.text, &name, &source.name)
}

/// The concurrent change and its author, and what to do.
async fn conflict(
    stores: &Stores,
    place: Place,
    path: &PolicyPath,
    written: Option<&str>,
) -> Result<String, Failure> {
    let newest = stores.history(place, path).await?.and_then(|mut all| all.pop());
    let change = match newest {
        None => "it was removed".to_owned(),
        Some(newest) => {
            let by = newest.by.unwrap_or_else(|| "another administrator".to_owned());
            let at =
                newest.at.map(|at| format!(" at {}", rfc3339::seconds(at))).unwrap_or_default();
            format!("version {} was written by {}{at}", newest.version, printable(&by))
        }
    };
    let state = match written {
        None => "nothing was written".to_owned(),
        Some(version) => format!(
            "the policy table has version {version}, the parameter was not removed, and its \
             profiles get POLICY_ERROR until the same command is run again"
        ),
    };
    Ok(format!(
        "`{path}` changed in {} since it was compared: {change}; {state}. show the change with \
         `sentinel policy pull {}`, merge the two, and push again",
        place.as_str(),
        path.name()
    ))
}

/// Requests confirmation on the terminal. Returns whether it was given.
fn confirmed(question: &str) -> Result<bool, Failure> {
    progress::clear();
    let mut err = io::stderr().lock();
    write!(err, "{question} [y/N] ").and_then(|()| err.flush()).map_err(Failure::output)?;
    let mut line = String::new();
    io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::because("cannot read the confirmation", error))?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// Reports the results of all documents.
fn finish(pushed: Vec<Pushed<'_>>, screen: &Screen) -> Result<Outcome, Failure> {
    let all_done = pushed.iter().all(|one| one.state.outcome() == Outcome::Done);
    if screen.is_json() {
        screen.print_json(&Report { policies: pushed })?;
    } else {
        let lines: String = pushed.iter().map(line).collect();
        screen.print(&lines)?;
    }
    Ok(if all_done { Outcome::Done } else { Outcome::No })
}

fn line(pushed: &Pushed<'_>) -> String {
    let Pushed { path, state, place, version, .. } = pushed;
    let place = place.map(|place| format!(", in {}", place.as_str())).unwrap_or_default();
    let version = version.as_ref().map(|version| format!(", version {version}"));
    format!("{path}: {}{place}{}\n", state.as_str(), version.unwrap_or_default())
}
