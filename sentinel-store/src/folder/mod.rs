//! Policies in a folder of files.
//!
//! Each read reads the file again, as often as the broker's cache requests it. A watch on
//! the folder could be late, overflow or miss a mount, so that reading again would be
//! needed in addition.

mod look;
#[cfg(target_os = "linux")]
mod writers;

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
use look::{Look, Present, folder_error};

use crate::{
    Cursor, ListedPolicy, Location, Page, PolicyPath, PolicyStore, PolicyText, ProfileName,
    StoreError, StoreResultExt,
};

const EXTENSION: &str = "yaml";

/// The folder with the members of groups, and the last but one part of their paths.
const GROUPS: &str = "groups";

/// Minimum age of a new text before it is used. A writer that pauses for less time is
/// never treated as finished.
const SETTLED: Duration = Duration::from_secs(1);

const DANGLING: &str = "a link to a file that does not exist";

const PAGE_SIZE: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

/// Policies in a folder. The file `DIR/P.yaml` is the document `ROOT/P`, where `P` is a
/// profile name. The file `DIR/groups/G.yaml` is the document `ROOT/groups/G`, the members of
/// a group, and is not listed under the root. Other files in the folder are ignored.
///
/// A version is the digest of the text, so that touching a file does not change it. Files
/// are read on tokio's blocking threads, so the store needs a tokio runtime.
///
/// # Files that change
/// A partly written document may allow what the complete one denies. Unless a file is
/// unchanged since it was last used, it is therefore used only if all of these are true:
/// - The file has not changed for a second, by its times of modification and of status
///   change, or has been observed unchanged for that long.
/// - A second read a tenth of a second later finds the same file and text.
/// - On Linux: no process visible to this user has the file open for writing.
///
/// A missing file is absent once the folder has not changed for a second. A link whose
/// target is missing is never absent. A read waits for these conditions for at most two
/// seconds, and then returns [`StoreError::Unavailable`]. It does not return the old text.
/// To change a document safely even if its writer pauses for longer, write it under
/// another name in the same folder, and rename it.
///
/// | found                                          | error         |
/// | ---------------------------------------------- | ------------- |
/// | no file, or a path not under the root          | `NotFound`    |
/// | no folder `DIR/groups` in an existing `DIR`    | `NotFound`    |
/// | no folder, or an I/O error                     | `Unavailable` |
/// | a file that keeps changing                     | `Unavailable` |
/// | a link to a file that does not exist           | `Unavailable` |
/// | no permission, not a regular file              | `Refused`     |
/// | a link that leads out of the folder            | `Refused`     |
/// | more than 2 MiB                                | `Refused`     |
#[derive(Clone, Debug)]
pub struct FolderPolicies {
    folder: PathBuf,
    root: PolicyPath,
    page_size: NonZeroUsize,
    settled: Duration,
    /// The text that was last used, for each file.
    used: Arc<Mutex<HashMap<PathBuf, Used>>>,
}

/// A text that was used. It may be used again while its file is unchanged.
#[derive(Debug)]
struct Used {
    version: String,
    /// When the file last changed. `None` if the program wrote the text itself and has
    /// not read the file yet.
    changed: Option<SystemTime>,
}

impl FolderPolicies {
    /// The policies in `folder`, as documents directly under `root`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, root: PolicyPath) -> Self {
        Self {
            folder: folder.into(),
            root,
            page_size: PAGE_SIZE,
            settled: SETTLED,
            used: Arc::default(),
        }
    }

    /// The same store, with this number of documents in a page.
    #[must_use]
    pub fn with_page_size(self, page_size: NonZeroUsize) -> Self {
        Self { page_size, ..self }
    }

    /// The same store, with this minimum age of a new text. For tests: below a second, the
    /// text of a writer that pauses may be used.
    #[must_use]
    pub fn with_settled(self, settled: Duration) -> Self {
        Self { settled, ..self }
    }

    /// The same store, which uses this text of a document without waiting. For a program
    /// that has just written the file itself.
    #[must_use]
    pub fn with_known(self, name: &ProfileName, text: &[u8]) -> Self {
        let version = look::document(text.to_vec()).version;
        self.used().insert(self.file_of(name), Used { version, changed: None });
        self
    }

    /// Reads the document without waiting until its file is unchanged. For reports, never
    /// for a decision. Blocks.
    ///
    /// # Errors
    /// As those of a read, except `Unavailable` for a file that changes.
    pub fn peek(&self, name: &ProfileName) -> Result<PolicyText, StoreError> {
        self.peek_at(&self.root.join(name.as_str()), &self.file_of(name))
    }

    /// Reads the members of a group as [`peek`](Self::peek) reads a document.
    ///
    /// # Errors
    /// As those of [`peek`](Self::peek).
    pub fn peek_members(&self, group: &ProfileName) -> Result<PolicyText, StoreError> {
        self.peek_at(&self.root.join(GROUPS).join(group.as_str()), &self.members_of(group))
    }

    fn peek_at(&self, path: &PolicyPath, file: &Path) -> Result<PolicyText, StoreError> {
        let found = match Look::at(&self.folder, file) {
            Ok(Look::Present(Present { document, .. })) => Ok(document),
            Ok(Look::Absent { .. }) => Err(StoreError::not_found()),
            Ok(Look::Dangling) => Err(StoreError::Unavailable(DANGLING.into())),
            Err(error) => Err(error),
        };
        found.at(|| self.location().policy(path))
    }

    fn location(&self) -> Location {
        Location::new(format_args!("the folder `{}`", self.folder.display()))
    }

    /// The file of a document. `None` if no file can have this path. A profile name has no
    /// separators and does not begin with a dot, so that the file is in the folder.
    fn file(&self, path: &PolicyPath) -> Option<PathBuf> {
        let name = ProfileName::parse(path.name()).ok()?;
        if *path == self.root.join(name.as_str()) {
            Some(self.file_of(&name))
        } else {
            let members = self.root.join(GROUPS).join(name.as_str());
            (*path == members).then(|| self.members_of(&name))
        }
    }

    fn file_of(&self, name: &ProfileName) -> PathBuf {
        self.folder.join(format!("{name}.{EXTENSION}"))
    }

    fn members_of(&self, group: &ProfileName) -> PathBuf {
        self.folder.join(GROUPS).join(format!("{group}.{EXTENSION}"))
    }

    /// Reads a document once its file is unchanged.
    fn read(&self, file: &Path) -> Result<PolicyText, StoreError> {
        let begun = Instant::now();
        let mut look = Look::at(&self.folder, file)?;
        let mut seen_since = begun;
        loop {
            if self.was_used(file, &look) {
                return self.use_from_now(file, look);
            }
            let wait = self.settles_in(&look, seen_since.elapsed());
            // Before the next read, which then contains everything that the writer wrote
            // until it closed the file.
            let writer = if wait.is_zero() { writer_of(&look) } else { None };
            let settled = wait.is_zero() && writer.is_none();
            if !settled {
                if begun.elapsed() + wait > self.settled * 2 {
                    return Err(StoreError::Unavailable(unsettled(&look, writer).into()));
                }
                thread::sleep(wait.max(self.second_look()));
            }
            let next = Look::at(&self.folder, file)?;
            if !next.is_as(&look) {
                seen_since = Instant::now();
            } else if settled {
                return self.use_from_now(file, next);
            }
            look = next;
        }
    }

    /// Minimum time until a file with this state is unchanged for long enough. The state
    /// was first `seen` that long ago. The times of the file decide, or the observation if
    /// the times are in the future.
    fn settles_in(&self, look: &Look, seen: Duration) -> Duration {
        let by_age = |changed| self.settled.saturating_sub(look::age(changed));
        let by_observation = self.settled.saturating_sub(seen);
        match look {
            // ext4 reports the new size of a file some milliseconds before the new
            // times.
            Look::Present(Present { changed, .. }) => {
                by_age(*changed).max(self.second_look().saturating_sub(seen)).min(by_observation)
            }
            Look::Absent { changed } => by_age(*changed).min(by_observation),
            Look::Dangling => self.second_look(),
        }
    }

    /// Whether this is the text that was last used, in a file that is unchanged since. A
    /// changed file with the same text may contain the first part of another text.
    fn was_used(&self, file: &Path, look: &Look) -> bool {
        let Look::Present(Present { document, changed, .. }) = look else { return false };
        self.used().get(file).is_some_and(|used| {
            used.version == document.version && used.changed.is_none_or(|then| then == *changed)
        })
    }

    fn second_look(&self) -> Duration {
        self.settled / 10
    }

    fn use_from_now(&self, file: &Path, look: Look) -> Result<PolicyText, StoreError> {
        match look {
            Look::Present(Present { document, changed, .. }) => {
                let used = Used { version: document.version.clone(), changed: Some(changed) };
                self.used().insert(file.to_owned(), used);
                Ok(document)
            }
            Look::Absent { .. } => {
                self.used().remove(file);
                Err(StoreError::not_found())
            }
            Look::Dangling => Err(StoreError::Unavailable(DANGLING.into())),
        }
    }

    fn used(&self) -> MutexGuard<'_, HashMap<PathBuf, Used>> {
        // Each change is one insertion or removal, which no panic can interrupt.
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unsettled(look: &Look, writer: Option<String>) -> String {
    match (look, writer) {
        (_, Some(process)) => format!("process {process} has the file open for writing"),
        (Look::Dangling, None) => DANGLING.to_owned(),
        (Look::Present(_) | Look::Absent { .. }, None) => {
            "the file or the folder keeps changing".to_owned()
        }
    }
}

/// The id of a process that has the file open for writing, if one is found.
fn writer_of(look: &Look) -> Option<String> {
    match look {
        #[cfg(target_os = "linux")]
        Look::Present(Present { file, .. }) => writers::writer_of(file),
        #[cfg(not(target_os = "linux"))]
        Look::Present(_) => None,
        Look::Absent { .. } | Look::Dangling => None,
    }
}

#[async_trait]
impl PolicyStore for FolderPolicies {
    async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError> {
        let read = match self.file(path) {
            Some(file) => {
                let store = self.clone();
                blocking(move || store.read(&file)).await
            }
            None => Err(StoreError::not_found()),
        };
        read.at(|| self.location().policy(path))
    }

    fn place(&self, path: &PolicyPath) -> String {
        let file = self.file(path);
        file.map_or_else(|| path.to_string(), |file| file.display().to_string())
    }

    /// Names without texts: a text is used only once its file is unchanged.
    async fn list(
        &self,
        root: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<ListedPolicy>, StoreError> {
        let after = cursor.map(|cursor| ProfileName::parse(&cursor.0)).transpose();
        let location = || self.location().policies(root);
        let after = after.map_err(|_| StoreError::not_found().at(location))?;
        if root.join("") != self.root.join("") {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let folder = self.folder.clone();
        let mut names = blocking(move || names(&folder)).await.at(location)?;
        names.sort_unstable();
        let mut rest = names.into_iter().filter(|name| Some(name) > after.as_ref());
        let listed = |name| ListedPolicy { name: String::from(name), document: None };
        let items: Vec<_> = rest.by_ref().take(self.page_size.get()).map(listed).collect();
        let next = rest.next().and(items.last()).map(|last| Cursor(last.name.clone()));
        Ok(Page { items, next })
    }
}

/// Runs a read that may block on a thread for that.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(read).await {
        Ok(result) => result,
        Err(stopped) => Err(StoreError::Unavailable(stopped.into())),
    }
}

/// The profile names of the files in the folder.
fn names(folder: &Path) -> Result<Vec<ProfileName>, StoreError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(folder_error)? {
        let path = PathBuf::from(entry.map_err(folder_error)?.file_name());
        if path.extension() == Some(OsStr::new(EXTENSION))
            && let Some(stem) = path.file_stem().and_then(OsStr::to_str)
            && let Ok(name) = ProfileName::parse(stem)
        {
            names.push(name);
        }
    }
    Ok(names)
}
