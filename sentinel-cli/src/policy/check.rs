//! `sentinel policy check`: whether documents are policies at all.

use std::path::PathBuf;

use clap::Args;
use sentinel_policy::{Diagnostic, Diagnostics};
use serde::Serialize;

use super::sarif;
use super::source::Source;
use crate::screen::{Format, Screen};
use crate::{Failure, Outcome};

/// Say what is wrong with policies, with every place and cause.
///
/// Exits 0 when nothing is, 1 when something is, and 3 when a file could not be
/// read.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel policy check policies/*.yaml
  sentinel policy check --format json - < policy.yaml
  sentinel policy check --format sarif policies/*.yaml > policies.sarif")]
pub(super) struct Arguments {
    /// The documents; `-` for stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// A diagnostic for programs.
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
        let Diagnostic { severity, code, message, help, span } = diagnostic;
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
                let diagnostics = source.check().err();
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
    match screen.format {
        // An empty list of only some of the files would read as "no errors".
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
            if unread.is_empty() {
                screen.note(&summary(checked.len(), findings.len()));
            }
        }
    }
    // An unreadable file makes the whole check fail, after the findings of the
    // other files.
    let last = unread.pop();
    unread.iter().for_each(|failure| screen.failure(failure));
    match last {
        Some(failure) => Err(failure),
        None if findings.is_empty() => Ok(Outcome::Done),
        None => Ok(Outcome::No),
    }
}

fn summary(files: usize, findings: usize) -> String {
    let plural = |count: usize, noun: &str| match count {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    };
    match findings {
        0 => format!("{} checked, no errors", plural(files, "file")),
        findings => format!("{} checked, {}", plural(files, "file"), plural(findings, "error")),
    }
}
