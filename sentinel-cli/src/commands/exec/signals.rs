//! The signals that are passed on to the child.
//!
//! - Signals that this process ignores from its start on (`nohup`, a job of a script in the background)
//!   are not received, so that the child inherits that it ignores them.
//! - A key of the terminal (Ctrl-C, Ctrl-\) sends its signal to each process of the foreground group,
//!   and therefore to the child. It is not passed on a second time: many programs end without cleanup
//!   at the second one.
//! - SIGTSTP and SIGCONT are not received: Ctrl-Z stops this process and the child, and `fg` continues
//!   both. SIGWINCH is sent to each process of the foreground group.

use std::fs::{self, File};
use std::future::poll_fn;
use std::task::Poll;

use rustix::process::{Pid, Signal as Number, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use tokio::signal::unix::{self, SignalKind};

use crate::output::Failure;

/// A signal that this process received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signal {
    number: Number,
    /// Whether a key of the terminal sends it.
    has_key: bool,
}

const PASSED: [Signal; 6] = [
    Signal { number: Number::TERM, has_key: false },
    Signal { number: Number::HUP, has_key: false },
    Signal { number: Number::INT, has_key: true },
    Signal { number: Number::QUIT, has_key: true },
    Signal { number: Number::USR1, has_key: false },
    Signal { number: Number::USR2, has_key: false },
];

impl Signal {
    /// Sends it to the child, unless the terminal has done so.
    pub(super) fn pass(self, child: u32) {
        if self.has_key && is_in_foreground() {
            return;
        }
        if let Some(child) = i32::try_from(child).ok().and_then(Pid::from_raw) {
            // The child may have ended.
            let _ = kill_process(child, self.number);
        }
    }
}

/// Receives the signals, from its creation on.
#[derive(Debug)]
pub(super) struct Signals(Vec<(Signal, unix::Signal)>);

impl Signals {
    pub(super) fn receive() -> Result<Self, Failure> {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        PASSED
            .into_iter()
            .filter(|signal| !ignores(&status, signal.number))
            .map(|signal| {
                let kind = SignalKind::from_raw(signal.number.as_raw());
                Ok((signal, unix::signal(kind)?))
            })
            .collect::<Result<_, std::io::Error>>()
            .map(Self)
            .map_err(|error| Failure::because("cannot receive signals", error))
    }

    /// The next signal.
    pub(super) async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (signal, received) in &mut self.0 {
                if let Poll::Ready(Some(())) = received.poll_recv(context) {
                    return Poll::Ready(*signal);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Whether a process ignores a signal, according to its `/proc/PID/status`. Systems without it cannot
/// be asked without unsafe code.
fn ignores(status: &str, signal: Number) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let bit = u32::try_from(signal.as_raw() - 1).ok().and_then(|bit| 1_u64.checked_shl(bit));
    bit.is_some_and(|bit| mask & bit != 0)
}

/// Whether this process, and with it the child, is in the foreground of a terminal.
fn is_in_foreground() -> bool {
    File::open("/dev/tty").is_ok_and(|terminal| tcgetpgrp(&terminal) == Ok(getpgrp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status_of_the_process() {
        let status = "Name:\tsentinel\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\n";
        assert!(ignores(status, Number::HUP) && ignores(status, Number::PIPE));
        assert!(!ignores(status, Number::INT) && !ignores(status, Number::TERM));
        assert!(!ignores("", Number::HUP) && !ignores("SigIgn:\tx\n", Number::HUP));
    }
}
