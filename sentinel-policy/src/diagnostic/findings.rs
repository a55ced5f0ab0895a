//! The findings so far, within bounds. Of each severity, only the first few in the
//! order of the source are formatted.

use std::collections::BTreeMap;

use super::{Diagnostic, Diagnostics, Finding, Severity};
use crate::{Position, Span};

/// The findings of each severity with the smallest places, and a count of all.
/// Warnings are kept apart from errors, so that they cannot displace any.
#[derive(Clone, Debug)]
pub(crate) struct Findings {
    errors: Kept,
    warnings: Kept,
}

/// The findings of one severity.
#[derive(Clone, Debug)]
struct Kept {
    /// By place, and by order of discovery if places are the same.
    first: BTreeMap<(Position, usize), Diagnostic>,
    max: usize,
    total: usize,
}

impl Findings {
    /// Creates an empty collection that keeps at most `max` findings, and at least one.
    pub(crate) fn new(max: usize) -> Self {
        let none = Kept { first: BTreeMap::new(), max: max.max(1), total: 0 };
        Self { errors: none.clone(), warnings: none }
    }

    /// Adds a finding at a place.
    pub(crate) fn report(&mut self, span: Span, finding: Finding<'_>) {
        match finding.code().severity() {
            Severity::Error => self.errors.report(span, finding),
            Severity::Warning => self.warnings.report(span, finding),
        }
    }

    /// The number of errors. If it did not grow, no new error was found.
    pub(crate) fn total(&self) -> usize {
        self.errors.total
    }

    /// Whether as many errors are kept as will be reported, so that a further one
    /// can matter only by its place.
    pub(crate) fn is_full(&self) -> bool {
        self.errors.is_full()
    }

    /// The warnings, if there are any. If a finding is an error, every finding.
    pub(crate) fn into_result(self) -> Result<Option<Diagnostics>, Diagnostics> {
        match (self.errors.total, self.warnings.total) {
            (0, 0) => Ok(None),
            (0, _) => Ok(Some(self.into_diagnostics())),
            (_, _) => Err(self.into_diagnostics()),
        }
    }

    /// Every finding, with the error that prevented further reading.
    pub(crate) fn stopped_by(mut self, span: Span, finding: Finding<'_>) -> Diagnostics {
        self.report(span, finding);
        self.into_diagnostics()
    }

    /// At least one finding was added. Warnings use the room that the errors leave.
    fn into_diagnostics(self) -> Diagnostics {
        let Self { errors, warnings } = self;
        let (max, totals) = (errors.max, (errors.total, warnings.total));
        let mut list = errors.into_list(max, |count| Finding::MoreErrors { count });
        let room = max.saturating_sub(list.len());
        list.extend(warnings.into_list(room, |count| Finding::MoreWarnings { count }));
        list.sort_by_key(|diagnostic| diagnostic.span.start);
        Diagnostics { list, errors: totals.0, warnings: totals.1 }
    }
}

impl Kept {
    fn report(&mut self, span: Span, finding: Finding<'_>) {
        let place = (span.start, self.total);
        self.total = self.total.saturating_add(1);
        if self.is_full() && self.first.last_key_value().is_some_and(|(last, _)| *last < place) {
            return;
        }
        if self.is_full() {
            self.first.pop_last();
        }
        self.first.insert(place, finding.at(span));
    }

    fn is_full(&self) -> bool {
        self.first.len() >= self.max
    }

    /// At most `max` of them. If there are more, the last one reported is
    /// replaced by one that counts the rest.
    fn into_list(self, max: usize, more: impl Fn(usize) -> Finding<'static>) -> Vec<Diagnostic> {
        let Self { first, total, .. } = self;
        let mut list: Vec<Diagnostic> = first.into_values().take(max).collect();
        if total > max
            && let Some(last) = list.pop()
        {
            let count = total.saturating_sub(list.len());
            list.push(more(count).at(last.span));
        }
        list
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
    fn the_first_findings_in_the_source_are_kept_and_the_rest_are_counted() {
        let mut findings = Findings::new(3);
        for line in [9, 2, 7, 1, 8, 3] {
            findings.report(at(line), Finding::EmptyTime);
        }
        let diagnostics = findings.into_result().unwrap_err();
        let lines: Vec<u32> = diagnostics.iter().map(|d| d.span.start.line).collect();
        assert_eq!(lines, [1, 2, 3]);
        assert_eq!(diagnostics.iter().last().unwrap().message, "4 more errors are not shown");
        assert_eq!(diagnostics.count(Severity::Error), 6);
    }

    #[test]
    fn warnings_use_the_room_that_errors_leave() {
        let mut findings = Findings::new(3);
        for line in 1..=5 {
            findings.report(at(line), Finding::MoreWarnings { count: 9 });
        }
        findings.report(at(8), Finding::EmptyTime);
        let codes = |findings: Findings| {
            let diagnostics = findings.into_result().unwrap_err();
            diagnostics.iter().map(|d| (d.span.start.line, d.severity)).collect::<Vec<_>>()
        };
        let (error, warning) = (Severity::Error, Severity::Warning);
        assert_eq!(codes(findings.clone()), [(1, warning), (2, warning), (8, error)]);
        findings.report(at(9), Finding::EmptyTime);
        findings.report(at(7), Finding::EmptyTime);
        assert_eq!(codes(findings.clone()), [(7, error), (8, error), (9, error)]);
        let counted = findings.into_result().unwrap_err();
        assert_eq!((counted.count(error), counted.count(warning)), (3, 5));
    }

    #[test]
    fn warnings_alone_are_not_an_error() {
        let mut findings = Findings::new(1);
        assert_eq!(findings.clone().into_result(), Ok(None));
        findings.report(at(1), Finding::MoreWarnings { count: 9 });
        assert_eq!(findings.total(), 0);
        assert_eq!(findings.into_result().unwrap().unwrap().len(), 1);
    }

    #[test]
    fn findings_within_the_limit_are_all_reported() {
        let mut findings = Findings::new(2);
        findings.report(at(2), Finding::EmptyTime);
        findings.report(at(1), Finding::EmptyDevice);
        let diagnostics = findings.into_result().unwrap_err();
        assert!(diagnostics.iter().all(|d| d.code != super::super::DiagnosticCode::MoreErrors));
        assert!(Findings::new(0).into_result().is_ok());
    }
}
