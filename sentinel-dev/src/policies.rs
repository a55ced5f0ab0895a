//! The policies folder from its author's point of view: errors in its files,
//! reported at the start and after each change. No decision depends on what is read
//! here.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sentinel_policy::{CheckedPolicy, GroupMembers, Limits, Policy};
use sentinel_store::folder::FolderPolicies;
use sentinel_store::{Causes, PolicyText, ProfileName, StoreError, StoreResultExt};

use crate::StartError;

pub(crate) const MAIN: &str = "main";
/// The folder with the members of groups.
const GROUPS: &str = "groups";

/// Interval between reads of the folder.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// The number of consecutive reads that must have the same result before it is
/// reported.
const SETTLED: usize = 4;

/// The given folder, if it is a folder and can be read.
pub(crate) fn folder(path: &Path) -> Result<PathBuf, StartError> {
    match fs::read_dir(path) {
        Ok(_) => Ok(path.to_owned()),
        Err(error) => {
            let what = format!("cannot read the policies folder `{}`", path.display());
            Err(StartError::because(what, error))
        }
    }
}

/// Reports problems in the files of the folder.
#[derive(Debug)]
pub(crate) struct Reporter {
    documents: FolderPolicies,
    folder: PathBuf,
    colors: bool,
    /// The problems in the last report, so that no problem is reported twice.
    reported: Vec<Problem>,
}

/// A condition that the policy author did not intend.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Problem {
    /// Whether it causes profiles to be refused.
    is_error: bool,
    text: String,
}

impl Problem {
    fn error(text: String) -> Self {
        Self { is_error: true, text }
    }

    fn warning(text: String) -> Self {
        Self { is_error: false, text }
    }
}

/// The files by name, each with the attributes that change when the file does.
type Listing = BTreeMap<PathBuf, (u64, u64, u64, i64, i64)>;

impl Reporter {
    pub(crate) fn new(documents: FolderPolicies, folder: PathBuf, colors: bool) -> Self {
        Self { documents, folder, colors, reported: Vec::new() }
    }

    /// Reports on the current state of the folder, and then after each change.
    pub(crate) async fn follow(mut self) {
        let mut ticks = tokio::time::interval(POLL_INTERVAL);
        let (mut last, mut polls) = (self.listing().ok(), SETTLED);
        loop {
            ticks.tick().await;
            tokio::task::block_in_place(|| {
                let now = self.listing().ok();
                if now != last {
                    (last, polls) = (now, 0);
                } else if polls < SETTLED {
                    polls += 1;
                    if polls == SETTLED {
                        self.report();
                    }
                }
            });
        }
    }

    /// Writes new problems to the log.
    pub(crate) fn report(&mut self) {
        let problems = self.problems().unwrap_or_else(|error| {
            let folder = self.folder.display();
            vec![Problem::error(format!("cannot read the policies folder `{folder}`: {error}"))]
        });
        for Problem { is_error, text } in
            problems.iter().filter(|problem| !self.reported.contains(problem))
        {
            if *is_error {
                tracing::error!("{text}");
            } else {
                tracing::warn!("{text}");
            }
        }
        if problems.is_empty() && !self.reported.is_empty() {
            tracing::info!("the policies folder has no more problems");
        }
        self.reported = problems;
    }

    fn listing(&self) -> io::Result<Listing> {
        let groups = match fs::read_dir(self.folder.join(GROUPS)) {
            Ok(groups) => Some(groups),
            Err(error)
                if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory]
                    .contains(&error.kind()) =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        let entries =
            fs::read_dir(&self.folder)?.chain(groups.into_iter().flatten()).map(|entry| {
                let path = entry?.path();
                // Follows links, as reading the documents does. Zeros for a link
                // without a target.
                let seen = fs::metadata(&path).map_or_else(
                    |_| Default::default(),
                    |file| (file.dev(), file.ino(), file.size(), file.ctime(), file.ctime_nsec()),
                );
                Ok((path, seen))
            });
        entries.collect()
    }

    fn problems(&self) -> io::Result<Vec<Problem>> {
        let paths: Vec<PathBuf> = self.listing()?.into_keys().collect();
        let mut problems = Vec::new();
        let main = ProfileName::parse(MAIN).ok().and_then(|main| {
            let text = self.documents.peek(&main).ok()?;
            Some(checked(&text, true).ok()?.compile())
        });
        for path in paths {
            match kind(&path) {
                Kind::Document(name) if path.parent() == Some(&*self.folder) => {
                    self.check_document(&name, &path, main.as_ref(), &mut problems)
                }
                Kind::Document(group) => {
                    self.check_members(&group, &path, main.as_ref(), &mut problems)
                }
                Kind::Unread(reason) => problems.push(Problem::warning(format!(
                    "`{}` is never read: {reason}",
                    path.display()
                ))),
                Kind::Other => {}
            }
        }
        Ok(problems)
    }

    fn check_document(
        &self,
        name: &ProfileName,
        path: &Path,
        main: Option<&Policy>,
        problems: &mut Vec<Problem>,
    ) {
        let file = path.display().to_string();
        let is_main = name.as_str() == MAIN;
        let Some(text) = peeked(self.documents.peek(name), &file, problems) else { return };
        let (findings, is_error) = match checked(&text, is_main) {
            Ok(checked) => (checked.warnings_in_server(), false),
            Err(errors) => (Some(errors), true),
        };
        if let Some(findings) = findings {
            let what = if is_error {
                "a policy cannot be used: the profiles that it governs are refused"
            } else {
                "a policy may not have the intended meaning"
            };
            let findings = findings.render(&file, &text.text, self.colors);
            problems.push(Problem { is_error, text: format!("{what}\n{findings}") });
        }
        if !is_main && main.is_some_and(|main| main.names_profile(name.as_str())) {
            problems.push(Problem::warning(format!(
                "`{file}` governs nothing: the main document names the profile `{name}` and \
                 governs it alone; move the rules into one of the two"
            )));
        }
    }

    fn check_members(
        &self,
        group: &ProfileName,
        path: &Path,
        main: Option<&Policy>,
        problems: &mut Vec<Problem>,
    ) {
        let file = path.display().to_string();
        if main.is_some_and(|main| main.checked().groups_from().all(|it| it != group.as_str())) {
            problems.push(Problem::warning(format!(
                "`{file}` is never read: `groups_from` of the main document does not contain \
                 `{group}`"
            )));
        }
        let Some(text) = peeked(self.documents.peek_members(group), &file, problems) else {
            return;
        };
        let (findings, is_error, what) = match GroupMembers::parse(&text.text, &Limits::default()) {
            Ok(members) => {
                (members.warnings(), false, "members of a group may not be the intended ones")
            }
            Err(errors) => (
                Some(errors),
                true,
                "the members of a group cannot be used: if the main document names the group, all \
                 profiles are refused",
            ),
        };
        if let Some(findings) = findings {
            let findings = findings.render(&file, &text.text, self.colors);
            problems.push(Problem { is_error, text: format!("{what}\n{findings}") });
        }
    }
}

/// The text of a file. `None` if it was removed after it was listed, or cannot be read, which is
/// added to the problems.
fn peeked(
    read: Result<PolicyText, StoreError>,
    file: &str,
    problems: &mut Vec<Problem>,
) -> Option<PolicyText> {
    read.optional().unwrap_or_else(|error| {
        let error = error.without_location();
        problems.push(Problem::error(format!("cannot use `{file}`: {}", Causes(&error))));
        None
    })
}

/// Checks a document as the broker does.
pub(crate) fn checked(
    text: &PolicyText,
    is_main: bool,
) -> Result<CheckedPolicy, sentinel_policy::Diagnostics> {
    let checked = CheckedPolicy::parse(&text.text, &Limits::default())?;
    checked.usable_in_server()?;
    if !is_main {
        checked.usable_for_one_profile()?;
    }
    Ok(checked)
}

/// The role of a file in the folder, according to its name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Document(ProfileName),
    /// It looks like a document, but is not one.
    Unread(String),
    Other,
}

pub(crate) fn kind(path: &Path) -> Kind {
    let (Some(name), Some(extension)) = (path.file_name(), path.extension()) else {
        return Kind::Other;
    };
    let (name, extension) = (name.to_string_lossy(), extension.to_string_lossy());
    let looks_like_one =
        ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known));
    // Editors create hidden files while they save.
    if !looks_like_one || name.starts_with('.') {
        return Kind::Other;
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match (ProfileName::parse(&stem), extension.as_ref()) {
        (Ok(profile), "yaml") => Kind::Document(profile),
        (Ok(profile), _) => Kind::Unread(format!("name it `{profile}.yaml`")),
        (Err(_), _) => Kind::Unread(
            "a file is named `PROFILE.yaml`, and the name of a profile has 1 to 64 characters of \
             `A-Z a-z 0-9 . _ -`, and starts with a letter or digit"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_looks_like_a_document_and_is_not_one_is_reported() {
        for (name, expected) in [
            ("a.yaml", true),
            ("broken.yml", false),
            ("bad name.yaml", false),
            ("a.YAML", false),
            ("a.json", false),
            ("-a.yaml", false),
        ] {
            let document = match kind(Path::new(name)) {
                Kind::Document(_) => true,
                Kind::Unread(_) => false,
                Kind::Other => panic!("{name} is not reported"),
            };
            assert_eq!(document, expected, "{name}");
        }
        for name in ["README.md", ".a.yaml", ".a.yaml.swp", "a.yaml~", "yaml", "..data"] {
            assert_eq!(kind(Path::new(name)), Kind::Other, "{name}");
        }
    }
}
