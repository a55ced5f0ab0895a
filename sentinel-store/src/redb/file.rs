//! The file: opening and reading it, and sending writes to its writer.

use std::{
    collections::hash_map::RandomState,
    fmt,
    fs::{self, OpenOptions},
    hash::BuildHasher,
    io,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
};

use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};
use tokio::sync::{mpsc, oneshot};

use super::{
    database::{FileNumber, OpenDatabase},
    error::{open_error, store_error},
    writer::{self, QUEUE, Transacted, Write, waiting},
};
use crate::{Location, StoreError, StoreResultExt};

/// An open file. Clones share it. It is closed, and can be opened again, when the last
/// clone is dropped.
///
/// After an I/O error, such as a full disk, the file is opened again for the next read or
/// write. If it is removed or replaced, every read and write is
/// [`StoreError::Unavailable`] until it is moved back.
///
/// Reads run on tokio's blocking threads, so its stores need a tokio runtime.
#[derive(Clone)]
pub struct RedbFile(Arc<Opened>);

struct Opened {
    database: Arc<OpenDatabase>,
    /// `Some` until dropped. Closing it ends the writer.
    writes: Option<mpsc::Sender<Write>>,
    writer: Option<JoinHandle<()>>,
}

impl RedbFile {
    /// Opens the file at `path`. If it does not exist or is empty, it is created, readable
    /// by its owner only. Blocks: the whole file is read and checked for damage.
    ///
    /// # Errors
    /// - [`StoreError::Refused`] if another process has it open, permission is missing, or
    ///   an older version of redb wrote it
    /// - [`StoreError::Corrupt`] if it is not a database
    /// - [`StoreError::Unavailable`] if it cannot be read or written
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |error| open_error(error).at(|| location(path));
        create_if_empty(path).map_err(failed)?;
        let database = Arc::new(OpenDatabase::open(path).map_err(failed)?);
        let (writes, queue) = mpsc::channel(QUEUE);
        let writer = thread::Builder::new()
            .name("sentinel-redb".to_owned())
            .spawn({
                let database = Arc::clone(&database);
                move || writer::run(&database, queue)
            })
            .map_err(|error| StoreError::Unavailable(error.into()).at(|| location(path)))?;
        Ok(Self(Arc::new(Opened { database, writes: Some(writes), writer: Some(writer) })))
    }

    /// The file, for messages.
    pub(super) fn location(&self) -> Location {
        location(self.0.database.path())
    }

    /// Changes the file before any store is used, without a runtime.
    pub(super) fn prepare(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        let prepared = || -> Result<(), redb::Error> {
            self.0.database.with(|database| {
                let transaction = writer::begin(database)?;
                change(&transaction)?;
                Ok(transaction.commit()?)
            })
        };
        prepared().map_err(|error| store_error(&error)).at(|| self.location())
    }

    /// Reads in one transaction.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Transacted<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let database = Arc::clone(&self.0.database);
        let reading = tokio::task::spawn_blocking(move || {
            database.with(|database| work(&database.begin_read()?))
        });
        match reading.await {
            Ok(answer) => answer.map_err(|error| store_error(&error))?,
            Err(stopped) => Err(StoreError::Unavailable(stopped.into())),
        }
    }

    /// Writes in a transaction, and returns when it is on disk. If the caller is cancelled,
    /// the write still happens.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&WriteTransaction) -> Transacted<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let stopped = || StoreError::Unavailable("the writer of the file has stopped".into());
        let queue = self.0.writes.as_ref().ok_or_else(stopped)?;
        queue.send(waiting(change, answer)).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

impl fmt::Debug for RedbFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbFile").finish_non_exhaustive()
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        drop(self.writes.take());
        // The file is locked until the writer has ended. If the writer panicked, its
        // callers already have an error.
        if let Some(writer) = self.writer.take() {
            drop(writer.join());
        }
    }
}

fn location(path: &Path) -> Location {
    Location::new(format_args!("the database `{}`", path.display()))
}

/// Creates the file if it does not exist or is empty. An empty file was only touched, and
/// nothing is lost with it.
fn create_if_empty(path: &Path) -> Result<(), redb::Error> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(path, |new| {
            match fs::hard_link(new, path) {
                // Another process created it first, and its file is as complete as this one.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                linked => linked,
            }
        }),
        Err(error) => Err(error.into()),
        Ok(found) if found.is_file() && found.len() == 0 => {
            let empty = OpenOptions::new().read(true).write(true).open(path)?;
            // One of several processes that start concurrently replaces it. The others then
            // find another file.
            empty.lock()?;
            let (mine, found) = (empty.metadata()?, fs::metadata(path)?);
            if FileNumber::of(&mine) != FileNumber::of(&found) || found.len() != 0 {
                return Ok(());
            }
            create(path, |new| fs::rename(new, path))
        }
        Ok(_) => Ok(()),
    }
}

/// Creates the file. It gets its name only once it is a complete database. An incomplete
/// file of a program that was killed could not be distinguished from a damaged one, which
/// must never be replaced by an empty database.
fn create(path: &Path, put: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), redb::Error> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{:016x}.new", RandomState::new().hash_one(path)));
    let new = path.with_file_name(name);
    let created = fill(&new).and_then(|()| Ok(put(&new)?));
    match fs::remove_file(&new) {
        // It was renamed.
        Err(error) if error.kind() == io::ErrorKind::NotFound && created.is_ok() => {}
        removed => created.and(removed.map_err(redb::Error::from))?,
    }
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Creates an empty database that only its owner can read.
fn fill(path: &Path) -> Result<(), redb::Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(path)?);
    let database = Database::create(path)?;
    writer::begin(&database)?.commit()?;
    Ok(())
}
