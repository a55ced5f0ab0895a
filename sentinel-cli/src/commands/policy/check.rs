//! `sentinel policy check`: checks whether documents are valid policies.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use sentinel_policy::{Diagnostic, Diagnostics, Severity};
use serde::Serialize;

use super::sarif;
use super::source::Source;
use crate::output::{Failure, Format, Outcome, Screen};

/// Report every error in policies, with its place and cause.
///
/// Exits 0 without errors, 1 with errors, and 3 if a file cannot be read. A warning
/// reports something that is legal but probably not intended. It does not change
/// the exit status, unless `--deny warning` is given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel policy check policies/*.yaml
  sentinel policy check --deny warning policies/*.yaml
  sentinel policy check --format json - < policy.yaml
  sentinel policy check --format sarif policies/*.yaml > policies.sarif")]
pub(super) struct Arguments {
    /// Policy documents; `-` for stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Exit 1 also for diagnostics of this severity
    #[arg(long, value_name = "SEVERITY")]
    deny: Option<Deny>,
}

/// Severities that count as failures in addition to errors.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Deny {
    /// Warnings
    Warning,
}

/// A diagnostic in the form for programs.
#[derive(Debug, Serialize)]
pub(super) struct Finding<'a> {
    pub(super) file: &'a str,
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) end_line: u32,
    pub(super) end_column: u32,
    pub(super) severity: &'static str,
    pub(super) code: &'static str,
    pub(super) message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) help: Option<&'a str>,
}

impl<'a> Finding<'a> {
    pub(super) fn new(file: &'a str, diagnostic: &'a Diagnostic) -> Self {
        let Diagnostic { severity, code, message, help, span, .. } = diagnostic;
        Self {
            file,
            line: span.start.line,
            column: span.start.column,
            end_line: span.end.line,
            end_column: span.end.column,
            severity: severity.as_str(),
            code: code.as_str(),
            message,
            help: help.as_deref(),
        }
    }
}

/// The files that were read, and what is wrong with them.
#[derive(Default)]
struct Checked {
    documents: Vec<(Source, Option<Diagnostics>)>,
    unread: Vec<Failure>,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    if arguments.files.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Failure::Usage("`-` (stdin) can be read only once".to_owned()));
    }
    let mut checked = Checked::read(&arguments.files);
    checked.print(screen)?;
    // An unreadable file makes the complete check fail, after the findings of the
    // other files.
    let last = checked.unread.pop();
    checked.unread.iter().for_each(|failure| screen.failure(failure));
    let denied = match arguments.deny {
        Some(Deny::Warning) => checked.count(Severity::Error) + checked.count(Severity::Warning),
        None => checked.count(Severity::Error),
    };
    match last {
        Some(failure) => Err(failure),
        None if denied > 0 => Ok(Outcome::No),
        None => Ok(Outcome::Done),
    }
}

impl Checked {
    fn read(files: &[PathBuf]) -> Self {
        let mut checked = Self::default();
        for path in files {
            match Source::read(path) {
                Ok(source) => {
                    let diagnostics = match source.check() {
                        Ok(policy) => policy.warnings(),
                        Err(diagnostics) => Some(diagnostics),
                    };
                    checked.documents.push((source, diagnostics));
                }
                Err(failure) => checked.unread.push(failure),
            }
        }
        checked
    }

    /// The documents with diagnostics.
    fn diagnosed(&self) -> impl Iterator<Item = (&Source, &Diagnostics)> {
        let all = self.documents.iter();
        all.filter_map(|(source, diagnostics)| Some((source, diagnostics.as_ref()?)))
    }

    /// The number of findings, including those of a document that has more than are
    /// shown.
    fn count(&self, severity: Severity) -> usize {
        self.diagnosed().map(|(_, diagnostics)| diagnostics.count(severity)).sum()
    }

    fn print(&self, screen: &Screen) -> Result<(), Failure> {
        let findings: Vec<Finding<'_>> = self
            .diagnosed()
            .flat_map(|(source, diagnostics)| {
                diagnostics.iter().map(|diagnostic| Finding::new(&source.name, diagnostic))
            })
            .collect();
        match screen.format {
            // An empty list that covers only some of the files would look like "no
            // errors".
            Format::Json | Format::Sarif if findings.is_empty() && !self.unread.is_empty() => {}
            Format::Json => screen.print_json(&findings)?,
            Format::Sarif => screen.print_json(&sarif::log(&findings))?,
            Format::Human => {
                let rendered: Vec<String> = self
                    .diagnosed()
                    .map(|(source, diagnostics)| {
                        diagnostics.render(&source.name, &source.text, screen.colors_out())
                    })
                    .collect();
                screen.print(&rendered.join("\n"))?;
                if self.unread.is_empty() {
                    let (errors, warnings) =
                        (self.count(Severity::Error), self.count(Severity::Warning));
                    screen.note(&summary(self.documents.len(), errors, warnings));
                }
            }
        }
        Ok(())
    }
}

fn summary(files: usize, errors: usize, warnings: usize) -> String {
    let plural = |count: usize, noun: &str| match count {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    };
    let mut summary = format!("{} checked, {}", plural(files, "file"), plural(errors, "error"));
    if warnings > 0 {
        summary.push_str(&format!(", {}", plural(warnings, "warning")));
    }
    summary
}
