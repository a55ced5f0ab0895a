//! Diagnostics on stderr: everything that is logged and is not a record. `RUST_LOG` configures the
//! levels, as `info` or `sentinel_broker=debug,warn`.
//!
//! It has its full effect on Sentinel's crates only. Other crates are logged up to `info`: at
//! `trace`, `aws-sigv4` writes the headers that it signs, session tokens included, and
//! `lambda_runtime` writes whole events.

use std::str::FromStr;

pub use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The prefix of the names of Sentinel's crates.
const OURS: &str = "sentinel_";

/// The target under which `lambda_runtime` logs every response that is an error. A missing session
/// id is such a response, and not a problem of the function. The process itself writes panics.
const ERROR_RESPONSES: &str = "lambda_runtime::layers::panic";

/// Writes diagnostics to `writer`, with or without colors, from now on. The levels are those of
/// `RUST_LOG`. If it is not set or invalid, Sentinel's crates are logged at `ours`, and all others at
/// `warn`. A second call in the same process has no effect.
pub fn install<W>(writer: W, colored: bool, ours: LevelFilter)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let configured = std::env::var("RUST_LOG").ok().and_then(|text| Targets::from_str(&text).ok());
    let filter = configured.unwrap_or_else(|| {
        Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target(OURS, ours)
            .with_target(ERROR_RESPONSES, LevelFilter::OFF)
    });
    let ours_or_info =
        filter_fn(|of| of.target().starts_with(OURS) || *of.level() <= tracing::Level::INFO);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(colored)
        // It would write its own failure to the writer that failed.
        .log_internal_errors(false);
    let first =
        tracing_subscriber::registry().with(lines).with(filter).with(ours_or_info).try_init();
    // This fails only if a subscriber is installed already, which then stays.
    drop(first);
}
