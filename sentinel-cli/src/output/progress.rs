//! The line on a terminal that shows that a command waits. It is on stderr, is replaced by each
//! update, and is removed before anything else is written. Without a terminal, there is none.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::terminal;

/// A command that takes longer shows that it waits.
const AFTER: Duration = Duration::from_secs(1);

/// Whether the line is on the terminal.
static SHOWN: AtomicBool = AtomicBool::new(false);

/// Whether stderr is a terminal on which a line can be replaced.
pub(crate) fn is_possible() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Shows a line in place of the previous one, cut to the width of the terminal.
pub(crate) fn show(text: &str) {
    let width = terminal::width(io::stderr()).unwrap_or(usize::MAX);
    // A line of the whole width would move the cursor to the next one.
    let text = super::table::cut(text, width.saturating_sub(1));
    SHOWN.store(true, Ordering::Relaxed);
    write(&format!("\r\u{1b}[K{text}"));
}

/// Removes the line, if there is one.
pub(crate) fn clear() {
    if SHOWN.swap(false, Ordering::Relaxed) {
        write("\r\u{1b}[K");
    }
}

fn write(text: &str) {
    let mut err = io::stderr().lock();
    // If stderr cannot be written, there is nowhere to report it.
    drop(err.write_all(text.as_bytes()).and_then(|()| err.flush()));
}

/// Completes `work`, and shows the seconds that it takes if it takes long.
pub(crate) async fn during<T>(work: impl Future<Output = T>) -> T {
    if !is_possible() {
        return work.await;
    }
    let begin = Instant::now();
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            result = &mut work => {
                clear();
                return result;
            }
            () = tokio::time::sleep(AFTER) => {
                show(&format!("waiting for a response: {} s", begin.elapsed().as_secs()));
            }
        }
    }
}
