//! The one thread that writes the file. While a transaction goes to disk, the
//! changes that arrive wait, and go together in the next: the more callers, the
//! more changes a transaction carries, and none waits for a clock.

use redb::{Database, Durability, WriteTransaction};
use tokio::sync::{mpsc, oneshot};

use super::{database::OpenDatabase, error::store_error};
use crate::StoreError;

/// How many changes wait at most; further callers wait to hand theirs over.
pub(super) const QUEUE: usize = 256;

/// How many changes one transaction carries at most.
const BATCH: usize = 256;

/// The result of a transaction. The outer error is the file's, and the transaction
/// has no effect. The inner result is the one of the operation.
pub(super) type Transacted<T> = Result<Result<T, StoreError>, redb::Error>;

/// A change that waits to be written, whatever it gives.
pub(super) type Write = Box<dyn Change>;

pub(super) trait Change: Send {
    /// Makes the change. An error is the file's: the transaction is given up.
    fn make(&mut self, transaction: &WriteTransaction) -> Result<(), redb::Error>;

    /// Tells the caller, once the transaction was committed or given up.
    fn tell(self: Box<Self>, committed: Result<(), StoreError>);
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
    fn make(&mut self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        if let Some(change) = self.change.take() {
            self.answer = Some(change(transaction)?);
        }
        Ok(())
    }

    fn tell(self: Box<Self>, committed: Result<(), StoreError>) {
        let missing = || Err(StoreError::Unavailable("the change was not made".into()));
        let Self { answer, caller, .. } = *self;
        let answer = committed.and_then(|()| answer.unwrap_or_else(missing));
        // Whoever no longer waits need not be told.
        drop(caller.send(answer));
    }
}

/// A change, and the caller whom to tell what came of it.
pub(super) fn waiting<T: Send + 'static>(
    change: impl FnOnce(&WriteTransaction) -> Transacted<T> + Send + 'static,
    caller: oneshot::Sender<Result<T, StoreError>>,
) -> Write {
    Box::new(Waiting { change: Some(change), answer: None, caller })
}

/// Writes until there is nobody left who could hand a change over.
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
            change.tell(written.as_ref().map_err(store_error).copied());
        }
    }
}

fn write(database: &Database, batch: &mut [Write]) -> Result<(), redb::Error> {
    let transaction = begin(database)?;
    for change in batch {
        change.make(&transaction)?;
    }
    Ok(transaction.commit()?)
}

/// A transaction that is on disk when it is committed.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    // In two phases, so that the last transaction is never told from the one
    // before by redb's checksums, which are no proof against malice: callers
    // choose part of what is written.
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}
