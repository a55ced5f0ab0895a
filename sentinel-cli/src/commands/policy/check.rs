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

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    if arguments.files.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(Failure::Usage("`-` (stdin) can be read only once".to_owned()));
    }
    let mut checked: Vec<(Source, Option<Diagnostics>)> = Vec::new();
    let mut unread = Vec::new();
    for path in &arguments.files {
        match Source::read(path) {
            Ok(source) => {
                let diagnostics = match source.check() {
                    Ok(checked) => checked.warnings(),
                    Err(diagnostics) => Some(diagnostics),
                };
                checked.push((source, diagnostics));
            }
            Err(failure) => unread.push(failure),
        }
    }
    let findings: Vec<Finding<'_>> = checked
        .iter()
        .filter_map(|(source, diagnostics)| Some((source, diagnostics.as_ref()?)))
        .flat_map(|(source, diagnostics)| {
            diagnostics.iter().map(|diagnostic| Finding::new(&source.name, diagnostic))
        })
        .collect();
    let count = |severity| {
        let all = checked.iter().filter_map(|(_, diagnostics)| diagnostics.as_ref());
        all.map(|diagnostics| diagnostics.count(severity)).sum::<usize>()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    match screen.format {
        // An empty list that covers only some of the files would look like "no
        // errors".
        Format::Json | Format::Sarif if findings.is_empty() && !unread.is_empty() => {}
        Format::Json => screen.print_json(&findings)?,
        Format::Sarif => screen.print_json(&sarif::log(&findings))?,
        Format::Human => {
            let rendered: Vec<String> = checked
                .iter()
                .filter_map(|(source, diagnostics)| {
                    let diagnostics = diagnostics.as_ref()?;
                    Some(diagnostics.render(&source.name, &source.text, screen.colors_out()))
                })
                .collect();
            screen.print(&rendered.join("\n"))?;
            // The counts include all findings, even if a document has more than are
            // shown.
            if unread.is_empty() {
                screen.note(&summary(checked.len(), errors, warnings));
            }
        }
    }
    // An unreadable file makes the complete check fail, after the findings of the
    // other files.
    let last = unread.pop();
    unread.iter().for_each(|failure| screen.failure(failure));
    let denied = match arguments.deny {
        Some(Deny::Warning) => errors > 0 || warnings > 0,
        None => errors > 0,
    };
    match last {
        Some(failure) => Err(failure),
        None if denied => Ok(Outcome::No),
        None => Ok(Outcome::Done),
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
