//! Random texts: what tells a write of one's own from another's.

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
