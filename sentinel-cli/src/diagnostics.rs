//! Diagnostics of the server, on stderr, as the functions write theirs. What
//! nobody reads is dropped rather than waited for without end.

use std::io;

use sentinel_function::diagnostics::{LevelFilter, install};

use crate::outlet::Outlet;
use crate::screen::Screen;

/// Writes what the crates say from now on. Once a process; a second time does
/// nothing.
pub(crate) fn to_stderr(screen: &Screen) -> io::Result<()> {
    let stderr = Outlet::stderr()?;
    let ours = if screen.verbose { LevelFilter::DEBUG } else { LevelFilter::INFO };
    install(move || stderr.clone(), screen.colors_err(), ours);
    Ok(())
}
