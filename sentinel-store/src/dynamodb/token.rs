//! Random names of writes, and random pauses before retries.

use std::time::Duration;

use data_encoding::BASE32_NOPAD;

use crate::StoreError;

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Unavailable(error.into()))?;
    Ok(bytes)
}

/// The name of one write. The client sends a write again if it got no response. If the
/// first attempt took effect, the second one fails its condition, and only this name
/// distinguishes that from a conflict.
pub(super) fn write_token() -> Result<String, StoreError> {
    Ok(BASE32_NOPAD.encode(&random::<10>()?).to_ascii_lowercase())
}

/// The token of an attempt of a write. Attempts differ, because their changes may.
pub(super) fn attempt_token(write: &str, attempt: u32) -> String {
    format!("{write}-{attempt}")
}

/// A random pause after attempt number `attempt` (from 0) of concurrent writers. Its
/// maximum doubles, so that the writers spread out.
pub(super) fn pause(attempt: u32) -> Result<Duration, StoreError> {
    const FIRST: u32 = 8;
    const MAX: u32 = 250;
    let bound = FIRST.saturating_mul(1 << attempt.min(8)).min(MAX);
    let fraction = u32::from(u16::from_be_bytes(random()?));
    Ok(Duration::from_millis(1) * bound * fraction / u32::from(u16::MAX))
}
