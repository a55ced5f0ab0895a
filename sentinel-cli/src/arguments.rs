//! Values of arguments that several commands have.

use std::time::Duration;

use sentinel_policy::parse_duration;

/// What is a valid name of a profile, and of its document.
pub(crate) const NAME_RULE: &str =
    "a name has 1 to 64 characters of `A-Z a-z 0-9 . _ -`, and starts with a letter or digit";

/// Reads a duration above 0, written as in policies.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("a duration must be above 0".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(error.to_string()),
    }
}
