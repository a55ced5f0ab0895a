//! The failure to listen, with what to do about it.

use std::io;
use std::net::SocketAddr;

use crate::output::Failure;

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
