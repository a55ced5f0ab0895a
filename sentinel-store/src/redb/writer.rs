//! The one thread that writes the file. While a transaction is written to disk, further
//! changes wait, and are written together in the next transaction. With more callers, a
//! transaction contains more changes, and no change waits for a timer.

use redb::{Database, Durability, WriteTransaction};
use tokio::sync::{mpsc, oneshot};

use super::{database::OpenDatabase, error::store_error};
use crate::StoreError;

/// Maximum number of waiting changes. Further callers wait until there is room.
pub(super) const QUEUE: usize = 256;

/// Maximum number of changes in one transaction.
const BATCH: usize = 256;

/// The result of a transaction. The outer error is the file's, and the transaction
/// has no effect. The inner result is the one of the operation.
pub(super) type Transacted<T> = Result<Result<T, StoreError>, redb::Error>;

/// A waiting change with any type of result.
pub(super) type Write = Box<dyn Change>;

pub(super) trait Change: Send {
    /// Makes the change. An error is one of the file, and aborts the transaction.
    fn apply(&mut self, transaction: &WriteTransaction) -> Result<(), redb::Error>;

    /// Sends the result to the caller, after the transaction was committed or aborted.
    fn report(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Waiting<F, T> {
    change: Option<F>,
    answer: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Change for Waiting<F, T>
where
    F: FnOnce(&WriteTransaction) -> Transacted<T> + Send,
    T: Send,
{
    fn apply(&mut self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        if let Some(change) = self.change.take() {
            self.answer = Some(change(transaction)?);
        }
        Ok(())
    }

    fn report(self: Box<Self>, committed: Result<(), StoreError>) {
        let missing = || Err(StoreError::Unavailable("the change was not made".into()));
        let Self { answer, caller, .. } = *self;
        let answer = committed.and_then(|()| answer.unwrap_or_else(missing));
        // It fails if the caller was cancelled.
        drop(caller.send(answer));
    }
}

/// A change, and the caller that waits for its result.
pub(super) fn waiting<T: Send + 'static>(
    change: impl FnOnce(&WriteTransaction) -> Transacted<T> + Send + 'static,
    caller: oneshot::Sender<Result<T, StoreError>>,
) -> Write {
    Box::new(Waiting { change: Some(change), answer: None, caller })
}

/// Writes until no caller can send a change any more.
pub(super) fn run(database: &OpenDatabase, mut queue: mpsc::Receiver<Write>) {
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = queue.try_recv()
        {
            batch.push(next);
        }
        let written = database.with(|database| write(database, &mut batch));
        for change in batch {
            change.report(written.as_ref().map_err(store_error).copied());
        }
    }
}

fn write(database: &Database, batch: &mut [Write]) -> Result<(), redb::Error> {
    let transaction = begin(database)?;
    for change in batch {
        change.apply(&transaction)?;
    }
    Ok(transaction.commit()?)
}

/// A transaction that is on disk once it is committed.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // In two phases. Otherwise redb's checksums would decide after a crash which
    // transaction was the last one, and they do not protect against crafted data. Callers
    // choose a part of the data.
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}
