//! Why a store could not do what was asked.

use std::error::Error;
use std::fmt;

type Source = Box<dyn Error + Send + Sync>;

/// The few ways in which a store fails, told apart by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such record.
    #[error("not found")]
    NotFound,
    /// The record is not in the state that the write was conditional on.
    #[error("conflict")]
    Conflict,
    /// Too many requests: try again later.
    #[error("throttled")]
    Throttled(#[source] Source),
    /// The store cannot be reached, or did not answer in time: try again later.
    #[error("unavailable")]
    Unavailable(#[source] Source),
    /// The store was reached and says no: its permissions or configuration must
    /// be mended first.
    #[error("refused")]
    Refused(#[source] Source),
    /// What the store holds cannot be what was written.
    #[error("corrupt")]
    Corrupt(#[source] Source),
}

/// An error and what lies behind it, for the diagnostics: each source after the
/// error that it caused.
///
/// ```
/// use sentinel_store::{Causes, StoreError};
///
/// let error = StoreError::Unavailable("no route to host".into());
/// assert_eq!(Causes(&error).to_string(), "unavailable: no route to host");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Causes<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
