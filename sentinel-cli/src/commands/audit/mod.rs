//! `sentinel audit`: answers questions from records. The questions are those of `sentinel-audit`; these
//! modules read the records and print the answers.

mod csv;
mod reconcile;
mod report;
mod verify;
mod what;
mod who;
mod why;

use clap::{Args, Subcommand};
use sentinel_audit::{Comment, Ended, EndedBy, Line, word};
use sentinel_wire::rfc3339;

use crate::output::{Failure, Outcome, Screen};
use crate::records::{Found, Records, Step};

/// Answer questions from the records of decisions and events.
///
/// A source is a file or a folder with the lines that Sentinel wrote, as it wrote them
/// or as CloudWatch Logs exports them, plain or gzip; objects of S3 with such lines
/// (`s3://BUCKET/PREFIX`); or a log group (`logs:GROUP`). Other lines are skipped.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel audit who --profile production --at 2026-11-02T03:00:00Z records/
  sentinel audit what --user alice --since 7d records/
  sentinel audit why 5f1c records/
  sentinel audit report --since 90d -o audit.html records/
  sentinel audit reconcile --cloudtrail trail/ records/
  sentinel audit verify records/
  sentinel audit what --user alice --logs-since 2d logs:/aws/lambda/sentinel-tvm")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Who(who::Arguments),
    What(what::Arguments),
    Why(why::Arguments),
    Report(report::Arguments),
    Csv(csv::Arguments),
    Reconcile(reconcile::Arguments),
    Verify(verify::Arguments),
}

pub(crate) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    match &arguments.command {
        Command::Who(arguments) => who::run(arguments, screen),
        Command::What(arguments) => what::run(arguments, screen),
        Command::Why(arguments) => why::run(arguments, screen),
        Command::Report(arguments) => report::run(arguments, screen),
        Command::Csv(arguments) => csv::run(arguments, screen),
        Command::Reconcile(arguments) => reconcile::run(arguments, screen),
        Command::Verify(arguments) => verify::run(arguments, screen),
    }
}

/// The lines that a question depends on.
fn wanted(
    records: &Records,
    screen: &Screen,
    wants: impl Fn(&Line) -> bool + Sync,
) -> Result<Vec<Line>, Failure> {
    let mut wanted = Vec::new();
    records.scan(
        screen,
        |line| found(line, &wants),
        |step| {
            if let Step::Wanted(line) = step {
                wanted.push(line);
            }
            Ok(())
        },
    )?;
    Ok(wanted)
}

/// What a line contains for a question.
fn found(line: &[u8], wants: impl Fn(&Line) -> bool) -> Option<Found<Line>> {
    match Line::parse(line) {
        Line::Other => None,
        Line::Unreadable(_) => Some(Found::Unreadable),
        line if wants(&line) => Some(Found::Wanted(line)),
        Line::Decision(_) | Line::Event(_) => Some(Found::Record),
    }
}

/// A step of the history of an approval or a grant.
fn comment(comment: &Comment) -> String {
    let mut text = format!("{} {}", rfc3339::seconds(comment.at), word(comment.event));
    if let Some(by) = &comment.by {
        text.push_str(&format!(" by {by}"));
    }
    for extra in comment.ticket.iter().chain(&comment.reason_code) {
        text.push_str(&format!(" [{extra}]"));
    }
    if let Some(words) = &comment.text {
        text.push_str(&format!(": {words}"));
    }
    if let Some(code) = &comment.code {
        text.push_str(&format!(" (failed: {code})"));
    }
    text
}

/// What ended a session.
fn ended(ended: &Ended) -> String {
    let what = match ended.event {
        EndedBy::Revocation => "revoked",
        EndedBy::RequestRevoked => "approval revoked",
        EndedBy::BreakGlassClosed => "grant closed",
    };
    let by = ended.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let reason = ended.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{what} {}{by}{reason}", rfc3339::seconds(ended.at))
}
