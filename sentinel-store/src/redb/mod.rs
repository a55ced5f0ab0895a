//! Stores in one file on this machine, durable: what was acknowledged is there
//! after `kill -9`, and after a power cut as far as the disk keeps its word.

mod database;
mod encoding;
mod error;
mod file;
mod sessions;
mod writer;

pub use file::RedbFile;
pub use sessions::{Purged, RedbSessions};
