//! The errors of the parser as diagnostics.

use granit_parser::{ErrorKind, ScanError};

use super::mistake::{self, Reached};
use crate::diagnostic::Finding;
use crate::{Limits, Position, Span};

/// The finding for an error of the parser, after which reading stops: the mistake
/// that probably caused it or, if no mistake was recognized, the error of the
/// parser.
pub(super) fn stop(
    error: &ScanError,
    text: &str,
    reached: Reached,
    limits: &Limits,
) -> (Span, Finding<'static>) {
    mistake::probable(error.kind(), text, reached).unwrap_or_else(|| {
        let (span, at_end) = character_at(text, reached.error);
        (span, finding(error.kind(), at_end, limits))
    })
}

/// The character at a place, and whether the text ends there. The place that the
/// parser reports can be after the end of a line or of the text.
fn character_at(text: &str, start: Position) -> (Span, bool) {
    let mut at = Position { line: 1, column: 1 };
    let mut characters = text.chars().peekable();
    while at < start {
        match characters.next() {
            None => return (Span { start: at, end: at }, true),
            Some('\r') if characters.peek() == Some(&'\n') => {}
            Some('\n' | '\r') if at.line == start.line => {
                return (Span { start: at, end: at }, false);
            }
            Some('\n' | '\r') => at = Position { line: at.line.saturating_add(1), column: 1 },
            Some(_) => at.column = at.column.saturating_add(1),
        }
    }
    let next = characters.next();
    let wide = u32::from(next.is_some_and(|c| !matches!(c, '\n' | '\r')));
    let end = Position { column: at.column.saturating_add(wide), ..at };
    (Span { start: at, end }, next.is_none())
}

/// The finding for an error of the parser that no known mistake explains.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the tables describe the other errors, and the parser's own message the rest"
)]
fn finding(kind: &ErrorKind, at_end: bool, limits: &Limits) -> Finding<'static> {
    match kind {
        ErrorKind::RecursionLimitExceeded => Finding::TooDeep { limit: limits.max_depth },
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::DocumentIndicatorInQuotedScalar => mistake::unclosed_quote(),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => mistake::tab_in_indentation(),
        other => match in_brackets(other, at_end).or_else(|| in_text(other)) {
            Some((problem, advice)) => {
                Finding::Syntax { problem: problem.to_owned(), advice: advice.map(str::to_owned) }
            }
            None => Finding::Syntax { problem: lower(&other.to_string()), advice: None },
        },
    }
}

/// A problem, and what to do about it.
type Description = (&'static str, Option<&'static str>);

/// The description of an error at a bracket, a brace, or a value that is missing.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other errors are elsewhere in a text")]
fn in_brackets(kind: &ErrorKind, at_end: bool) -> Option<Description> {
    Some(match kind {
        ErrorKind::UnclosedFlowCollection { .. } => {
            ("a bracket is not closed", Some("each `[` needs a `]` and each `{` a `}`"))
        }
        ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
            if at_end =>
        {
            ("the text ends inside a bracket", Some("each `[` needs a `]` and each `{` a `}`"))
        }
        // The parser reports this for any place without a value.
        ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::UnexpectedEofBlockSequence
        | ErrorKind::UnexpectedEofBlockMapping
        | ErrorKind::UnexpectedEof
        | ErrorKind::ExpectedNodeContent => ("a value is missing here", None),
        ErrorKind::InvalidColonPlacement => {
            ("a `:` is not allowed here", Some("is a bracket or a quote before it not closed?"))
        }
        ErrorKind::MismatchedFlowCollectionEnd { .. } | ErrorKind::MisplacedFlowCollectionEnd => {
            ("this bracket has no opening bracket", Some("each `[` needs a `]` and each `{` a `}`"))
        }
        ErrorKind::ExpectedFlowSequenceSeparator => {
            ("a list in brackets continues with `,` or ends with `]`", None)
        }
        ErrorKind::ExpectedFlowMappingSeparator => {
            ("a mapping in braces continues with `,` or ends with `}`", None)
        }
        _ => return None,
    })
}

/// The description of an error at a key, an entry or a text.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other errors are rare")]
fn in_text(kind: &ErrorKind) -> Option<Description> {
    Some(match kind {
        ErrorKind::MissingAnchorOrAliasName => {
            ("a text cannot begin with this character", Some("quote the text"))
        }
        ErrorKind::MappingValueNotAllowed => (
            "a `:` is not allowed here",
            Some(
                "quote a text that contains a colon and a space; keys of one mapping begin in the same column",
            ),
        ),
        ErrorKind::ExpectedDocumentStart => {
            ("the policy ended before this", Some("keys of one mapping begin in the same column"))
        }
        ErrorKind::MappingKeyNotAllowed => ("a key is not allowed here", None),
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
            "an escape in double quotes is not a YAML escape",
            Some("write `\\\\` for a backslash, or use single quotes"),
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "something follows the closing quote",
            Some("in double quotes a quote is `\\\"`, in single quotes it is `''`"),
        ),
        _ => return None,
    })
}

/// The message of the parser in the style of the diagnostics: without a capital at
/// the beginning and without a final period.
fn lower(text: &str) -> String {
    let mut characters = text.trim_end_matches('.').chars();
    characters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}
