//! Where commands write: results to stdout, everything else to stderr; and their exit status.

mod bounded_writer;
mod log;
mod outcome;
pub(crate) mod progress;
mod refused;
mod screen;
mod shell;
mod signature;
mod table;
mod terminal;
mod when;

pub(crate) use bounded_writer::BoundedWriter;
pub(crate) use log::log_to_stderr;
pub(crate) use outcome::{Failure, Outcome};
pub(crate) use refused::Refused;
pub(crate) use screen::{Format, Global, Screen, paint, printable};
#[cfg(feature = "aws")]
pub(crate) use sentinel_wire::quoted;
pub(crate) use shell::shell_word;
#[cfg(feature = "aws")]
pub(crate) use table::column;
pub(crate) use table::table;
pub(crate) use table::{Fit, records};
#[cfg(feature = "aws")]
pub(crate) use when::relative;
pub(crate) use when::{Times, both, length};
