//! Random text that another process cannot guess.

use std::io;

use data_encoding::BASE64URL_NOPAD;
use sentinel_wire::Secret;

/// Size in bytes.
const LENGTH: usize = 32;

/// A new secret of 43 characters, which can be in a header and in a URL.
///
/// # Errors
/// If the system has no random numbers.
pub(crate) fn secret() -> io::Result<Secret> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(Secret::new(BASE64URL_NOPAD.encode(&bytes)))
}
