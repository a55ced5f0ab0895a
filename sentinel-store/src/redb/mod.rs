//! Stores in one file on this machine. Acknowledged writes are durable after `kill -9`, and
//! after a power failure if the disk honors flushes.

mod database;
mod encoding;
mod error;
mod file;
mod grants;
mod requests;
mod rows;
mod sessions;
mod writer;

pub use file::RedbFile;
pub use grants::RedbGrants;
pub use requests::RedbRequests;
pub use sessions::RedbSessions;

use std::num::NonZeroUsize;

const PAGE_SIZE: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

/// Number of records that are read, and removed, in one transaction.
const PURGE_BATCH: usize = 256;

/// The result of a purge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Purged {
    /// Number of removed records.
    pub removed: usize,
    /// Number of records that cannot be read. They are kept for examination.
    pub unreadable: usize,
}

/// Returns from a transaction if a result is an error.
macro_rules! try_inner {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Ok(Err(error)),
        }
    };
}
use try_inner;
