//! What the folder holds for a document at one instant. How long that must have
//! been so before it counts is not decided here.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use data_encoding::HEXLOWER;

use crate::{PolicyText, StoreError};

/// More than any document may have. The broker refuses one that is too large.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// What was found where the file of a document is or would be.
#[derive(Debug)]
pub(super) enum Look {
    Present(Present),
    /// There is no such file. The instant is the last change of the folder, which
    /// adding, removing and renaming files are.
    Absent {
        changed: SystemTime,
    },
    /// A link to a file that does not exist. Its target may be about to be written,
    /// and no time is known that dates this, so that it never counts as absent.
    Dangling,
}

/// A file as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Present {
    pub(super) document: PolicyText,
    pub(super) file: Identity,
    /// The last change of its content, name or attributes.
    pub(super) changed: SystemTime,
}

/// A file, whatever its name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The path without links.
    pub(super) path: PathBuf,
    /// Device and inode.
    #[cfg(unix)]
    pub(super) number: (u64, u64),
    /// How many names it has.
    #[cfg(unix)]
    pub(super) links: u64,
}

impl Look {
    /// Looks once.
    pub(super) fn at(folder: &Path, file: &Path) -> Result<Self, StoreError> {
        match read(folder, file) {
            Ok(present) => Ok(Self::Present(present)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if file.is_symlink() {
                    Ok(Self::Dangling)
                } else {
                    absent(folder)
                }
            }
            Err(error) => Err(file_error(error)),
        }
    }

    /// Whether nothing happened between the two.
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
    // Without links: what is checked is what is opened.
    let path = file.canonicalize()?;
    if !path.starts_with(folder.canonicalize()?) {
        return Err(refusal("a link that leads out of the policies folder: copy the file into it"));
    }
    // Before it is opened, because opening a pipe would wait for its writer, and
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

/// A text, whose version is its digest.
pub(super) fn document(text: Vec<u8>) -> PolicyText {
    let mut document = PolicyText { text, version: String::new() };
    document.version = HEXLOWER.encode(&document.digest());
    document
}

/// The time since a change. Zero if that is in the future.
pub(super) fn age(changed: SystemTime) -> Duration {
    SystemTime::now().duration_since(changed).unwrap_or_default()
}

/// That a file is missing is only certain of a folder that exists.
fn absent(folder: &Path) -> Result<Look, StoreError> {
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => {
            let changed = changed(&found).map_err(folder_error)?;
            Ok(Look::Absent { changed })
        }
        Ok(_) => Err(StoreError::Unavailable("the folder is not a folder".into())),
        Err(error) => Err(folder_error(error)),
    }
}

/// The last change. The time of the content may be set to any value, and a file
/// that is renamed keeps it. The time of the status may not, and is that of the
/// renaming. A time in the future is not evidence.
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

/// Why a folder could not be listed. A missing folder says nothing about which
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
