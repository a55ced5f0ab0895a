//! Single values: text, flags, counts, durations and words of a closed set.

use std::time::Duration;

use super::Reader;
use super::fields::Field;
use crate::closed_set::ClosedSet;
use crate::diagnostic::{Finding, Subject, Type};
use crate::document::{Kind, Node};
use crate::{Spanned, parse_duration};

impl<'n> Reader<'n> {
    /// Reads a text that may be empty.
    pub(crate) fn any_text(&mut self, what: Subject<'_>, node: &'n Node<'n>) -> Option<&'n str> {
        let text = node.text();
        if text.is_none() {
            self.wrong_type(what, node, Type::TEXT);
        }
        text
    }

    /// Reads a text in which characters that only look like spaces are mistakes.
    pub(crate) fn exact_text(&mut self, what: Subject<'_>, node: &'n Node<'n>) -> Option<&'n str> {
        let text = self.any_text(what, node)?;
        if let Some((span, character)) = node.lookalike_space() {
            self.findings.report(span, Finding::LookalikeSpace { character });
            return None;
        }
        Some(text)
    }

    /// Reads a text that must not be empty.
    pub(crate) fn text(&mut self, what: Subject<'_>, node: &'n Node<'n>) -> Option<&'n str> {
        let text = self.any_text(what, node)?;
        if text.is_empty() {
            self.findings.report(node.span, Finding::EmptyText { what });
            return None;
        }
        Some(text)
    }

    /// Reads the name of a rule, with its place. It must be unique in the list that is
    /// being read.
    pub(crate) fn name(&mut self, field: Field<'n>) -> Option<Spanned<String>> {
        let (name, span) = (self.text(field.subject(), field.node)?, field.node.span);
        match self.names.get(name) {
            Some(&line) => self.findings.report(span, Finding::DuplicateName { name, line }),
            None => {
                self.names.insert(name, span.start.line);
            }
        }
        Some(Spanned::new(name.to_owned(), span))
    }

    /// Reads `true` or `false`, without quotes.
    pub(crate) fn flag(&mut self, field: Field<'n>) -> Option<bool> {
        match &field.node.kind {
            Kind::Scalar(scalar) if scalar.plain && scalar.text == "true" => Some(true),
            Kind::Scalar(scalar) if scalar.plain && scalar.text == "false" => Some(false),
            Kind::Scalar(_) | Kind::List(_) | Kind::Mapping(_) | Kind::Refused => {
                self.wrong_type(field.subject(), field.node, Type::FLAG);
                None
            }
        }
    }

    /// Reads a whole number of at least 1, without quotes.
    pub(crate) fn count(&mut self, field: Field<'n>) -> Option<u32> {
        let text = match &field.node.kind {
            Kind::Scalar(scalar) if scalar.plain && !scalar.is_null() => &*scalar.text,
            Kind::Scalar(_) | Kind::List(_) | Kind::Mapping(_) | Kind::Refused => {
                self.wrong_type(field.subject(), field.node, Type::COUNT);
                return None;
            }
        };
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let count = text.parse().ok().filter(|count: &u32| digits && *count > 0);
        if count.is_none() {
            let (key, value) = (field.key, text);
            self.findings.report(field.node.span, Finding::InvalidCount { key, value });
        }
        count
    }

    /// Reads a duration greater than 0.
    pub(crate) fn duration(&mut self, field: Field<'n>) -> Option<Duration> {
        let (key, value) = (field.key, self.exact_text(field.subject(), field.node)?);
        let error = match parse_duration(value) {
            Ok(Duration::ZERO) => None,
            Ok(duration) => return Some(duration),
            Err(error) => Some(error),
        };
        self.findings.report(field.node.span, Finding::InvalidDuration { key, value, error });
        None
    }

    /// Reads a word of a closed set.
    pub(crate) fn word<T: ClosedSet>(
        &mut self,
        what: Subject<'_>,
        node: &'n Node<'n>,
    ) -> Option<T> {
        let value = self.exact_text(what, node)?;
        let word = value.parse().ok();
        if word.is_none() {
            let known = T::WORDS;
            self.findings.report(node.span, Finding::UnknownValue { what, value, known });
        }
        word
    }
}
