//! The tree: mappings, lists and text, each with its place.

use std::borrow::Cow;

use crate::Span;

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
    /// Something of which it was said already that it may not stand here.
    Refused,
}

/// A text. What type it has is for the key to say: an unquoted `1` or `09:00` is
/// what is written.
#[derive(Debug)]
pub(crate) struct Scalar<'s> {
    pub(crate) text: Cow<'s, str>,
    /// Whether it stands without quotes.
    pub(crate) plain: bool,
}

impl Scalar<'_> {
    /// Whether it is YAML's null: nothing, `~` or `null` without quotes.
    pub(crate) fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }
}

/// Keys and values in the order of the source, no key twice.
#[derive(Debug)]
pub(crate) struct Mapping<'s> {
    pub(crate) entries: Vec<Entry<'s>>,
    /// What is underlined where something is missing: all of the mapping that
    /// stands on its first line.
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
    /// What it is, in words.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar(scalar) if scalar.is_null() => "nothing",
            Kind::Scalar(_) => "the text",
            Kind::List(_) => "a list",
            Kind::Mapping(_) => "a mapping",
            Kind::Refused => "an alias",
        }
    }

    /// Its text, where it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(scalar) if !scalar.is_null() => Some(&scalar.text),
            Kind::Scalar(_) | Kind::List(_) | Kind::Mapping(_) | Kind::Refused => None,
        }
    }
}
