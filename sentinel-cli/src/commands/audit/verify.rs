//! `sentinel audit verify`: whether lines of a log were changed, moved or removed.

use clap::Args;
use sentinel_audit::{FaultKind, Line, Link, Verified};
use serde::Serialize;

use crate::output::{Failure, Fit, Outcome, Screen, records};
use crate::records::{Found, Records, Step};

/// Check that no line of a log was changed, moved or removed.
///
/// Each line names the SHA-256 of the line before it by the same process. The last line
/// of a process can be changed, and its last lines, or all of them, can be missing
/// without a finding: compare with CloudTrail (`sentinel audit reconcile`). Exits 1 on
/// findings.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel audit verify records/
  sentinel audit verify --whole --format json records/")]
pub(super) struct Arguments {
    /// Report missing lines at the beginning too: the sources have every line since the
    /// processes started
    #[arg(long)]
    whole: bool,
    #[command(flatten)]
    records: Records,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    verified: &'a Verified,
    /// Records without a chain.
    unchained: u64,
    /// Records that cannot be read.
    unreadable: u64,
}

/// What `verify` needs of a record. `None` if the record has no chain: an earlier version wrote it.
type Linked = Option<Link>;

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let mut chains = sentinel_audit::Chains::default();
    let mut without: u64 = 0;
    let seen = arguments.records.scan(screen, read, |step| {
        match step {
            Step::Begin => chains.begin_source(),
            Step::Wanted(Some(link)) => {
                chains.add(link);
            }
            Step::Wanted(None) => without += 1,
        }
        Ok(())
    })?;
    let verified = chains.verify(arguments.whole);
    if screen.is_json() {
        let unreadable = seen.unreadable;
        screen.print_json(&Answer { verified: &verified, unchained: without, unreadable })?;
    } else {
        screen.print(&shown(&verified, screen))?;
    }
    if without > 0 {
        screen.warn(&format!("{without} records are not part of a chain"));
    }
    let fine = verified.faults.is_empty() && verified.lines > 0 && seen.unreadable == 0;
    Ok(if fine { Outcome::Done } else { Outcome::No })
}

fn read(line: &[u8]) -> Option<Found<Linked>> {
    match Line::parse(line) {
        Line::Other => None,
        Line::Unreadable(_) => Some(Found::Unreadable),
        Line::Decision(_) | Line::Event(_) => Some(Found::Wanted(Link::parse(line))),
    }
}

fn shown(verified: &Verified, screen: &Screen) -> String {
    let Verified { chains, lines, faults, .. } = verified;
    if *lines == 0 {
        return "no line is part of a chain, so nothing can be verified\n".to_owned();
    }
    if faults.is_empty() {
        return format!(
            "{lines} lines in {chains} chains: inside them, nothing was changed, moved or removed\n"
        );
    }
    let columns = [("WRITER", Fit::Whole), ("LINE", Fit::Whole), ("FINDING", Fit::Whole)];
    let rows = faults.iter().map(|fault| {
        let what = match fault.kind {
            FaultKind::Missing => format!("{} lines before it are missing", fault.missing),
            FaultKind::Changed => "the line before it was changed, or is another one".to_owned(),
            FaultKind::Twice => "it is there twice, with different contents".to_owned(),
            FaultKind::OutOfOrder => "it was moved behind a later line".to_owned(),
        };
        [fault.writer.clone(), fault.sequence.to_string(), what]
    });
    records(columns, rows, screen.width)
        + &format!("\n{lines} lines in {chains} chains, {} findings\n", faults.len())
}
