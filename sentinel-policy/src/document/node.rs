//! The tree: mappings, lists and text, each with its place.

use std::borrow::Cow;

use crate::diagnostic::space;
use crate::{Position, Span};

/// A value of the document.
#[derive(Debug)]
pub(crate) struct Node<'s> {
    pub(crate) kind: Kind<'s>,
    pub(crate) span: Span,
}

/// What a value is.
#[derive(Debug)]
pub(crate) enum Kind<'s> {
    Scalar(Scalar<'s>),
    List(Vec<Node<'s>>),
    Mapping(Mapping<'s>),
    /// A value that is not allowed in this place, which was reported.
    Refused,
}

/// A text. The key determines its type: the text of an unquoted `1` or `09:00` is
/// what is written.
#[derive(Debug)]
pub(crate) struct Scalar<'s> {
    pub(crate) text: Cow<'s, str>,
    /// Whether the text is written without quotes.
    pub(crate) plain: bool,
}

impl Scalar<'_> {
    /// Whether the text is YAML's null: an empty value, `~` or `null` without quotes.
    pub(crate) fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}

/// Keys and values in the order of the source, no key twice.
#[derive(Debug)]
pub(crate) struct Mapping<'s> {
    pub(crate) entries: Vec<Entry<'s>>,
    /// The part that is underlined if a key is missing: the part of the mapping on its
    /// first line.
    pub(crate) head: Span,
}

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Entry<'s> {
    pub(crate) key: Cow<'s, str>,
    pub(crate) key_span: Span,
    pub(crate) value: Node<'s>,
}

impl Node<'_> {
    /// Returns the node with owned texts.
    pub(super) fn into_owned(self) -> Node<'static> {
        let kind = match self.kind {
            Kind::Scalar(Scalar { text, plain }) => {
                Kind::Scalar(Scalar { text: Cow::Owned(text.into_owned()), plain })
            }
            Kind::List(items) => Kind::List(items.into_iter().map(Node::into_owned).collect()),
            Kind::Mapping(Mapping { entries, head }) => {
                let entries = entries.into_iter().map(|entry| Entry {
                    key: Cow::Owned(entry.key.into_owned()),
                    key_span: entry.key_span,
                    value: entry.value.into_owned(),
                });
                Kind::Mapping(Mapping { entries: entries.collect(), head })
            }
            Kind::Refused => Kind::Refused,
        };
        Node { kind, span: self.span }
    }

    /// Whether the node is YAML's null.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar) if scalar.is_null())
    }

    /// A description of the node in a message.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(scalar) if scalar.is_null() => "nothing",
            Kind::Scalar(_) => "the text",
            Kind::List(_) => "a list",
            Kind::Mapping(_) => "a mapping",
            Kind::Refused => "an alias",
        }
    }

    /// The first characters in its text that look like spaces but are different
    /// characters: their place or, if the text has escapes or several lines, the place
    /// of the text.
    pub(crate) fn lookalike_space(&self) -> Option<(Span, char)> {
        let Kind::Scalar(scalar) = &self.kind else { return None };
        let (character, start, length) = space::find(&scalar.text)?;
        let quote = usize::from(!scalar.plain);
        let Span { start: first, end } = self.span;
        let column = |offset: usize| {
            let offset = u32::try_from(offset.saturating_add(quote)).unwrap_or(u32::MAX);
            Position { column: first.column.saturating_add(offset), ..first }
        };
        let as_written = first.line == end.line
            && end == column(scalar.text.chars().count().saturating_add(quote));
        let run = Span { start: column(start), end: column(start.saturating_add(length)) };
        Some((if as_written { run } else { self.span }, character))
    }

    /// The text. `None` if the node is not a text.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(scalar) if !scalar.is_null() => Some(&scalar.text),
            Kind::Scalar(_) | Kind::List(_) | Kind::Mapping(_) | Kind::Refused => None,
        }
    }
}
