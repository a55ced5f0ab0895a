//! How many files the process may have open, and so how many connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Failure;

/// What the process has open besides connections: the streams, the database, the
/// runtime, and the policies that are being read.
const RESERVED: u64 = 64;
/// Fewer connections than this are of no use.
const FEWEST: u64 = 16;

/// Raises the limit of open files as far as `wanted` connections need and the
/// system lets it, and returns the number of connections that there is room for.
pub(super) fn connections(wanted: u64) -> Result<usize, Failure> {
    let mut limit = getrlimit(Resource::Nofile);
    let needed = wanted + RESERVED;
    if limit.current.is_some_and(|current| current < needed) {
        let raised = Rlimit {
            current: Some(limit.maximum.map_or(needed, |maximum| maximum.min(needed))),
            maximum: limit.maximum,
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            limit = raised;
        }
    }
    let open = limit.current.unwrap_or(u64::MAX);
    let room = open.saturating_sub(RESERVED).min(wanted);
    if room < FEWEST {
        return Err(Failure::undone(format!(
            "cannot start: {open} files can be open at a time, and {} are needed: raise the limit \
             with `ulimit -n {}`",
            RESERVED + FEWEST,
            needed.next_power_of_two()
        )));
    }
    Ok(usize::try_from(room).unwrap_or(usize::MAX))
}
