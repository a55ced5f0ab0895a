//! The terminal that a stream is connected to. The only place that depends on the system.

use std::os::fd::AsFd;

/// The width of a terminal that does not report one, in columns.
const USUAL: usize = 80;

/// The width of the terminal that `stream` is connected to, in columns. `None` if it is not connected
/// to a terminal: a pipe or a file loses no text.
pub(crate) fn width(stream: impl AsFd) -> Option<usize> {
    if !rustix::termios::isatty(&stream) {
        return None;
    }
    let columns = rustix::termios::tcgetwinsize(&stream).map_or(0, |size| size.ws_col);
    Some(if columns == 0 { USUAL } else { columns.into() })
}
