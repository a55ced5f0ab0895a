//! The number of files that the process may open, and the number of connections
//! that it allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::output::Failure;

/// Files that the process needs in addition to connections: the streams, the
/// database, the runtime, and the policies that are being read.
const RESERVED: u64 = 64;
/// A smaller number of connections is not useful.
const MIN_CONNECTIONS: u64 = 16;
/// The number of connections of a program that cannot refuse to start for so few files.
const FEWEST_CONNECTIONS: u64 = 4;

/// The number of connections, at most `wanted`, that the current limit of open files
/// allows to a program without a database. The limit is not raised, since a child process
/// would inherit it.
pub(crate) fn within_limit(wanted: u64) -> usize {
    let open = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = open.saturating_sub(RESERVED / 2).clamp(FEWEST_CONNECTIONS, wanted);
    usize::try_from(room).unwrap_or(usize::MAX)
}

/// Raises the limit of open files as far as `wanted` connections need and the
/// system allows, and returns the number of connections that are possible.
pub(crate) fn raise(wanted: u64) -> Result<usize, Failure> {
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
    if room < MIN_CONNECTIONS {
        return Err(Failure::other(format!(
            "cannot start: {open} files can be open at a time, and {} are needed: raise the limit \
             with `ulimit -n {}`",
            RESERVED + MIN_CONNECTIONS,
            needed.next_power_of_two()
        )));
    }
    Ok(usize::try_from(room).unwrap_or(usize::MAX))
}
