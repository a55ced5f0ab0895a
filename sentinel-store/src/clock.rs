//! The time of day, as an argument.

use std::fmt;

use chrono::{DateTime, Utc};

/// Tells the time. Inside Sentinel `now` is always an argument; this is where
/// it enters.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The instant at which it is asked.
    fn now(&self) -> DateTime<Utc>;
}

/// A clock that stands still.
impl Clock for DateTime<Utc> {
    fn now(&self) -> DateTime<Utc> {
        *self
    }
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        std::time::SystemTime::now().into()
    }
}
