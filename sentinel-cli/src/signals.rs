//! Signals that commands receive until they end. `sentinel exec` also passes signals on, in its own
//! module.

use std::fs;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::output::Failure;

/// The signals that end a server, or a command that waits. They are received from the creation of this value on.
#[derive(Debug)]
pub(crate) struct EndSignals {
    terminate: Signal,
    interrupt: Signal,
    /// Received when its terminal is closed.
    hangup: Option<Signal>,
}

impl EndSignals {
    pub(crate) fn receive() -> Result<Self, Failure> {
        let hangup = Some(receive(SignalKind::hangup())?);
        Ok(Self { hangup, ..Self::receive_in_background()? })
    }

    /// The signals that end a server that may outlive its terminal: without SIGHUP if it is ignored,
    /// as by `nohup`.
    pub(crate) fn receive_in_background() -> Result<Self, Failure> {
        let hangup = SignalKind::hangup();
        Ok(Self {
            terminate: receive(SignalKind::terminate())?,
            interrupt: receive(SignalKind::interrupt())?,
            hangup: (!Ignored::at_start().contains(hangup)).then(|| receive(hangup)).transpose()?,
        })
    }

    /// Waits for one of them.
    pub(crate) async fn received(mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hangup => {}
        }
    }
}

fn receive(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::because("cannot receive signals", error))
}

/// The signals that this process ignores, as far as the system reports them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ignored(u64);

impl Ignored {
    /// Those that were ignored when the process was started. It must be read before the process receives
    /// signals. On a system without `/proc`, they cannot be read without unsafe code, and are none.
    pub(crate) fn at_start() -> Self {
        Self::read(&fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    fn read(status: &str) -> Self {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        Self(mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0))
    }

    pub(crate) fn contains(self, signal: SignalKind) -> bool {
        let position = u32::try_from(signal.as_raw_value() - 1).ok();
        let bit = position.and_then(|position| 1_u64.checked_shl(position));
        bit.is_some_and(|bit| self.0 & bit != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status_of_the_process() {
        let status = "Name:\tsentinel\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001001\n";
        let ignored = Ignored::read(status);
        assert!(ignored.contains(SignalKind::hangup()) && ignored.contains(SignalKind::pipe()));
        assert!(!ignored.contains(SignalKind::interrupt()));
        assert!(!ignored.contains(SignalKind::terminate()));
        for unknown in ["", "SigIgn:\tx\n"] {
            assert!(!Ignored::read(unknown).contains(SignalKind::hangup()), "{unknown}");
        }
    }
}
