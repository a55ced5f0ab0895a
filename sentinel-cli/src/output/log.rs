//! Diagnostics of the server, on stderr, in the format of the functions. Output
//! that is not read is dropped instead of blocking without end.

use std::io;

use sentinel_function::diagnostics::{LevelFilter, install};

use super::{BoundedWriter, Screen};

/// Writes the log lines of the crates from now on. Takes effect once per process; a
/// second call has no effect.
pub(crate) fn log_to_stderr(screen: &Screen) -> io::Result<()> {
    let stderr = BoundedWriter::stderr()?;
    let level = if screen.verbose { LevelFilter::DEBUG } else { LevelFilter::INFO };
    install(move || stderr.clone(), screen.colors_err(), level);
    Ok(())
}
