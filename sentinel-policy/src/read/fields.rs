//! Mappings with known keys, and lists.

use super::Reader;
use crate::diagnostic::{Finding, Meant, Subject, Type, nearest};
use crate::document::{Kind, Mapping, Node, joined};
use crate::{Span, Spanned};

/// The keys that a kind of mapping can have.
pub(crate) struct Shape {
    /// A description of the mapping in a message.
    pub(crate) place: &'static str,
    /// The keys. Required keys are first.
    pub(crate) keys: &'static [&'static str],
    /// The number of required keys.
    pub(crate) required: usize,
    /// The keys whose value is a mapping, with the keys of that mapping.
    pub(crate) nested: &'static [(&'static str, &'static [&'static str])],
}

/// A key in the document, and its value.
#[derive(Clone, Copy)]
pub(crate) struct Field<'n> {
    /// The key of the language, also if the document misspells it.
    pub(crate) key: &'static str,
    pub(crate) key_span: Span,
    /// Never null.
    pub(crate) node: &'n Node<'n>,
}

impl Field<'_> {
    /// The subject that messages about the value name.
    pub(crate) fn subject(&self) -> Subject<'static> {
        Subject::Key(self.key)
    }

    /// The range of the key and the value together.
    pub(crate) fn span(&self) -> Span {
        Span { start: self.key_span.start, end: self.node.span.end }
    }
}

/// The keys of a mapping that have a value.
pub(crate) struct Fields<'n> {
    pub(crate) given: Vec<Field<'n>>,
    /// The keys that belong one level deeper, which was reported.
    pub(crate) misplaced: Vec<Field<'n>>,
}

impl<'n> Fields<'n> {
    /// The field with that key, if the mapping has it.
    pub(crate) fn get(&self, key: &str) -> Option<Field<'n>> {
        self.given.iter().find(|field| field.key == key).copied()
    }
}

impl<'n> Reader<'n> {
    /// The fields of a node that must be a mapping.
    pub(crate) fn fields(
        &mut self,
        what: Subject<'_>,
        node: &'n Node<'n>,
        shape: &Shape,
    ) -> Option<Fields<'n>> {
        let mapping = self.mapping(what, node)?;
        Some(self.fields_of(mapping, shape))
    }

    /// A node that must be a mapping.
    pub(crate) fn mapping(
        &mut self,
        what: Subject<'_>,
        node: &'n Node<'n>,
    ) -> Option<&'n Mapping<'n>> {
        match &node.kind {
            Kind::Mapping(mapping) => Some(mapping),
            Kind::Scalar(_) | Kind::List(_) | Kind::Refused => {
                self.wrong_type(what, node, Type::MAPPING);
                None
            }
        }
    }

    /// The fields of a mapping. Unknown keys, missing keys and keys without a value are
    /// reported. A misspelled key is read as the key that was meant, so that it is not
    /// also reported as missing.
    pub(crate) fn fields_of(&mut self, mapping: &'n Mapping<'n>, shape: &Shape) -> Fields<'n> {
        let Shape { place, keys, required, .. } = shape;
        let known = |written: &str| keys.iter().copied().find(|key| *key == written);
        let mut present: Vec<&'static str> =
            mapping.entries.iter().filter_map(|entry| known(&entry.key)).collect();
        let mut given = Vec::new();
        let misplaced = self.misplaced(mapping, shape);
        let is_misplaced = |span| misplaced.iter().any(|(_, field)| field.key_span == span);
        for entry in &mapping.entries {
            if is_misplaced(entry.key_span) {
                continue;
            }
            let key = match known(&entry.key) {
                Some(key) => key,
                None => {
                    // `name:"a"` in braces is a key of eight characters.
                    let joined = entry.value.is_null().then(|| joined(&entry.key)).flatten();
                    let unknown = Finding::UnknownKey {
                        key: &entry.key,
                        place,
                        known: keys,
                        joined: joined.is_some(),
                    };
                    // A key that will not be reported does not need to be compared.
                    let look = !self.findings.is_full();
                    self.findings.report(entry.key_span, unknown);
                    if let Some((key, _)) = joined {
                        present.extend(known(key));
                        continue;
                    }
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
            // The value of this key is the misplaced part.
            let moved = misplaced.iter().any(|(under, _)| *under == key);
            if moved && entry.value.is_null() || self.is_null(key, &entry.value, entry.key_span) {
                continue;
            }
            given.push(Field { key, key_span: entry.key_span, node: &entry.value });
        }
        for key in keys.iter().copied().take(*required).filter(|key| !present.contains(key)) {
            self.findings.report(mapping.head, Finding::MissingKey { key, place });
        }
        Fields { given, misplaced: misplaced.into_iter().map(|(_, field)| field).collect() }
    }

    /// The keys of a mapping that belong one level deeper, each with the key that it
    /// belongs under. They are reported together, since they have one cause.
    fn misplaced(
        &mut self,
        mapping: &'n Mapping<'n>,
        shape: &Shape,
    ) -> Vec<(&'static str, Field<'n>)> {
        let mut misplaced = Vec::new();
        if shape.nested.is_empty() {
            return misplaced;
        }
        // The last key before it that has no value yet, if there is one.
        let mut open = None;
        for entry in &mapping.entries {
            let written = &*entry.key;
            if shape.keys.contains(&written) {
                if entry.value.is_null() {
                    open = shape.nested.iter().find(|(under, _)| *under == written);
                }
                continue;
            }
            let holds = |(_, keys): &&(&str, &'static [&'static str])| keys.contains(&written);
            let found = open.filter(holds).or_else(|| shape.nested.iter().find(holds));
            if let Some((under, keys)) = found
                && let Some(key) = keys.iter().copied().find(|key| *key == written)
            {
                let (key_span, node) = (entry.key_span, &entry.value);
                misplaced.push((*under, Field { key, key_span, node }));
            }
        }
        if let Some((under, first)) = misplaced.first() {
            let others = misplaced.len().saturating_sub(1);
            let open = mapping.entries.iter().any(|e| e.key == *under && e.value.is_null());
            let finding =
                Finding::NestedKey { key: first.key, place: shape.place, under, others, open };
            self.findings.report(first.key_span, finding);
        }
        misplaced.retain(|(_, field)| !field.node.is_null());
        misplaced
    }

    /// Whether a value is null. If so, this is reported at `span`.
    pub(crate) fn is_null(&mut self, key: &str, node: &Node<'_>, span: Span) -> bool {
        let null = node.is_null();
        if null {
            self.findings.report(span, Finding::NullValue { what: Subject::Key(key) });
        }
        null
    }

    /// Reports that a value has the wrong type, unless the parser reported the value.
    pub(crate) fn wrong_type(
        &mut self,
        what: Subject<'_>,
        node: &Node<'_>,
        expected: &'static Type,
    ) {
        if let Some((span, character)) = node.lookalike_space() {
            self.findings.report(span, Finding::LookalikeSpace { character });
            return;
        }
        let finding = match &node.kind {
            Kind::Refused => return,
            Kind::Scalar(scalar) if scalar.is_null() => Finding::NullValue { what },
            Kind::Scalar(_) | Kind::List(_) | Kind::Mapping(_) => Finding::WrongType {
                what,
                expected,
                found: node.describe(),
                value: node.text(),
                meant: meant(node, expected),
            },
        };
        self.findings.report(node.span, finding);
    }

    /// The entries of a node that must be a list and must not be empty.
    pub(crate) fn list(
        &mut self,
        key: &str,
        node: &'n Node<'n>,
        expected: &'static Type,
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

    /// Reads every entry of a list.
    pub(crate) fn each<T>(
        &mut self,
        field: Field<'n>,
        mut read: impl FnMut(&mut Self, &'static str, &'n Node<'n>) -> Option<T>,
    ) -> Option<Vec<Spanned<T>>> {
        let items = self.list(field.key, field.node, Type::LIST)?;
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let value = read(self, field.key, item);
            values.extend(value.map(|value| Spanned::new(value, item.span)));
        }
        Some(values)
    }

    /// Reads a list of rules of some kind. Each rule must have a unique name.
    pub(crate) fn rules_of<T>(
        &mut self,
        field: Option<Field<'n>>,
        mut read: impl FnMut(&mut Self, &'n Node<'n>) -> Option<T>,
    ) -> Vec<T> {
        let Some(field) = field else { return Vec::new() };
        let Some(items) = self.list(field.key, field.node, Type::RULES) else {
            return Vec::new();
        };
        let limit = self.limits.max_rules;
        if let Some(first_beyond) = items.get(limit) {
            let (key, count) = (field.key, items.len());
            self.findings.report(first_beyond.span, Finding::TooManyRules { key, count, limit });
        }
        self.names.clear();
        // Rules are large, and a list that grows as needed can have room for twice as many.
        let mut rules = Vec::with_capacity(items.len().min(limit));
        rules.extend(items.iter().take(limit).filter_map(|item| read(self, item)));
        rules.shrink_to_fit();
        rules
    }
}

/// The text that was probably meant by a value of the wrong type.
fn meant<'n>(node: &'n Node<'n>, expected: &'static Type) -> Meant<'n> {
    match &node.kind {
        Kind::Scalar(scalar) if scalar.plain => {
            let text = &*scalar.text;
            let first = text.split_once(' ').map_or(text, |(first, _)| first);
            let entry =
                first.strip_prefix('-').filter(|rest| rest.starts_with(char::is_alphanumeric));
            match (expected, entry, joined(text)) {
                (Type::MAPPING, _, Some(_)) => Meant::Pair(text),
                (Type::LIST | Type::RULES, Some(entry), _) => Meant::Entry(entry),
                _ => Meant::Unknown,
            }
        }
        Kind::Mapping(mapping) => match mapping.entries.as_slice() {
            [entry] if entry.key == "group" => {
                entry.value.text().map_or(Meant::Unknown, Meant::Group)
            }
            [entry] if entry.key == "principals" && expected == Type::TEXT => Meant::Member,
            [entry] if entry.key == "account" && entry.value.is_null() => Meant::Placeholder,
            _ => Meant::Unknown,
        },
        Kind::Scalar(_) | Kind::List(_) | Kind::Refused => Meant::Unknown,
    }
}
