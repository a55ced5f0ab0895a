//! What was found so far, kept within bounds: however many errors a document
//! has, only the first few in the order of the source are put into words.

use std::collections::BTreeMap;

use super::{Diagnostic, Diagnostics, Finding};
use crate::{Position, Span};

/// The findings with the smallest places, and a count of all.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    /// By place, and by order of discovery where places are the same.
    kept: BTreeMap<(Position, usize), Diagnostic>,
    max: usize,
    total: usize,
}

impl Findings {
    /// None yet, of which at most `max` will be kept, and at least one.
    pub(crate) fn new(max: usize) -> Self {
        Self { kept: BTreeMap::new(), max: max.max(1), total: 0 }
    }

    /// Notes what was found at a place.
    pub(crate) fn report(&mut self, span: Span, finding: Finding<'_>) {
        let place = (span.start, self.total);
        self.total = self.total.saturating_add(1);
        if self.is_full() && self.kept.last_key_value().is_some_and(|(last, _)| *last < place) {
            return;
        }
        if self.is_full() {
            self.kept.pop_last();
        }
        self.kept.insert(place, finding.at(span));
    }

    /// How many there are. Where it did not grow, nothing new was found.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Whether as many are kept as will be told, so that no further one can
    /// matter but by its place.
    pub(crate) fn is_full(&self) -> bool {
        self.kept.len() >= self.max
    }

    /// All that was found, when anything was.
    pub(crate) fn into_result(self) -> Result<(), Diagnostics> {
        if self.total == 0 { Ok(()) } else { Err(self.into_diagnostics()) }
    }

    /// All that was found, with what made it impossible to go on.
    pub(crate) fn stopped_by(mut self, span: Span, finding: Finding<'_>) -> Diagnostics {
        self.report(span, finding);
        self.into_diagnostics()
    }

    /// Something was reported. Where it was more than is kept, the last of the
    /// kept gives way to one that says how many more.
    fn into_diagnostics(self) -> Diagnostics {
        let Self { kept, max, total } = self;
        let mut list: Vec<Diagnostic> = kept.into_values().collect();
        if total > max
            && let Some(last) = list.pop()
        {
            let count = total.saturating_sub(list.len());
            list.push(Finding::MoreErrors { count }.at(last.span));
        }
        Diagnostics { list, total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32) -> Span {
        let start = Position { line, column: 1 };
        Span { start, end: start }
    }

    #[test]
    fn the_first_in_the_source_are_kept_and_the_rest_is_counted() {
        let mut findings = Findings::new(3);
        for line in [9, 2, 7, 1, 8, 3] {
            findings.report(at(line), Finding::EmptyTime);
        }
        let diagnostics = findings.into_result().unwrap_err();
        let lines: Vec<u32> = diagnostics.iter().map(|d| d.span.start.line).collect();
        assert_eq!(lines, [1, 2, 3]);
        assert_eq!(diagnostics.iter().last().unwrap().message, "4 more errors are not shown");
        assert_eq!(diagnostics.total(), 6);
    }

    #[test]
    fn as_many_as_are_allowed_are_all_told() {
        let mut findings = Findings::new(2);
        findings.report(at(2), Finding::EmptyTime);
        findings.report(at(1), Finding::EmptyDevice);
        let diagnostics = findings.into_result().unwrap_err();
        assert!(diagnostics.iter().all(|d| d.code != super::super::Code::MoreErrors));
        assert!(Findings::new(0).into_result().is_ok());
    }
}
