//! `sentinel audit reconcile`: whether AWS issued what Sentinel recorded.

use std::io::Read;

use chrono::{DateTime, Utc};
use clap::Args;
use sentinel_audit::{
    DifferenceKind, Line, Reconciled, Reconciliation, assume_roles, role_key, word,
};
use sentinel_policy::Pattern;
use sentinel_wire::rfc3339;

use crate::arguments::{self, Since};
use crate::output::{Failure, Fit, Outcome, Screen, records};
use crate::records::{Aws, Found, Records, Source, Step};

/// Maximum size of one file of CloudTrail, decompressed, in bytes. CloudTrail's own files are far smaller.
const MAX_TRAIL: u64 = 1024 * 1024 * 1024;

/// Compare the credentials that AWS issued with the records.
///
/// Finds credentials of protected roles without a record, records without credentials,
/// and credentials with another source identity or role than their record. Exits 1 on
/// findings, and 3 if there is nothing to compare.
///
/// Protected roles are those in the records, and those that `--role` names. Events of
/// CloudTrail arrive up to 15 minutes late: end the period earlier with `--until`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel audit reconcile --cloudtrail trail/ records/
  sentinel audit reconcile --cloudtrail trail.json --role 'arn:aws:iam::*:role/Prod-*' \\
    --since 2026-11-01T00:00:00Z --until 2026-12-01T00:00:00Z records/")]
pub(super) struct Arguments {
    /// Files or folders with events of CloudTrail: files that it delivers to S3, or output of `aws
    /// cloudtrail lookup-events`; plain or gzip; or s3://BUCKET/PREFIX
    #[arg(long, value_name = "SOURCE", required = true, value_parser = Source::parse)]
    cloudtrail: Vec<Source>,
    /// Pattern of ARNs of protected roles
    #[arg(long, value_name = "PATTERN", default_value = "arn:*:iam::*:role/SentinelProtected-*")]
    role: Vec<String>,
    /// Omit what was earlier: a length such as 30d, or a time
    #[arg(long, value_name = "LENGTH|TIME", value_parser = Since::parse)]
    since: Option<Since>,
    /// Omit what was at that time or later
    #[arg(long, value_name = "TIME", value_parser = arguments::time)]
    until: Option<DateTime<Utc>>,
    #[command(flatten)]
    records: Records,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let mut reconciliation = Reconciliation::default();
    let mut events: u64 = 0;
    let aws = Aws::new(arguments.records.options());
    for source in &arguments.cloudtrail {
        for input in source.inputs(&aws)? {
            let mut text = Vec::new();
            let read = input.open(&aws)?.take(MAX_TRAIL).read_to_end(&mut text);
            read.map_err(|error| Failure::because(format!("cannot read `{input}`"), error))?;
            let found = assume_roles(&text).map_err(|error| {
                Failure::because(format!("`{input}` has no events of CloudTrail"), error)
            })?;
            events += u64::try_from(found.len()).unwrap_or(u64::MAX);
            found.into_iter().for_each(|event| reconciliation.add_event(event));
        }
    }
    let seen = arguments.records.scan(screen, read, |step| {
        if let Step::Wanted(record) = step {
            reconciliation.add_record(record);
        }
        Ok(())
    })?;
    // The names of roles are unique whatever their case and path.
    let pattern = |role: &String| Pattern::new(&role.to_ascii_lowercase());
    let patterns: Vec<Pattern> = arguments.role.iter().map(pattern).collect();
    let reconciled = reconciliation.reconcile(
        |role| {
            let (whole, key) = (role.to_ascii_lowercase(), role_key(role));
            patterns.iter().any(|pattern| pattern.matches(&whole) || pattern.matches(&key))
        },
        arguments.since.map(|since| since.instant(Utc::now())),
        arguments.until,
    );
    if screen.is_json() {
        screen.print_json(&reconciled)?;
    } else {
        screen.print(&shown(&reconciled, events, screen))?;
    }
    if reconciled.matched == 0 && reconciled.differences.is_empty() {
        return Err(Failure::other("there is nothing to compare in that period"));
    }
    let fine = reconciled.differences.is_empty() && seen.unreadable == 0;
    Ok(if fine { Outcome::Done } else { Outcome::No })
}

fn read(line: &[u8]) -> Option<Found<sentinel_store::DecisionRecord>> {
    match Line::parse(line) {
        Line::Other => None,
        Line::Unreadable(_) => Some(Found::Unreadable),
        Line::Decision(record)
            if record.access_key_id.is_some() || record.sts_request_id.is_some() =>
        {
            Some(Found::Wanted(*record))
        }
        Line::Decision(_) | Line::Event(_) => Some(Found::Record),
    }
}

fn shown(reconciled: &Reconciled, events: u64, screen: &Screen) -> String {
    let Reconciled { matched, differences, .. } = reconciled;
    let summary = format!(
        "{events} events issued credentials of roles, {matched} of them are in the records, {} findings\n",
        differences.len()
    );
    if differences.is_empty() {
        return summary;
    }
    let columns = [
        ("TIME", Fit::Whole),
        ("FINDING", Fit::Whole),
        ("ROLE", Fit::Short(1)),
        ("BY", Fit::Short(0)),
        ("SOURCE IDENTITY", Fit::Whole),
        ("ACCESS KEY ID", Fit::Whole),
        ("ID", Fit::Whole),
    ];
    let rows = differences.iter().map(|difference| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (by, id) = match difference.kind {
            DifferenceKind::RecordWithoutEvent => (&difference.user, &difference.request_id),
            DifferenceKind::EventWithoutRecord
            | DifferenceKind::ForeignSourceIdentity
            | DifferenceKind::ForeignRole => (&difference.by, &difference.event_id),
        };
        [
            rfc3339::seconds(difference.at),
            word(difference.kind),
            text(&difference.role_arn),
            text(by),
            text(&difference.source_identity),
            text(&difference.access_key_id),
            text(id),
        ]
    });
    records(columns, rows, screen.width) + "\n" + &summary
}
