//! `sentinel audit report`: one page that an auditor can file.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;
use sentinel_audit::{Chains, Line, Link, Report};
use serde::Serialize;

use crate::arguments::{self, Since};
use crate::output::{Failure, Outcome, Screen, printable};
use crate::records::{Found, Records, Step};

/// Write a page of HTML about a period, which an auditor can file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel audit report --since 90d -o audit.html records/")]
pub(super) struct Arguments {
    /// Omit what was earlier: a length such as 90d, or a time
    #[arg(long, value_name = "LENGTH|TIME", value_parser = Since::parse)]
    since: Option<Since>,
    /// Omit what was at that time or later
    #[arg(long, value_name = "TIME", value_parser = arguments::time)]
    until: Option<DateTime<Utc>>,
    /// File of the page; replaced if it exists
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    records: Records,
}

/// What was written.
#[derive(Serialize)]
struct Written {
    file: String,
    vends: u64,
    denials: u64,
    approval_required: u64,
    unreadable: u64,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { since, until, output, records } = arguments;
    if records.contains(output) {
        return Err(Failure::Usage(format!(
            "`{}` is one of the sources, and would be replaced",
            printable(&output.display().to_string())
        )));
    }
    let now = Utc::now();
    let mut report = Report::new(since.map(|since| since.instant(now)), *until);
    let mut chains = Chains::default();
    let mut unchained: u64 = 0;
    let seen = records.scan(screen, read, |step| {
        match step {
            Step::Begin => chains.begin_source(),
            Step::Wanted((None, line)) => {
                unchained += 1;
                report.add(line);
            }
            // The same line of two exports is counted once.
            Step::Wanted((Some(link), line)) => {
                if chains.add(link) {
                    report.add(line);
                }
            }
        }
        Ok(())
    })?;
    report.add_incomplete(seen.unreadable, unchained);
    let page = report.html(&records.names(), &chains.verify(false), now);
    std::fs::write(output, page)
        .map_err(|error| Failure::because(format!("cannot write `{}`", output.display()), error))?;
    let total = report.total();
    let written = Written {
        file: output.display().to_string(),
        vends: total.vended,
        denials: total.denied,
        approval_required: total.approval_required,
        unreadable: seen.unreadable,
    };
    if screen.is_json() {
        screen.print_json(&written)?;
    } else {
        let Written { file, vends, denials, approval_required, .. } = &written;
        screen.print(&format!(
            "wrote {}: {vends} vends, {denials} denials, {approval_required} required an approval\n",
            printable(file)
        ))?;
    }
    Ok(Outcome::Done)
}

fn read(line: &[u8]) -> Option<Found<(Option<Link>, Line)>> {
    match Line::parse(line) {
        Line::Other => None,
        Line::Unreadable(_) => Some(Found::Unreadable),
        record @ (Line::Decision(_) | Line::Event(_)) => {
            Some(Found::Wanted((Link::parse(line), record)))
        }
    }
}
