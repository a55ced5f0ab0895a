//! Random texts: what tells a write of one's own from another's, and how long to
//! wait before trying again.

use std::time::Duration;

use data_encoding::BASE32_NOPAD;

use crate::StoreError;

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Unavailable(error.into()))?;
    Ok(bytes)
}

/// The name of one write. The client sends a write again when no answer came; if
/// the first one had happened after all, the second one fails its condition, and
/// only this name tells that from a conflict.
pub(super) fn write_token() -> Result<String, StoreError> {
    Ok(BASE32_NOPAD.encode(&random::<10>()?).to_ascii_lowercase())
}

/// How long to wait after the `attempt`th (from 0) of several who got into each
/// other's way: anything up to a bound that doubles, so that they draw apart.
pub(super) fn pause(attempt: u32) -> Result<Duration, StoreError> {
    const FIRST: u32 = 8;
    const LONGEST: u32 = 250;
    let bound = FIRST.saturating_mul(1 << attempt.min(8)).min(LONGEST);
    let fraction = u32::from(u16::from_be_bytes(random()?));
    Ok(Duration::from_millis(1) * bound * fraction / u32::from(u16::MAX))
}
