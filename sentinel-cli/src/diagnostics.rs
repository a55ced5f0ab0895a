//! Diagnostics of the server, on stderr: what decisions are not. `RUST_LOG`
//! says how much, as `info` or `sentinel_broker=debug,warn`.
//!
//! It says so for our crates. Others are heard up to `info` only: at `trace`,
//! `aws-sigv4` writes the headers of what it signs, session tokens included.
//! What nobody reads is dropped rather than waited for without end.

use std::io;
use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::outlet::Outlet;
use crate::screen::Screen;

/// Writes what the crates say from now on. Once a process; a second time does
/// nothing.
pub(crate) fn to_stderr(screen: &Screen) -> io::Result<()> {
    let asked = std::env::var("RUST_LOG").ok().and_then(|text| Targets::from_str(&text).ok());
    let default = if screen.verbose { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let filter = asked.unwrap_or_else(|| {
        ["sentinel_authorizer", "sentinel_broker", "sentinel_cli", "sentinel_store", "sentinel_tvm"]
            .into_iter()
            .fold(Targets::new().with_default(LevelFilter::WARN), |targets, name| {
                targets.with_target(name, default)
            })
    });
    let ours_or_info =
        filter_fn(|of| of.target().starts_with("sentinel_") || *of.level() <= tracing::Level::INFO);
    let stderr = Outlet::stderr()?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || stderr.clone())
        .with_ansi(screen.colors_err())
        // It would complain on the stream that it could not write to.
        .log_internal_errors(false);
    let first =
        tracing_subscriber::registry().with(lines).with(filter).with(ours_or_info).try_init();
    // Only a second subscriber can fail here, and the first is as good.
    drop(first);
    Ok(())
}
