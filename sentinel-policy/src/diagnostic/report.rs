//! The diagnostics of a document for `miette`, with the text that they are about.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::iter::once;

use miette::{LabeledSpan, NamedSource, SourceCode};

use super::render::{is_break, printable};
use super::{Diagnostic, Diagnostics, Severity};
use crate::{DiagnosticCode, Position, Span};

impl From<Severity> for miette::Severity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Warning => Self::Warning,
            Severity::Error => Self::Error,
        }
    }
}

/// Without a text: the message contains every diagnostic with its line and column.
/// [`Diagnostics::into_report`] adds the text.
impl miette::Diagnostic for Diagnostics {
    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity().into())
    }
}

impl Diagnostics {
    /// Combines the diagnostics with the text of the document, for programs that report
    /// errors with `miette`. `source` is the text that was read, and `file` the name to
    /// show for it.
    ///
    /// ```
    /// use sentinel_policy::{CheckedPolicy, Limits};
    ///
    /// fn check(file: &str, source: &[u8]) -> miette::Result<CheckedPolicy> {
    ///     CheckedPolicy::parse(source, &Limits::default())
    ///         .map_err(|diagnostics| diagnostics.into_report(file, source).into())
    /// }
    ///
    /// let report = check("policy.yaml", b"version: '1'\nrules: []\n").unwrap_err();
    /// assert_eq!(report.to_string(), "policy.yaml: 1 error");
    /// ```
    #[must_use]
    pub fn into_report(self, file: &str, source: &[u8]) -> DiagnosticReport {
        let text = normalized(source);
        let spans = || self.list.iter().map(|diagnostic| diagnostic.span);
        let places = spans().flat_map(|Span { start, end }| [start, end]).collect();
        let offsets = offsets(&text, &places);
        let offset = |place| offsets.get(&place).copied().unwrap_or(text.len());
        let labels: Vec<_> = spans()
            .map(|Span { start, end }| (offset(start), offset(end)))
            .map(|(start, end)| LabeledSpan::underline((start, end.saturating_sub(start))))
            .collect();
        let summary = Summary { errors: self.errors, warnings: self.warnings };
        let severity = self.severity();
        let located = self.list.into_iter().zip(labels);
        let located = located.map(|(diagnostic, label)| Located { diagnostic, label }).collect();
        let file: String = file.chars().map(printable).collect();
        DiagnosticReport { source: NamedSource::new(file, text), summary, severity, located }
    }
}

/// The diagnostics of a document and its text, for `miette`. Each diagnostic is related to the
/// report, and has its code, severity, help, and the place in the text as a label.
///
/// Control characters of the text and of the file name are replaced, so that none reaches a
/// terminal.
#[derive(Debug)]
pub struct DiagnosticReport {
    source: NamedSource<String>,
    summary: Summary,
    severity: Severity,
    located: Vec<Located>,
}

impl fmt::Display for DiagnosticReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source.name(), self.summary)
    }
}

impl std::error::Error for DiagnosticReport {}

impl miette::Diagnostic for DiagnosticReport {
    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity.into())
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(self.located.iter().map(|located| located as &dyn miette::Diagnostic)))
    }
}

/// The number of findings, including those that are not listed.
#[derive(Debug)]
struct Summary {
    errors: usize,
    warnings: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [(self.errors, Severity::Error), (self.warnings, Severity::Warning)];
        let mut separator = "";
        for (count, severity) in counts.into_iter().filter(|(count, _)| *count > 0) {
            let plural = if count == 1 { "" } else { "s" };
            write!(f, "{separator}{count} {severity}{plural}")?;
            separator = ", ";
        }
        Ok(())
    }
}

/// A diagnostic and its place in the text of the report.
#[derive(Debug)]
struct Located {
    diagnostic: Diagnostic,
    label: LabeledSpan,
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Located {}

impl miette::Diagnostic for Located {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let code: DiagnosticCode = self.diagnostic.code;
        Some(Box::new(code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.diagnostic.severity.into())
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.diagnostic.help.as_deref()?;
        Some(Box::new(help))
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(once(self.label.clone())))
    }
}

/// The text in which `miette` counts lines as this crate does: every line break is `\n`. A
/// character that a terminal would interpret is replaced by one that it shows, so that columns
/// are unchanged.
fn normalized(source: &[u8]) -> String {
    let text = String::from_utf8_lossy(source);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n");
    let shown = |c| match c {
        '\t' => '\t',
        c if is_break(c) => '\n',
        c => printable(c),
    };
    text.chars().map(shown).collect()
}

/// The byte offset of each place, found in one pass over the text. A place after the end of
/// its line has the offset of that end.
fn offsets(text: &str, places: &BTreeSet<Position>) -> BTreeMap<Position, usize> {
    let mut offsets = BTreeMap::new();
    let mut places = places.iter().copied().peekable();
    let mut at = Position { line: 1, column: 1 };
    for (offset, c) in text.char_indices() {
        let reached = |place: &Position| *place <= at || (c == '\n' && place.line == at.line);
        while let Some(place) = places.next_if(reached) {
            offsets.insert(place, offset);
        }
        at = match c {
            '\n' => Position { line: at.line.saturating_add(1), column: 1 },
            _ => Position { column: at.column.saturating_add(1), ..at },
        };
    }
    offsets.extend(places.map(|place| (place, text.len())));
    offsets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_offsets_in_bytes_within_their_line() {
        let place = |line, column| Position { line, column };
        let text = normalized("\u{feff}aé\r\n\u{1b}b\rc".as_bytes());
        assert_eq!(text, "aé\n\u{fffd}b\nc");
        for (place, expected) in [
            (place(1, 1), 0),
            (place(1, 2), 1),
            (place(1, 3), 3),
            (place(1, 9), 3),
            (place(2, 1), 4),
            (place(2, 2), 7),
            (place(3, 1), 9),
            (place(3, 2), 10),
            (place(9, 1), 10),
        ] {
            let found = offsets(&text, &BTreeSet::from([place]));
            assert_eq!(found.get(&place), Some(&expected), "{place:?}");
        }
    }
}
