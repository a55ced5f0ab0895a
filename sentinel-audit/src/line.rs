//! One line of a log.

use memchr::memmem;
use sentinel_store::{DecisionRecord, Event};
use serde::Serialize;

/// Some editors on Windows write it at the start of a UTF-8 file.
const BOM: &[u8] = "\u{feff}".as_bytes();
/// Maximum length of a time before a record, in bytes.
const MAX_TIME: usize = 40;

/// What one line of a log contains.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a reader must handle every kind of line")]
pub enum Line {
    /// A decision on a request for credentials.
    Decision(Box<DecisionRecord>),
    /// Another event.
    Event(Box<Event>),
    /// Not a record: metrics, a diagnostic, a line of the platform, or an empty line.
    Other,
    /// A record that cannot be read.
    Unreadable(Unreadable),
}

/// Why a record cannot be read: the message of the JSON reader.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// The message.
    pub message: String,
}

impl Line {
    /// Reads a line, with or without its end.
    ///
    /// ```
    /// use sentinel_audit::Line;
    ///
    /// let line = br#"{"timestamp":"2026-01-25T12:00:00Z","event":"revocation","by":"carol"}"#;
    /// let Line::Event(event) = Line::parse(line) else { panic!() };
    /// assert_eq!(event.by.as_deref(), Some("carol"));
    /// assert_eq!(Line::parse(b"START RequestId: 5f1c"), Line::Other);
    /// ```
    #[must_use]
    pub fn parse(line: &[u8]) -> Self {
        let text = record_of(line);
        if !text.starts_with(b"{") {
            return Self::Other;
        }
        // Within a text these would have a backslash before the quotation marks.
        let has = |key: &str| memmem::find(text, key.as_bytes()).is_some();
        let read = if has("\"effect\":") {
            serde_json::from_slice(text).map(Self::Decision)
        } else if has("\"event\":") && has("\"timestamp\":") {
            serde_json::from_slice(text).map(Self::Event)
        } else {
            return Self::Other;
        };
        read.unwrap_or_else(|error| Self::Unreadable(Unreadable { message: error.to_string() }))
    }
}

/// The record of a line: without white space around it, and without the time that an export of
/// CloudWatch Logs writes before it. Nothing else before a record is skipped: a diagnostic may quote the
/// text of a caller.
pub(crate) fn record_of(line: &[u8]) -> &[u8] {
    let line = line.strip_prefix(BOM).unwrap_or(line).trim_ascii();
    if line.starts_with(b"{") {
        return line;
    }
    let is_time = |time: &[u8]| {
        (10..=MAX_TIME).contains(&time.len())
            && time.first().is_some_and(u8::is_ascii_digit)
            && time.iter().all(|byte| byte.is_ascii_digit() || b"-:T.Z+".contains(byte))
    };
    match line.iter().position(|byte| *byte == b' ').and_then(|end| line.split_at_checked(end)) {
        Some((time, record)) if is_time(time) => record.trim_ascii_start(),
        _ => line,
    }
}

/// The word that JSON has for a value, such as the kind of an event, with spaces. Empty for other values.
///
/// ```
/// use sentinel_audit::word;
///
/// assert_eq!(word(sentinel_store::EventKind::RequestApproved), "request approved");
/// ```
#[must_use]
pub fn word(value: impl Serialize) -> String {
    let value = serde_json::to_value(value).ok();
    value.and_then(|value| value.as_str().map(|word| word.replace('_', " "))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"timestamp":"2026-01-25T12:00:00Z","event":"revocation"}"#;

    #[test]
    fn a_record_may_have_a_time_before_it_and_nothing_else() {
        let is_event = |text: &str| matches!(Line::parse(text.as_bytes()), Line::Event(_));
        assert!(is_event(EVENT));
        assert!(is_event(&format!("  {EVENT}\r\n")));
        assert!(is_event(&format!("2026-01-25T12:00:00.123Z {EVENT}")));
        assert!(is_event(&format!("\u{feff}{EVENT}")));
        for before in ["WARN", "2026-01-25T12:00:00Z WARN", "1", "2026-01-25T12:00:00Z\" ", "- "] {
            assert!(!is_event(&format!("{before} {EVENT}")), "{before}");
        }
    }

    #[test]
    fn a_record_that_cannot_be_read_is_not_skipped() {
        for text in [
            r#"{"timestamp":"2026-01-25T12:00:00Z","event":"revo"#,
            r#"{"timestamp":"yesterday","event":"revocation"}"#,
            r#"{"timestamp":"2026-01-25T12:00:00Z","effect":"allow"}"#,
            r#"{"timestamp":"2026-01-25T12:00:00Z","effect":"allow","event":"revocation"}"#,
        ] {
            assert!(matches!(Line::parse(text.as_bytes()), Line::Unreadable(_)), "{text}");
        }
        let metrics = r#"{"_aws":{"Timestamp":0},"Vends":1}"#;
        assert_eq!(Line::parse(metrics.as_bytes()), Line::Other);
    }
}
