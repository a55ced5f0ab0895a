//! The environment of the function. It is read once, and every problem is reported.

use sentinel_function::{ConfigError, ConfigWarning, Function, Reader, unread};
use sentinel_store::{Generation, SessionKeys};

use crate::response::ResponseFormat;

/// The configuration, from the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The name of the session table.
    pub session_table: String,
    /// The generation of valid sessions.
    pub generation: Generation,
    /// The keys of the check in session ids. `None` for ids without a check.
    pub session_keys: Option<SessionKeys>,
    /// The response to events of payload format 2.0.
    pub format: ResponseFormat,
}

impl Config {
    /// Reads the variables that the crate documentation lists. `variable` returns the value of one.
    ///
    /// # Errors
    /// Every variable that is missing or invalid.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<ConfigError>> {
        let mut reader = Reader::new(&variable);
        let config = Self::parse(&mut reader);
        let errors = reader.into_errors();
        config.filter(|_| errors.is_empty()).ok_or(errors)
    }

    /// The problems that do not stop the function: the variables that have no effect. `set` are the
    /// names of all variables that are set.
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
            reader.error(TABLE, "must be set: the table in which the TVM tracks sessions");
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

/// The format alone. It determines how a refusal must look, even if other variables are invalid.
#[cfg(feature = "lambda")]
pub(crate) fn format(variable: impl Fn(&str) -> Option<String>) -> ResponseFormat {
    Reader::new(&variable)
        .text(FORMAT)
        .and_then(|text| ResponseFormat::parse(&text))
        .unwrap_or_default()
}
