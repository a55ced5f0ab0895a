//! The mistakes and doubtful values in a document. Each cause is reported once,
//! with its place.

mod finding;
mod findings;
mod lookalike;
mod nearest;
mod quote;
mod render;
#[cfg(feature = "miette")]
mod report;
pub(crate) mod space;

use std::fmt;

pub use finding::DiagnosticCode;
pub(crate) use finding::{Finding, Meant, PLACEHOLDER, Subject, Type};
pub(crate) use findings::Findings;
pub(crate) use lookalike::in_ascii;
pub(crate) use nearest::nearest;
pub(crate) use quote::Quote;
pub use quote::is_unprintable;
#[cfg(feature = "miette")]
pub use report::DiagnosticReport;

use crate::Span;
use crate::closed_set::closed_set;

closed_set! {
    /// The severity of a diagnostic.
    #[expect(clippy::exhaustive_enums, reason = "a document either can be used or cannot")]
    Severity {
        /// The value is valid but doubtful. The document can be used.
        Warning = "warning",
        /// The document cannot be used.
        Error = "error",
    }
}

/// One mistake or doubtful value, and its place. Message and help are single lines.
/// Text from the policy author is in backticks, shortened and escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Whether the document can be used in spite of the finding.
    pub severity: Severity,
    /// The kind of the finding. It is stable, so that programs can use it.
    pub code: DiagnosticCode,
    /// The description of the mistake: one line, in which values of the source are quoted.
    pub message: String,
    /// The suggestion for a correction, in one line. `None` if there is none.
    pub help: Option<String>,
    /// The place in the source that the message is about.
    pub span: Span,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, code, message, help, span } = self;
        let (line, column) = (span.start.line, span.start.column);
        write!(f, "{line}:{column}: {severity}[{code}]: {message}")?;
        match help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// The findings in a document: at least one diagnostic, in the order of the source.
/// When used as an error, it contains at least one error, and the warnings too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    /// Never empty. Only [`Findings`] creates it, when there is a finding.
    list: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Diagnostics {
    /// The diagnostics, in the order of the source.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// The number of diagnostics that are listed: at most [`Limits::max_diagnostics`].
    /// If there are more, the last one reports how many.
    ///
    /// [`Limits::max_diagnostics`]: crate::Limits::max_diagnostics
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The severity of the most severe finding.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        if self.errors > 0 { Severity::Error } else { Severity::Warning }
    }

    /// The number of findings with that severity, including those that are not listed.
    #[must_use]
    pub const fn count(&self, severity: Severity) -> usize {
        match severity {
            Severity::Error => self.errors,
            Severity::Warning => self.warnings,
        }
    }

    /// Formats the diagnostics for people: each with its place, the line of the source,
    /// and the text in question underlined. Control characters of the source or of the
    /// file name are never written to the output.
    ///
    /// `source` is the text that was read. `color` adds ANSI colors.
    #[must_use]
    pub fn render(&self, file: &str, source: &[u8], color: bool) -> String {
        render::render(&self.list, file, source, color)
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, diagnostic) in self.list.iter().enumerate() {
            if count > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}
