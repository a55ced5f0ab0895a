//! Stores in one file on this machine. Acknowledged writes are durable after `kill -9`, and
//! after a power failure if the disk honors flushes.

mod database;
mod encoding;
mod error;
mod file;
mod sessions;
mod writer;

pub use file::RedbFile;
pub use sessions::{Purged, RedbSessions};
