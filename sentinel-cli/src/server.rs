//! What the servers of the command share: why they cannot listen, and the signals that end them.

use std::io;
use std::net::SocketAddr;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::output::Failure;

/// The signals that end a server. They are received from the creation of this value on.
#[derive(Debug)]
pub(crate) struct EndSignals([Signal; 3]);

impl EndSignals {
    pub(crate) fn receive() -> Result<Self, Failure> {
        let receive =
            |kind| signal(kind).map_err(|error| Failure::because("cannot receive signals", error));
        Ok(Self([
            receive(SignalKind::terminate())?,
            receive(SignalKind::interrupt())?,
            // Received when its terminal is closed.
            receive(SignalKind::hangup())?,
        ]))
    }

    /// Waits for one of them.
    pub(crate) async fn received(self) {
        let Self([mut terminate, mut interrupt, mut hangup]) = self;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// Why a server cannot listen, and what to do about it.
pub(crate) fn not_listening(address: SocketAddr, error: &io::Error) -> Failure {
    let hint = if error.kind() == io::ErrorKind::AddrInUse {
        ": end the program that listens there, or use a free port with `--listen 127.0.0.1:0`"
    } else if error.kind() == io::ErrorKind::AddrNotAvailable {
        ": it is not an address of this machine: use one that is, as in `--listen 127.0.0.1:0`"
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        ": ports below 1024 are reserved for the administrator: use another one with `--listen`"
    } else {
        ""
    };
    Failure::because(format!("cannot listen on {address}"), format!("{error}{hint}"))
}
