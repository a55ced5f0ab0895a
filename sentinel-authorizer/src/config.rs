//! The environment of the function: read once, every fault reported at once.

use sentinel_function::{ConfigError, ConfigWarning, Function, Reader, unread};
use sentinel_store::{Generation, SessionKeys};

use crate::ResponseFormat;

/// What the environment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The name of the session table.
    pub session_table: String,
    /// The generation that sessions must be of.
    pub generation: Generation,
    /// The keys of the check in session ids. `None` for ids without a check.
    pub session_keys: Option<SessionKeys>,
    /// How payload format 2.0 is answered.
    pub format: ResponseFormat,
}

impl Config {
    /// Reads the variables that the crate documentation lists, by way of `variable`.
    ///
    /// # Errors
    /// Every variable that is missing or malformed.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<ConfigError>> {
        let mut reader = Reader::new(&variable);
        let config = Self::parse(&mut reader);
        let faults = reader.into_faults();
        config.filter(|_| faults.is_empty()).ok_or(faults)
    }

    /// What an operator has to look at: the variables among `set`, the names of all that are set,
    /// that have no effect.
    pub fn warnings(
        variable: impl Fn(&str) -> Option<String>,
        set: impl IntoIterator<Item = String>,
    ) -> Vec<ConfigWarning> {
        let mut reader = Reader::new(&variable);
        Self::parse(&mut reader);
        unread(Function::Authorizer, reader.names(), set)
    }

    fn parse(reader: &mut Reader<'_>) -> Option<Self> {
        const TABLE: &str = "SENTINEL_SESSION_TABLE";
        let session_table = reader.table(TABLE);
        if session_table.is_none() && reader.text(TABLE).is_none() {
            reader.fault(TABLE, "must be set: the table in which the TVM tracks sessions");
        }
        let generation = reader.read("SENTINEL_GENERATION", "a whole number", |text| {
            text.parse().ok().map(Generation)
        });
        let session_keys =
            reader.read("SENTINEL_SESSION_KEY", SessionKeys::FORM, SessionKeys::parse);
        let format = reader.read(FORMAT, "`policy` or `simple`", ResponseFormat::parse);
        Some(Self {
            session_table: session_table?,
            generation: generation.unwrap_or_default(),
            session_keys,
            format: format.unwrap_or_default(),
        })
    }
}

const FORMAT: &str = "SENTINEL_AUTHORIZER_RESPONSE";

/// The format alone: what is faulty beside it changes nothing in how a refusal
/// must look.
#[cfg(feature = "lambda")]
pub(crate) fn format(variable: impl Fn(&str) -> Option<String>) -> ResponseFormat {
    Reader::new(&variable)
        .text(FORMAT)
        .and_then(|text| ResponseFormat::parse(&text))
        .unwrap_or_default()
}
