//! The open database. It is opened again after an I/O error, because redb returns errors
//! from then on. It is used only while its path leads to the same file.

use std::{
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
};

use redb::{Builder, Database};

/// A database and its file.
pub(super) struct OpenDatabase {
    path: PathBuf,
    file: FileNumber,
    /// `None` after a failure, until the next use.
    open: RwLock<Option<Database>>,
}

impl OpenDatabase {
    /// Opens the file and reads all of it, so that damage is detected.
    pub(super) fn open(path: &Path) -> Result<Self, redb::Error> {
        let database = open(path)?;
        let file = FileNumber::of(&fs::metadata(path)?);
        Ok(Self { path: path.to_owned(), file, open: RwLock::new(Some(database)) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads or writes. A write has succeeded only if this returns `Ok`: a commit to a
    /// file that was removed is not durable.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        self.check_in_place()?;
        let result = self.with_open(work);
        if let Err(error) = &result
            && is_file_failure(error)
        {
            // After every other use has ended. The next use opens it again.
            drop(self.open.write().unwrap_or_else(PoisonError::into_inner).take());
        }
        let value = result?;
        self.check_in_place()?;
        Ok(value)
    }

    fn with_open<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        {
            let opened = self.open.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(database) = opened.as_ref() {
                return work(database);
            }
        }
        let mut closed = self.open.write().unwrap_or_else(PoisonError::into_inner);
        match closed.as_ref() {
            Some(database) => work(database),
            None => work(closed.insert(open(&self.path)?)),
        }
    }

    /// Checks that the path still leads to the file. Another file in its place may be an
    /// older copy without the newest revocations.
    fn check_in_place(&self) -> Result<(), redb::Error> {
        let what = match fs::metadata(&self.path) {
            Ok(found) if FileNumber::of(&found) == self.file => return Ok(()),
            Ok(_) => "replaced",
            Err(error) if error.kind() == io::ErrorKind::NotFound => "removed",
            Err(error) => return Err(error.into()),
        };
        let path = self.path.display();
        let cause = format!(
            "the database `{path}` was {what} while it was in use: move it back, or restart"
        );
        Err(io::Error::other(cause).into())
    }
}

fn open(path: &Path) -> Result<Database, redb::Error> {
    Ok(Builder::new().set_check_integrity_on_open(true).open(path)?)
}

/// Whether the file failed, and not the operation.
fn is_file_failure(error: &redb::Error) -> bool {
    matches!(error, redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseClosed)
}

/// What identifies a file under any name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct FileNumber {
    #[cfg(unix)]
    device_and_inode: (u64, u64),
}

impl FileNumber {
    pub(super) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Self { device_and_inode: (metadata.dev(), metadata.ino()) }
        }
        #[cfg(not(unix))]
        {
            // On these systems, only the existence of the path is checked.
            drop(metadata.len());
            Self {}
        }
    }
}
