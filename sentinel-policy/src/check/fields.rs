//! Mappings with known keys, and lists.

use super::Checker;
use crate::diagnostic::{Finding, Subject, nearest};
use crate::document::{Kind, Mapping, Node};
use crate::{AnyOf, Span, Spanned};

/// The keys that a mapping of some kind may have.
pub(super) struct Shape {
    /// What the mapping is, in words.
    pub(super) place: &'static str,
    /// Its keys, the required ones first.
    pub(super) keys: &'static [&'static str],
    /// How many of them are required.
    pub(super) required: usize,
}

/// What a list of single values is, in words.
pub(crate) const LIST: &str = "a list";

/// A key that was given, and its value.
#[derive(Clone, Copy)]
pub(super) struct Field<'n> {
    /// The key of the language, also where it was misspelt.
    pub(super) key: &'static str,
    pub(super) key_span: Span,
    /// Never null.
    pub(super) node: &'n Node<'n>,
}

impl Field<'_> {
    /// What its value is said to belong to.
    pub(super) fn subject(&self) -> Subject<'static> {
        Subject::Key(self.key)
    }

    /// Key and value together.
    pub(super) fn span(&self) -> Span {
        Span { start: self.key_span.start, end: self.node.span.end }
    }
}

/// The keys that were given in a mapping and have a value.
pub(super) struct Fields<'n> {
    given: Vec<Field<'n>>,
}

impl<'n> Fields<'n> {
    /// The field of that key, when it was given.
    pub(super) fn get(&self, key: &str) -> Option<Field<'n>> {
        self.given.iter().find(|field| field.key == key).copied()
    }
}

impl<'n> Checker<'n> {
    /// The fields of a node that must be a mapping.
    pub(super) fn fields(
        &mut self,
        what: Subject<'_>,
        node: &'n Node<'n>,
        shape: &Shape,
    ) -> Option<Fields<'n>> {
        let mapping = self.mapping(what, node)?;
        Some(self.fields_of(mapping, shape))
    }

    /// A node that must be a mapping.
    pub(super) fn mapping(
        &mut self,
        what: Subject<'_>,
        node: &'n Node<'n>,
    ) -> Option<&'n Mapping<'n>> {
        match &node.kind {
            Kind::Mapping(mapping) => Some(mapping),
            Kind::Scalar(_) | Kind::List(_) | Kind::Refused => {
                self.wrong_type(what, node, "a mapping");
                None
            }
        }
    }

    /// The fields of a mapping. Unknown and missing keys and keys without value
    /// are reported; a misspelt key is read as the one that was meant, so that
    /// it is not missed as well.
    pub(super) fn fields_of(&mut self, mapping: &'n Mapping<'n>, shape: &Shape) -> Fields<'n> {
        let Shape { place, keys, required } = shape;
        let known = |written: &str| keys.iter().copied().find(|key| *key == written);
        let mut present: Vec<&'static str> =
            mapping.entries.iter().filter_map(|entry| known(&entry.key)).collect();
        let mut given = Vec::new();
        for entry in &mapping.entries {
            let key = match known(&entry.key) {
                Some(key) => key,
                None => {
                    let unknown = Finding::UnknownKey { key: &entry.key, place, known: keys };
                    // Once no more findings will be told there is nothing to save.
                    let look = !self.findings.is_full();
                    self.findings.report(entry.key_span, unknown);
                    let meant = look.then(|| nearest(&entry.key, keys.iter().copied())).flatten();
                    match meant.filter(|meant| !present.contains(meant)) {
                        Some(meant) => {
                            present.push(meant);
                            meant
                        }
                        None => continue,
                    }
                }
            };
            if self.is_null(key, &entry.value, entry.key_span) {
                continue;
            }
            given.push(Field { key, key_span: entry.key_span, node: &entry.value });
        }
        for key in keys.iter().copied().take(*required).filter(|key| !present.contains(key)) {
            self.findings.report(mapping.head, Finding::MissingKey { key, place });
        }
        Fields { given }
    }

    /// Whether a value is null, which is reported at `span`.
    pub(super) fn is_null(&mut self, key: &str, node: &Node<'_>, span: Span) -> bool {
        let null = matches!(&node.kind, Kind::Scalar(scalar) if scalar.is_null());
        if null {
            self.findings.report(span, Finding::NullValue { what: Subject::Key(key) });
        }
        null
    }

    /// Reports that a value is not what it should be, unless that was said.
    pub(super) fn wrong_type(
        &mut self,
        what: Subject<'_>,
        node: &Node<'_>,
        expected: &'static str,
    ) {
        let finding = match &node.kind {
            Kind::Refused => return,
            Kind::Scalar(scalar) if scalar.is_null() => Finding::NullValue { what },
            Kind::Scalar(_) | Kind::List(_) | Kind::Mapping(_) => {
                Finding::WrongType { what, expected, found: node.describe(), value: node.text() }
            }
        };
        self.findings.report(node.span, finding);
    }

    /// The entries of a node that must be a list, and not an empty one.
    pub(super) fn list(
        &mut self,
        key: &str,
        node: &'n Node<'n>,
        expected: &'static str,
    ) -> Option<&'n [Node<'n>]> {
        match &node.kind {
            Kind::List(items) if items.is_empty() => {
                self.findings.report(node.span, Finding::EmptyList { key });
                None
            }
            Kind::List(items) => Some(items),
            Kind::Scalar(_) | Kind::Mapping(_) | Kind::Refused => {
                self.wrong_type(Subject::Key(key), node, expected);
                None
            }
        }
    }

    /// Every entry of a list, read.
    pub(super) fn each<T>(
        &mut self,
        field: Field<'n>,
        mut read: impl FnMut(&mut Self, &'static str, &'n Node<'n>) -> Option<T>,
    ) -> Option<AnyOf<T>> {
        let items = self.list(field.key, field.node, LIST)?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let value = read(self, field.key, item);
            values.extend(value.map(|value| Spanned::new(value, item.span)));
        }
        Some(values)
    }

    /// A list of rules of some kind, each with a name of its own.
    pub(super) fn rules_of<T>(
        &mut self,
        field: Option<Field<'n>>,
        mut read: impl FnMut(&mut Self, &'n Node<'n>) -> Option<T>,
    ) -> Vec<T> {
        let Some(field) = field else { return Vec::new() };
        let Some(items) = self.list(field.key, field.node, "a list of rules") else {
            return Vec::new();
        };
        let limit = self.limits.max_rules;
        if let Some(first_beyond) = items.get(limit) {
            let (key, count) = (field.key, items.len());
            self.findings.report(first_beyond.span, Finding::TooManyRules { key, count, limit });
        }
        self.names.clear();
        items.iter().take(limit).filter_map(|item| read(self, item)).collect()
    }
}
