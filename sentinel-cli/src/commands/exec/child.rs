//! The child process: its start, the signals that it receives, and its exit status.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use tokio::process::{self, Command};

use super::signals::Signals;
use crate::output::Failure;

/// The exit statuses of env(1), and of shells, for a program that cannot be started.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;
/// A shell reports the signal that ended a program as this and its number.
const SIGNALED: i32 = 128;

/// Why a program was not started, and the exit status for it.
#[derive(Debug)]
pub(super) struct NotStarted {
    pub(super) cause: io::Error,
    pub(super) status: u8,
}

/// A running child.
#[derive(Debug)]
pub(super) struct Child {
    process: process::Child,
    signals: Signals,
}

impl Child {
    /// Starts a program in the process group of this process, so that it can use the terminal.
    pub(super) fn start(mut command: Command, signals: Signals) -> Result<Self, NotStarted> {
        match command.spawn() {
            Ok(process) => Ok(Self { process, signals }),
            Err(cause) => {
                let is_missing = cause.kind() == io::ErrorKind::NotFound;
                Err(NotStarted { cause, status: if is_missing { NOT_FOUND } else { CANNOT_RUN } })
            }
        }
    }

    /// Passes signals on until the child ends, and returns the exit status for its end. A child that
    /// ignores a signal, or is stopped, is waited for.
    pub(super) async fn wait(mut self) -> Result<u8, Failure> {
        loop {
            let ended = tokio::select! {
                ended = self.process.wait() => ended,
                signal = self.signals.next() => {
                    // Without an id, it has ended.
                    if let Some(id) = self.process.id() {
                        signal.pass(id);
                    }
                    continue;
                }
            };
            return ended
                .map(status)
                .map_err(|error| Failure::because("cannot wait for the program", error));
        }
    }
}

fn status(ended: ExitStatus) -> u8 {
    let status = ended
        .code()
        .or_else(|| ended.signal().map(|signal| SIGNALED.saturating_add(signal)))
        .unwrap_or(SIGNALED);
    u8::try_from(status).unwrap_or(u8::MAX)
}
