//! What is said on stderr: what decisions are not. `RUST_LOG` says how much, as
//! `info` or `sentinel_broker=debug,warn`.
//!
//! It says so for our crates. Others are heard up to `info` only: at `trace`,
//! `aws-sigv4` writes the headers of what it signs, session tokens included, and
//! `lambda_runtime` whole events.

use std::str::FromStr;

pub use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How all our crates' names begin.
const OURS: &str = "sentinel_";

/// What `lambda_runtime` says of every answer that is an error. A missing
/// session id is such an answer and nobody's fault; panics are written by the
/// process itself.
const ERROR_ANSWERS: &str = "lambda_runtime::layers::panic";

/// Lets what the crates say from now on be written there, colored or not: what
/// `RUST_LOG` asks for, or, where it asks for nothing legible, `ours` of our
/// crates and the warnings of all others. Once a process; a second time does
/// nothing.
pub fn install<W>(writer: W, colored: bool, ours: LevelFilter)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let asked = std::env::var("RUST_LOG").ok().and_then(|text| Targets::from_str(&text).ok());
    let filter = asked.unwrap_or_else(|| {
        Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target(OURS, ours)
            .with_target(ERROR_ANSWERS, LevelFilter::OFF)
    });
    let ours_or_info =
        filter_fn(|of| of.target().starts_with(OURS) || *of.level() <= tracing::Level::INFO);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(colored)
        // It would complain on the stream that it could not write to.
        .log_internal_errors(false);
    let first =
        tracing_subscriber::registry().with(lines).with(filter).with(ours_or_info).try_init();
    // Only a second subscriber can fail here, and the first is as good.
    drop(first);
}
