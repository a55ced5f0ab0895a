//! Policies in a folder of files, followed as they change.
//!
//! Each read reads the file again. How often is decided by the broker's cache.
//! Watching the folder would be a second way to learn of changes, which can be
//! late, overflow or miss a mount, and the first would be needed all the same.

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

/// The age at which a new text is used. A writer that pauses for less than this
/// is never mistaken for one that has finished.
const SETTLED: Duration = Duration::from_secs(1);

const DANGLING: &str = "a link to a file that does not exist";

const PAGE_SIZE: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

/// Policies in a folder: `DIR/P.yaml` stands for `ROOT/P`, where `P` is a
/// profile name. Nothing else in the folder is looked at.
///
/// A version is the digest of the text, so a file that is only touched has no
/// new one. Files are read on threads made for waiting, so the store must be
/// used inside a tokio runtime.
///
/// # Files that change
/// A half-written document may allow what the whole one denies. Unless a file is
/// unchanged since it was last used, it is therefore used only if all of these
/// hold:
/// - The file has not changed for a second, by its times of modification and of
///   status change, or was seen unchanged for that long.
/// - A second look a tenth of a second later finds the same file and text.
/// - On Linux: no process is seen to have the file open for writing.
///
/// A missing file counts as absent once the folder has not changed for a second.
/// A link whose target is missing never counts as absent. A read waits for all
/// that, for two seconds at most, and is then
/// [`StoreError::Unavailable`]; it does not return the old text. To change a
/// document without such a wait being too short, write it next to its place
/// under another name, and rename it.
///
/// | what is found                                  | error         |
/// | ---------------------------------------------- | ------------- |
/// | no file, or a path not under the root          | `NotFound`    |
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
    /// The texts that were last used, by file.
    used: Arc<Mutex<HashMap<PathBuf, Used>>>,
}

/// A text that was used, and may be used again while its file is unchanged.
#[derive(Debug)]
struct Used {
    version: String,
    /// The last change of the file. `None` if the program wrote the text itself and
    /// the file was not read yet.
    changed: Option<SystemTime>,
}

impl FolderPolicies {
    /// The policies in `folder`, as documents right under `root`.
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

    /// The same, with lists in pages of that size.
    #[must_use]
    pub fn with_page_size(self, page_size: NonZeroUsize) -> Self {
        Self { page_size, ..self }
    }

    /// The same, where a new text is used at that age. For tests: below a second,
    /// writers that pause are met half-way.
    #[must_use]
    pub fn with_settled(self, settled: Duration) -> Self {
        Self { settled, ..self }
    }

    /// The same, where that text of a document is used without waiting: for a
    /// program that has just written the file itself.
    #[must_use]
    pub fn with_known(self, name: &ProfileName, text: &[u8]) -> Self {
        let version = look::document(text.to_vec()).version;
        self.used().insert(self.file_of(name), Used { version, changed: None });
        self
    }

    /// The document as its file is now, settled or not: to report on it, and never
    /// to decide by it. Blocks.
    ///
    /// # Errors
    /// As those of a read, without `Unavailable` for a file that changes.
    pub fn peek(&self, name: &ProfileName) -> Result<PolicyText, StoreError> {
        let found = match Look::at(&self.folder, &self.file_of(name)) {
            Ok(Look::Present(Present { document, .. })) => Ok(document),
            Ok(Look::Absent { .. }) => Err(StoreError::not_found()),
            Ok(Look::Dangling) => Err(StoreError::Unavailable(DANGLING.into())),
            Err(error) => Err(error),
        };
        found.at(|| self.location().policy(&self.root.join(name.as_str())))
    }

    fn location(&self) -> Location {
        Location::new(format_args!("the folder `{}`", self.folder.display()))
    }

    /// The file that stands for a document; none when no file can. A profile
    /// name has no separators and does not begin with a dot, so that it names a
    /// file in the folder and none elsewhere.
    fn file(&self, path: &PolicyPath) -> Option<PathBuf> {
        let name = ProfileName::parse(path.name()).ok()?;
        (*path == self.root.join(name.as_str())).then(|| self.file_of(&name))
    }

    fn file_of(&self, name: &ProfileName) -> PathBuf {
        self.folder.join(format!("{name}.{EXTENSION}"))
    }

    /// The document in a file that no program is writing.
    fn read(&self, file: &Path) -> Result<PolicyText, StoreError> {
        let begun = Instant::now();
        let mut look = Look::at(&self.folder, file)?;
        let mut seen_since = begun;
        loop {
            if self.was_used(file, &look) {
                return self.use_from_now(file, look);
            }
            let wait = self.settles_in(&look, seen_since.elapsed());
            // Before the next look: what a writer writes until it ends is then
            // seen there.
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

    /// How long it takes at least until a look that was first had that long ago
    /// counts. Either the times of the system decide, or, where they are in the
    /// future, what was seen.
    fn settles_in(&self, look: &Look, seen: Duration) -> Duration {
        let by_age = |changed| self.settled.saturating_sub(look::age(changed));
        let by_sight = self.settled.saturating_sub(seen);
        match look {
            // ext4 shows the new size of a file some milliseconds before the
            // new times.
            Look::Present(Present { changed, .. }) => {
                by_age(*changed).max(self.second_look().saturating_sub(seen)).min(by_sight)
            }
            Look::Absent { changed } => by_age(*changed).min(by_sight),
            Look::Dangling => self.second_look(),
        }
    }

    /// Whether it is the text last used, in a file that is unchanged since. A file
    /// that changed and holds the same text may hold the first half of another.
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
        // Each change is one insertion or removal: no panic can leave it half done.
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

/// The id of a process that is seen to have the file open for writing.
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
                waiting(move || store.read(&file)).await
            }
            None => Err(StoreError::not_found()),
        };
        read.at(|| self.location().policy(path))
    }

    fn place(&self, path: &PolicyPath) -> String {
        let file = self.file(path);
        file.map_or_else(|| path.to_string(), |file| file.display().to_string())
    }

    /// Names alone: a text counts only once it has settled.
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
        let mut names = waiting(move || names(&folder)).await.at(location)?;
        names.sort_unstable();
        let mut rest = names.into_iter().filter(|name| Some(name) > after.as_ref());
        let listed = |name| ListedPolicy { name: String::from(name), document: None };
        let items: Vec<_> = rest.by_ref().take(self.page_size.get()).map(listed).collect();
        let next = rest.next().and(items.last()).map(|last| Cursor(last.name.clone()));
        Ok(Page { items, next })
    }
}

/// Does what may wait for a disk elsewhere.
async fn waiting<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(read).await {
        Ok(result) => result,
        Err(stopped) => Err(StoreError::Unavailable(stopped.into())),
    }
}

/// The profile names that files in the folder stand for.
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
