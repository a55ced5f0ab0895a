#![doc = include_str!("../README.md")]

#[cfg(feature = "measure")]
pub mod aws;
pub mod documents;
pub mod floor;
#[cfg(any(feature = "paths", feature = "measure"))]
pub mod latency;
pub mod workload;
#[cfg(feature = "paths")]
pub mod world;

use chrono::{DateTime, TimeZone, Utc};
use sentinel_policy::{CheckedPolicy, Facts, Limits};

/// Numbers of rules of the measured policies.
pub const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];

/// Reads and checks a document of any size.
///
/// # Panics
/// If the document is invalid. The documents of this crate are valid.
#[must_use]
#[expect(clippy::expect_used, reason = "a measurement of an invalid document has no meaning")]
pub fn checked(text: &str) -> CheckedPolicy {
    let limits = Limits::default().with_max_bytes(1 << 24);
    CheckedPolicy::parse(text.as_bytes(), &limits).expect("the generated document is valid")
}

/// The time of all requests: a Wednesday, noon in Berlin.
#[must_use]
pub fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 18, 11, 0, 0).single().unwrap_or_default()
}

/// The facts of all requests: none.
#[must_use]
pub fn facts() -> Facts {
    Facts::default()
}
