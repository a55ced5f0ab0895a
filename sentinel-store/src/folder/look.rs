//! The state of a document's file at one point in time. Not here: how long that state
//! must last before it is used.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use data_encoding::HEXLOWER;

use crate::{PolicyText, StoreError};

/// Maximum size of a file. The broker's limit for a policy is lower.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// The state of the file of a document.
#[derive(Debug)]
pub(super) enum Look {
    Present(Present),
    /// There is no such file. `changed` is the last change of the folder that it would be in:
    /// adding, removing and renaming a file changes it.
    Absent {
        changed: SystemTime,
    },
    /// A link to a file that does not exist. Its target may be written soon, and no time
    /// shows since when it is missing, so that it is never absent.
    Dangling,
}

/// A file that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Present {
    pub(super) document: PolicyText,
    pub(super) file: Identity,
    /// The last change of its content, name or attributes.
    pub(super) changed: SystemTime,
}

/// What identifies a file under any name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The path without links.
    pub(super) path: PathBuf,
    /// Device and inode.
    #[cfg(unix)]
    pub(super) number: (u64, u64),
    /// Number of names (hard links).
    #[cfg(unix)]
    pub(super) links: u64,
}

impl Look {
    /// Reads the state once.
    pub(super) fn at(folder: &Path, file: &Path) -> Result<Self, StoreError> {
        match read(folder, file) {
            Ok(present) => Ok(Self::Present(present)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // A folder in the policies folder, or the policies folder itself.
                let parent = file.parent().unwrap_or(folder);
                if file.is_symlink()
                    || (parent.is_symlink() && !parent.exists() && parent != folder)
                {
                    Ok(Self::Dangling)
                } else if parent.exists() {
                    absent(parent)
                } else {
                    absent(folder)
                }
            }
            Err(error) => Err(file_error(error)),
        }
    }

    /// Whether the file is in the same state as earlier.
    pub(super) fn is_as(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Present(now), Self::Present(then)) => now == then,
            // A file that comes and goes is absent in both, and the folder has changed.
            (Self::Absent { changed: now }, Self::Absent { changed: then }) => now == then,
            (Self::Dangling, Self::Dangling) => true,
            (Self::Present(_) | Self::Absent { .. } | Self::Dangling, _) => false,
        }
    }
}

fn read(folder: &Path, file: &Path) -> io::Result<Present> {
    // Without links, so that the checked file is the opened one.
    let path = file.canonicalize()?;
    if !path.starts_with(folder.canonicalize()?) {
        return Err(refusal(
            "a link that leads out of the policies folder: copy the file into the folder",
        ));
    }
    // Before it is opened, because opening a pipe would wait for its writer. Again
    // after, because it may have been replaced.
    regular(&fs::metadata(&path)?)?;
    let mut open = File::open(&path)?;
    let metadata = open.metadata()?;
    regular(&metadata)?;
    let mut text = Vec::new();
    open.by_ref().take(MAX_BYTES + 1).read_to_end(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(refusal(format!("the file has more than {MAX_BYTES} bytes")));
    }
    let changed = changed(&metadata)?;
    Ok(Present { document: document(text), file: Identity::new(path, &metadata), changed })
}

impl Identity {
    #[cfg(unix)]
    fn new(path: PathBuf, metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { path, number: (metadata.dev(), metadata.ino()), links: metadata.nlink() }
    }

    #[cfg(not(unix))]
    fn new(path: PathBuf, _: &Metadata) -> Self {
        Self { path }
    }
}

/// A document whose version is the digest of its text.
pub(super) fn document(text: Vec<u8>) -> PolicyText {
    let mut document = PolicyText { text, version: String::new() };
    document.version = HEXLOWER.encode(&document.digest());
    document
}

/// The time since a change. Zero if the change is in the future.
pub(super) fn age(changed: SystemTime) -> Duration {
    SystemTime::now().duration_since(changed).unwrap_or_default()
}

/// The state of a missing file, which is only known if the folder exists.
fn absent(folder: &Path) -> Result<Look, StoreError> {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => {
            let changed = changed(&found).map_err(folder_error)?;
            Ok(Look::Absent { changed })
        }
        Ok(_) => Err(StoreError::Unavailable("the path is not a folder".into())),
        Err(error) => Err(folder_error(error)),
    }
}

/// The last change. The time of modification can be set to any value, and a renamed file
/// keeps it. The time of status change cannot be set, and renaming updates it. A time in
/// the future is ignored.
fn changed(metadata: &Metadata) -> io::Result<SystemTime> {
    let modified = metadata.modified()?;
    let (now, status) = (SystemTime::now(), status_changed(metadata).unwrap_or(modified));
    Ok([modified, status].into_iter().filter(|time| *time <= now).max().unwrap_or(modified))
}

#[cfg(unix)]
fn status_changed(metadata: &Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let seconds = u64::try_from(metadata.ctime()).ok()?;
    let nanoseconds = u32::try_from(metadata.ctime_nsec()).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds))
}

#[cfg(not(unix))]
fn status_changed(_: &Metadata) -> Option<SystemTime> {
    None
}

fn regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() { Ok(()) } else { Err(refusal("not a regular file")) }
}

fn refusal(cause: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, cause.into())
}

/// The error of a folder that could not be listed. A missing folder does not show which
/// documents exist.
pub(super) fn folder_error(error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::PermissionDenied {
        StoreError::Refused(error.into())
    } else {
        StoreError::Unavailable(error.into())
    }
}

fn file_error(error: io::Error) -> StoreError {
    let refused = [io::ErrorKind::PermissionDenied, io::ErrorKind::InvalidInput];
    if refused.contains(&error.kind()) {
        StoreError::Refused(error.into())
    } else {
        StoreError::Unavailable(error.into())
    }
}
