#![doc = include_str!("../README.md")]

pub mod call;
pub mod emulator;
pub mod iam;
pub mod keys;
pub mod permissions;
pub mod proxy;
pub mod recorded;
pub mod runtime_api;
mod server;
pub mod sign_in;
pub mod signed;
pub mod sts;

/// Waits for SIGTERM or Ctrl-C.
///
/// # Errors
/// If the signal handlers cannot be installed.
pub async fn until_ended() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}
