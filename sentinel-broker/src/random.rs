//! Randomness, as an argument.

use std::fmt;

/// There was no randomness to be had. Whatever needed it must not happen.
#[derive(Debug, thiserror::Error)]
#[error("the source of randomness failed")]
pub struct RandomError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A source of unpredictable bytes.
pub trait Random: fmt::Debug + Send + Sync {
    /// Fills the buffer.
    ///
    /// # Errors
    /// When it could not be filled whole; what it holds then must not be used.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError>;
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(buffer).map_err(|error| RandomError(error.into()))
    }
}

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>(random: &dyn Random) -> Result<[u8; N], RandomError> {
    let mut buffer = [0; N];
    random.fill(&mut buffer)?;
    Ok(buffer)
}
