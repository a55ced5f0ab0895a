//! `sentinel audit csv`: every decision as a line of CSV.

use std::collections::HashSet;
use std::io::{self, Write};

use chrono::{DateTime, Utc};
use clap::Args;
use sentinel_audit::{CSV_HEADER, Line, Link, csv_line};

use crate::arguments::Since;
use crate::output::{Failure, Outcome, Screen};
use crate::records::{Found, Records, Step};

/// Write every decision as a line of CSV.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel audit csv --since 90d records/ > decisions.csv")]
pub(super) struct Arguments {
    /// Omit what was earlier: a length such as 90d, or a time
    #[arg(long, value_name = "LENGTH|TIME", value_parser = Since::parse)]
    since: Option<Since>,
    #[command(flatten)]
    records: Records,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let since = arguments.since.map(|since| since.instant(Utc::now()));
    let mut known = HashSet::new();
    let mut out = io::BufWriter::new(io::stdout().lock());
    out.write_all(CSV_HEADER.as_bytes()).map_err(Failure::output)?;
    arguments.records.scan(
        screen,
        |line| read(line, since),
        |step| match step {
            Step::Begin => Ok(()),
            // The same line in two exports.
            Step::Wanted((Some(digest), _)) if !known.insert(digest) => Ok(()),
            Step::Wanted((_, line)) => out.write_all(line.as_bytes()).map_err(Failure::output),
        },
    )?;
    out.flush().map_err(Failure::output)?;
    Ok(Outcome::Done)
}

/// The digest of a line that is part of a chain, and the line of CSV.
type Row = (Option<[u8; 32]>, String);

fn read(line: &[u8], since: Option<DateTime<Utc>>) -> Option<Found<Row>> {
    match Line::parse(line) {
        Line::Other => None,
        Line::Unreadable(_) => Some(Found::Unreadable),
        Line::Decision(record) if since.is_none_or(|since| since <= record.timestamp) => {
            let digest = Link::parse(line).map(|link| link.digest());
            Some(Found::Wanted((digest, csv_line(&record))))
        }
        Line::Decision(_) | Line::Event(_) => Some(Found::Record),
    }
}
