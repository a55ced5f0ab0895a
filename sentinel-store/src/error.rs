//! Why a store could not do what was requested, and on which record.
//!
//! Not here: how a backend's own errors map to these. Each backend has its own
//! table of that.

use std::{error::Error, fmt};

type Source = Box<dyn Error + Send + Sync>;

/// The few ways in which a store fails, distinguished by what the caller can do.
///
/// The enum is exhaustive on purpose. A caller of a store decides whether to grant
/// access, and must decide that for every kind of failure. A new kind must
/// therefore be a compile error in each `match`, and not fall into a default arm.
/// What can grow is in [`ErrorDetails`].
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a caller must handle every kind of failure")]
pub enum StoreError {
    /// There is no such record.
    NotFound(ErrorDetails),
    /// The record is not in the state that the write was conditional on.
    Conflict(ErrorDetails),
    /// Too many requests: try again later.
    Throttled(ErrorDetails),
    /// The store cannot be reached, or did not answer in time: try again later.
    Unavailable(ErrorDetails),
    /// The store was reached and refused: its permissions or configuration must be
    /// fixed first.
    Refused(ErrorDetails),
    /// The stored record cannot be the one that was written.
    Corrupt(ErrorDetails),
}

impl StoreError {
    /// A missing record, without a location.
    #[must_use]
    pub fn not_found() -> Self {
        Self::NotFound(ErrorDetails::default())
    }

    /// A write whose condition did not hold, without a location.
    #[must_use]
    pub fn conflict() -> Self {
        Self::Conflict(ErrorDetails::default())
    }

    /// Where it failed and why, as far as that is known.
    #[must_use]
    pub const fn details(&self) -> &ErrorDetails {
        match self {
            Self::NotFound(details)
            | Self::Conflict(details)
            | Self::Throttled(details)
            | Self::Unavailable(details)
            | Self::Refused(details)
            | Self::Corrupt(details) => details,
        }
    }

    /// Adds where it failed. A location that the error already has stays, because
    /// the store that failed is nearer to the fault than a store that wraps it.
    #[must_use]
    pub fn at(mut self, location: impl FnOnce() -> Location) -> Self {
        let details = self.details_mut();
        if details.location.is_none() {
            details.location = Some(location());
        }
        self
    }

    /// The error without its location, for a message that names the record itself.
    #[must_use]
    pub fn without_location(mut self) -> Self {
        self.details_mut().location = None;
        self
    }

    const fn details_mut(&mut self) -> &mut ErrorDetails {
        match self {
            Self::NotFound(details)
            | Self::Conflict(details)
            | Self::Throttled(details)
            | Self::Unavailable(details)
            | Self::Refused(details)
            | Self::Corrupt(details) => details,
        }
    }

    const fn word(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not found",
            Self::Conflict(_) => "conflict",
            Self::Throttled(_) => "throttled",
            Self::Unavailable(_) => "unavailable",
            Self::Refused(_) => "refused",
            Self::Corrupt(_) => "corrupt",
        }
    }
}

/// The kind of failure, and the record and store if they are known. The cause is
/// the [source](Error::source): [`Causes`] displays both.
impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match &self.details().location {
            Some(location) => write!(f, ": {location}"),
            None => Ok(()),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.details().source.as_deref().map(|source| source as _)
    }
}

/// Where an operation failed and why. Made from a cause with `into`:
///
/// ```
/// use sentinel_store::{Causes, Location, StoreError};
///
/// let error = StoreError::Unavailable("no route to host".into());
/// let error = error.at(|| Location::new("the table `sessions`").key("gate of `alice`"));
/// assert_eq!(
///     Causes(&error).to_string(),
///     "unavailable: gate of `alice` in the table `sessions`: no route to host",
/// );
/// ```
#[derive(Debug, Default)]
pub struct ErrorDetails {
    location: Option<Location>,
    source: Option<Source>,
}

impl ErrorDetails {
    /// The record and its store. `None` if the error was made outside a store.
    #[must_use]
    pub const fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// The cause. `None` if the kind of failure is sufficient, as for `NotFound`.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }
}

/// The cause, and nothing if there is none.
impl fmt::Display for ErrorDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => fmt::Display::fmt(source, f),
            None => Ok(()),
        }
    }
}

impl<E: Into<Source>> From<E> for ErrorDetails {
    fn from(source: E) -> Self {
        Self { location: None, source: Some(source.into()) }
    }
}

/// A store, and the record in it that an operation was about. Both are for people,
/// in messages and log lines.
///
/// A location names a session by its handle, which is public, and never by its id,
/// which contains the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    store: String,
    key: Option<String>,
}

/// Maximum length of the parts of a location, in characters: longer than any valid
/// key. A caller may have chosen the key.
const MAX_PART: usize = 1100;

impl Location {
    /// A store, such as ``the table `sessions` ``.
    #[must_use]
    pub fn new(store: impl fmt::Display) -> Self {
        Self { store: part(&store), key: None }
    }

    /// The same store, with a record in it, such as ``gate of `alice` ``.
    #[must_use]
    pub fn key(self, key: impl fmt::Display) -> Self {
        Self { key: Some(part(&key)), ..self }
    }
}

/// One line of bounded length.
fn part(text: &dyn fmt::Display) -> String {
    text.to_string().chars().filter(|char| !char.is_control()).take(MAX_PART).collect()
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{key} in {}", self.store),
            None => f.write_str(&self.store),
        }
    }
}

/// What callers and backends do with the result of a store.
pub trait StoreResultExt<T>: Sized {
    /// `None` for [`StoreError::NotFound`].
    ///
    /// # Errors
    /// Every other error.
    fn optional(self) -> Result<Option<T>, StoreError>;

    /// `None` for [`StoreError::Conflict`].
    ///
    /// # Errors
    /// Every other error.
    fn unless_conflict(self) -> Result<Option<T>, StoreError>;

    /// Adds where it failed, if the error has no location: [`StoreError::at`].
    ///
    /// # Errors
    /// The error, with a location.
    fn at(self, location: impl FnOnce() -> Location) -> Result<T, StoreError>;
}

impl<T> StoreResultExt<T> for Result<T, StoreError> {
    fn optional(self) -> Result<Option<T>, StoreError> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::NotFound(_)) => Ok(None),
            Err(
                error @ (StoreError::Conflict(_)
                | StoreError::Throttled(_)
                | StoreError::Unavailable(_)
                | StoreError::Refused(_)
                | StoreError::Corrupt(_)),
            ) => Err(error),
        }
    }

    fn unless_conflict(self) -> Result<Option<T>, StoreError> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::Conflict(_)) => Ok(None),
            Err(
                error @ (StoreError::NotFound(_)
                | StoreError::Throttled(_)
                | StoreError::Unavailable(_)
                | StoreError::Refused(_)
                | StoreError::Corrupt(_)),
            ) => Err(error),
        }
    }

    fn at(self, location: impl FnOnce() -> Location) -> Result<T, StoreError> {
        self.map_err(|error| error.at(location))
    }
}

/// An error and its causes, for messages and log lines: each source follows the
/// error that it caused.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it only displays an error")]
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
