//! Policies in a folder of files, followed as they change.
//!
//! Each read reads the file anew: how often is up to the broker's cache, so that
//! a change is in force as soon as that looks again. Watching the folder would
//! be a second way to learn of changes, which can be late, overflow or miss a
//! mount, and the first would be needed all the same.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::{self, File, Metadata},
    io::{self, Read},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use async_trait::async_trait;
use data_encoding::HEXLOWER;

use crate::{
    Cursor, ListedPolicy, Page, PolicyPath, PolicyStore, PolicyText, ProfileName, StoreError,
};

const EXTENSION: &str = "yaml";

/// More than any document may have: that one is too large, the broker says.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// How far apart a new text must be seen twice before it is taken. Somebody who
/// writes a file in several steps, or truncates it first, must not have it taken
/// between two of them, where a condition may be missing from a rule. The times
/// that the system keeps cannot tell: ext4 changes the size before the times.
const SETTLED: Duration = Duration::from_millis(100);

/// How often a file that keeps changing is looked at again.
const ATTEMPTS: usize = 8;

const PAGE_SIZE: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

/// Policies in a folder: `DIR/P.yaml` stands for `ROOT/P`, where `P` is a
/// profile name. Nothing else in the folder is looked at.
///
/// A version is the digest of the text, so a file that is only touched has no
/// new one. A new text is taken when it was seen twice, a tenth of a second
/// apart, so that nobody meets a half-written one; a file that keeps changing is
/// `Unavailable`. Files are read on threads made for waiting, so the store must
/// be used inside a tokio runtime.
///
/// | what is found                          | error         |
/// | -------------------------------------- | ------------- |
/// | no file, or a path not under the root  | `NotFound`    |
/// | no folder, or an I/O error             | `Unavailable` |
/// | no permission, not a regular file      | `Refused`     |
/// | more than 2 MiB                        | `Refused`     |
#[derive(Clone, Debug)]
pub struct FolderPolicies {
    folder: PathBuf,
    root: PolicyPath,
    page_size: NonZeroUsize,
    /// The version last taken of each file.
    taken: Arc<Mutex<HashMap<PathBuf, String>>>,
}

impl FolderPolicies {
    /// The policies in `folder`, as documents right under `root`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, root: PolicyPath) -> Self {
        Self { folder: folder.into(), root, page_size: PAGE_SIZE, taken: Arc::default() }
    }

    /// The same, with lists in pages of that size.
    #[must_use]
    pub fn with_page_size(self, page_size: NonZeroUsize) -> Self {
        Self { page_size, ..self }
    }

    /// The file that stands for a document; none when no file can. A profile
    /// name has no separators and does not begin with a dot, so that it names a
    /// file in the folder and none elsewhere.
    fn file(&self, path: &PolicyPath) -> Option<PathBuf> {
        let name = ProfileName::parse(path.name()).ok()?;
        (*path == self.root.join(name.as_str()))
            .then(|| self.folder.join(format!("{name}.{EXTENSION}")))
    }

    /// The document in a file that nobody is writing.
    fn read(&self, file: PathBuf) -> Result<PolicyText, StoreError> {
        let taken = self.taken().get(&file).cloned();
        let mut last: Option<PolicyText> = None;
        for _ in 0..ATTEMPTS {
            let document = read_once(&file).map_err(|error| file_error(&self.folder, error))?;
            if taken.as_ref() == Some(&document.version) {
                return Ok(document);
            }
            if last.as_ref() == Some(&document) {
                self.taken().insert(file, document.version.clone());
                return Ok(document);
            }
            last = Some(document);
            thread::sleep(SETTLED);
        }
        Err(StoreError::Unavailable("the file keeps changing".into()))
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<PathBuf, String>> {
        // Each change is one insertion: no panic can leave it half done.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl PolicyStore for FolderPolicies {
    async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError> {
        let file = self.file(path).ok_or(StoreError::NotFound)?;
        let store = self.clone();
        waiting(move || store.read(file)).await
    }

    /// Names alone: a text is taken only when it was seen twice.
    async fn list(
        &self,
        root: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<ListedPolicy>, StoreError> {
        let after = cursor.map(|cursor| ProfileName::parse(&cursor.0)).transpose();
        let after = after.map_err(|_| StoreError::NotFound)?;
        if root.join("") != self.root.join("") {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let folder = self.folder.clone();
        let mut names = waiting(move || names(&folder)).await?;
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

/// What a file holds at one instant.
fn read_once(file: &Path) -> io::Result<PolicyText> {
    // Before it is opened, since opening a pipe would wait for its writer; and
    // after, since it may have been replaced.
    regular(&fs::metadata(file)?)?;
    let open = File::open(file)?;
    regular(&open.metadata()?)?;
    let mut text = Vec::new();
    open.take(MAX_BYTES + 1).read_to_end(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MAX_BYTES) {
        let cause = format!("the file has more than {MAX_BYTES} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, cause));
    }
    let mut document = PolicyText { text, version: String::new() };
    document.version = HEXLOWER.encode(&document.digest());
    Ok(document)
}

fn regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

/// Why a folder could not be listed. One that is missing says nothing about what
/// documents there are.
fn folder_error(error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::PermissionDenied {
        StoreError::Refused(error.into())
    } else {
        StoreError::Unavailable(error.into())
    }
}

/// Why a file could not be read. That it is missing is only sure of a folder
/// that is there.
fn file_error(folder: &Path, error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::NotFound {
        return match fs::metadata(folder) {
            Ok(found) if found.is_dir() => StoreError::NotFound,
            Ok(_) => StoreError::Unavailable("the folder is not a folder".into()),
            Err(error) => folder_error(error),
        };
    }
    let refused =
        [io::ErrorKind::PermissionDenied, io::ErrorKind::InvalidInput, io::ErrorKind::FileTooLarge];
    if refused.contains(&error.kind()) {
        StoreError::Refused(error.into())
    } else {
        StoreError::Unavailable(error.into())
    }
}
