//! Places in the source. Every checked node keeps its place, so that an error found
//! three stages later can underline the text.

/// A place in the source text. Lines and columns count from 1, columns in
/// characters (Unicode scalar values), not bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a position is a line and a column")]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// A range of the source text; the end is exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a range is a start and an end")]
pub struct Span {
    /// The position of the first character.
    pub start: Position,
    /// The position after the last character.
    pub end: Position,
}

/// A value and its place in the source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "it is a value and its place")]
pub struct Spanned<T> {
    /// The value, as it was read.
    pub value: T,
    /// The place of the value in the source.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Combines a value and its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}
