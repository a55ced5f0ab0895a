//! The parser's errors in our words.

use granit_parser::{ErrorKind, ScanError};

use crate::diagnostic::Finding;
use crate::{Limits, Position, Span};

/// The finding for an error of the parser, after which nothing can be read.
pub(super) fn stop(error: &ScanError, limits: &Limits) -> (Span, Finding<'static>) {
    let start = super::tree::position(*error.marker());
    let span = Span { start, end: Position { column: start.column.saturating_add(1), ..start } };
    (span, finding(error.kind(), limits))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the parser's own words do for what is not met in practice, and for what it may add"
)]
fn finding(kind: &ErrorKind, limits: &Limits) -> Finding<'static> {
    let (problem, advice) = match kind {
        ErrorKind::RecursionLimitExceeded => return Finding::TooDeep { limit: limits.max_depth },
        ErrorKind::UnclosedQuotedScalar => ("the quote that begins here is not closed", None),
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping => {
            ("a bracket is not closed", Some("each `[` needs a `]` and each `{` a `}`"))
        }
        ErrorKind::MismatchedFlowCollectionEnd { .. } | ErrorKind::MisplacedFlowCollectionEnd => {
            ("this bracket closes nothing", Some("each `[` needs a `]` and each `{` a `}`"))
        }
        ErrorKind::ExpectedFlowSequenceSeparator => {
            ("a list in brackets goes on with `,` or ends with `]`", None)
        }
        ErrorKind::ExpectedFlowMappingSeparator => {
            ("a mapping in braces goes on with `,` or ends with `}`", None)
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => {
            ("a tab cannot indent YAML", Some("indent with spaces"))
        }
        ErrorKind::MappingValueNotAllowed => (
            "a `:` cannot stand here",
            Some(
                "quote a text that holds a colon and a space; keys of one mapping begin in the same column",
            ),
        ),
        ErrorKind::MappingKeyNotAllowed => ("a key cannot stand here", None),
        ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::SimpleKeyExpected
        | ErrorKind::InvalidSimpleKey => (
            "neither a key nor an entry of a list can be read here",
            Some(
                "keys of one mapping, and entries of one list, begin in the same column; a key is followed by `:` and a space",
            ),
        ),
        ErrorKind::UnexpectedCharacter { .. } => {
            ("a text cannot begin with this character", Some("quote the text"))
        }
        ErrorKind::UnknownQuotedScalarEscape
        | ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate
        | ErrorKind::InvalidUnicodeEscape => (
            "an escape in double quotes is not one that YAML knows",
            Some("write `\\\\` for a backslash, or use single quotes"),
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "something follows the closing quote",
            Some("in double quotes a quote is `\\\"`, in single quotes it is `''`"),
        ),
        other => return Finding::Syntax { problem: lower(&other.to_string()), advice: None },
    };
    Finding::Syntax { problem: problem.to_owned(), advice }
}

/// The parser's words as our messages are: without capitals at the beginning,
/// without a period at the end.
fn lower(text: &str) -> String {
    let mut characters = text.trim_end_matches('.').chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}
