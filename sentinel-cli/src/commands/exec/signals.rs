//! The signals that are passed on to the child.
//!
//! - Signals that this process ignores from its start on (`nohup`, a job of a script in the background)
//!   are not received, so that the child inherits that it ignores them.
//! - A key of the terminal (Ctrl-C, Ctrl-\) sends its signal to each process of the foreground group,
//!   and therefore to the child. It is not passed on a second time: many programs end without cleanup
//!   at the second one.
//! - SIGTSTP and SIGCONT are not received: Ctrl-Z stops this process and the child, and `fg` continues
//!   both. SIGWINCH is sent to each process of the foreground group.

use std::fs::File;
use std::future::poll_fn;
use std::task::Poll;

use rustix::process::{Pid, Signal as Number, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use tokio::signal::unix::{self, SignalKind};

use crate::output::Failure;
use crate::signals::Ignored;

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
        let ignored = Ignored::at_start();
        PASSED
            .into_iter()
            .map(|signal| (signal, SignalKind::from_raw(signal.number.as_raw())))
            .filter(|(_, kind)| !ignored.contains(*kind))
            .map(|(signal, kind)| Ok((signal, unix::signal(kind)?)))
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

/// Whether this process, and with it the child, is in the foreground of a terminal.
fn is_in_foreground() -> bool {
    File::open("/dev/tty").is_ok_and(|terminal| tcgetpgrp(&terminal) == Ok(getpgrp()))
}
