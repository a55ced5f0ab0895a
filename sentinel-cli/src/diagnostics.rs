//! Diagnostics of the server, on stderr: what decisions are not. `RUST_LOG`
//! says how much, as `info` or `sentinel_broker=debug,warn`.

use std::io;
use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::screen::Screen;

/// Writes what the crates say from now on. Once a process; a second time does
/// nothing.
pub(crate) fn to_stderr(screen: &Screen) {
    let asked = std::env::var("RUST_LOG").ok().and_then(|text| Targets::from_str(&text).ok());
    let default = if screen.verbose { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let filter = asked.unwrap_or_else(|| {
        ["sentinel_authorizer", "sentinel_broker", "sentinel_cli", "sentinel_store", "sentinel_tvm"]
            .into_iter()
            .fold(Targets::new().with_default(LevelFilter::WARN), |targets, name| {
                targets.with_target(name, default)
            })
    });
    let lines =
        tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(screen.colors_err());
    // Only a second subscriber can fail here, and the first is as good.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
}
