//! Policies in a folder of files, followed as they change.
//!
//! Each read reads the file anew: how often is up to the broker's cache, so that
//! a change is in force as soon as that looks again. Watching the folder would
//! be a second way to learn of changes, which can be late, overflow or miss a
//! mount, and the first would be needed all the same.

use std::{
    ffi::OsStr,
    fs::{self, File, Metadata},
    io::{self, Read},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use data_encoding::HEXLOWER;

use crate::{Cursor, Page, PolicyPath, PolicyStore, PolicyText, ProfileName, StoreError};

const EXTENSION: &str = "yaml";

/// More than any document may have: the excess shows that it is too large.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// How long a file must have been left alone before it is read: somebody who
/// writes one in several steps must not have it taken between two of them, where
/// a condition may be missing from a rule.
const SETTLED: Duration = Duration::from_millis(50);

/// How often a file that keeps changing is looked at again.
const ATTEMPTS: usize = 10;

const PAGE_SIZE: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

/// Policies in a folder: `DIR/P.yaml` stands for `ROOT/P`, where `P` is a
/// profile name. Nothing else in the folder is looked at.
///
/// A version is the digest of the text, so a file that is only touched has no
/// new one. Files are read on threads made for waiting, so the store must be
/// used inside a tokio runtime. Replacing a file by renaming another one over it
/// is best; one that is being written is `Unavailable` until it is left alone.
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
}

impl FolderPolicies {
    /// The policies in `folder`, as documents right under `root`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>, root: PolicyPath) -> Self {
        Self { folder: folder.into(), root, page_size: PAGE_SIZE }
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
}

#[async_trait]
impl PolicyStore for FolderPolicies {
    async fn policy(&self, path: &PolicyPath) -> Result<PolicyText, StoreError> {
        let file = self.file(path).ok_or(StoreError::NotFound)?;
        let folder = self.folder.clone();
        waiting(move || read(&folder, &file)).await
    }

    async fn names(
        &self,
        root: &PolicyPath,
        cursor: Option<&Cursor>,
    ) -> Result<Page<String>, StoreError> {
        let after = cursor.map(|cursor| ProfileName::parse(&cursor.0)).transpose();
        let after = after.map_err(|_| StoreError::NotFound)?;
        if root.join("") != self.root.join("") {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let folder = self.folder.clone();
        let mut names = waiting(move || names(&folder)).await?;
        names.sort_unstable();
        let mut rest = names.into_iter().filter(|name| Some(name) > after.as_ref());
        let items: Vec<_> = rest.by_ref().take(self.page_size.get()).map(String::from).collect();
        let next = rest.next().and(items.last()).cloned().map(Cursor);
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

/// The document in a file that nobody is writing.
fn read(folder: &Path, file: &Path) -> Result<PolicyText, StoreError> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let (text, before) = read_once(file).map_err(|error| file_error(folder, error))?;
        // The name again, not the open file: it may stand for another by now.
        let after = fs::metadata(file).map_err(|error| file_error(folder, error))?;
        let same = last.as_ref().is_some_and(|(last_text, last_before)| {
            *last_text == text && unchanged(last_before, &before)
        });
        if unchanged(&before, &after) && (settled(&before) || same) {
            let mut document = PolicyText { text: sized(text)?, version: String::new() };
            document.version = HEXLOWER.encode(&document.digest());
            return Ok(document);
        }
        last = Some((text, before));
        thread::sleep(SETTLED);
    }
    Err(StoreError::Unavailable("the file keeps changing while it is read".into()))
}

/// What the file holds, up to one byte more than it may, and what the system
/// said of it just before.
fn read_once(file: &Path) -> io::Result<(Vec<u8>, Metadata)> {
    // Before it is opened, since opening a pipe would wait for its writer.
    regular(&fs::metadata(file)?)?;
    let open = File::open(file)?;
    let before = open.metadata()?;
    regular(&before)?;
    let mut text = Vec::new();
    open.take(MAX_BYTES + 1).read_to_end(&mut text)?;
    Ok((text, before))
}

fn regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

fn sized(text: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    if u64::try_from(text.len()).is_ok_and(|length| length <= MAX_BYTES) {
        Ok(text)
    } else {
        Err(StoreError::Refused(format!("the file has more than {MAX_BYTES} bytes").into()))
    }
}

/// Whether a file was left alone for long enough, by what the system says of it.
/// Of one from the future that cannot be told: it is read twice.
fn settled(metadata: &Metadata) -> bool {
    let age = metadata.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_some_and(|age| age >= SETTLED)
}

fn unchanged(before: &Metadata, after: &Metadata) -> bool {
    #[cfg(unix)]
    let same_file = {
        use std::os::unix::fs::MetadataExt;
        (before.dev(), before.ino(), before.ctime(), before.ctime_nsec())
            == (after.dev(), after.ino(), after.ctime(), after.ctime_nsec())
    };
    #[cfg(not(unix))]
    let same_file = true;
    same_file && before.len() == after.len() && before.modified().ok() == after.modified().ok()
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
    let refused = [io::ErrorKind::PermissionDenied, io::ErrorKind::InvalidInput];
    if refused.contains(&error.kind()) {
        StoreError::Refused(error.into())
    } else {
        StoreError::Unavailable(error.into())
    }
}
