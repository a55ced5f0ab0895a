//! `sentinel audit what`: what a person did.

use chrono::Utc;
use clap::Args;
use sentinel_audit::{Activity, What, word};
use sentinel_wire::rfc3339;
use serde::Serialize;

use super::wanted;
use crate::arguments::Since;
use crate::output::{Failure, Fit, Outcome, Screen, records};
use crate::records::Records;

/// Show what a caller did, and what was done about this caller.
///
/// Exits 1 if there is nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel audit what --user alice --since 7d records/
  sentinel audit what --user 111122223333/Deploy --format json records/")]
pub(super) struct Arguments {
    /// Caller: a name or account/RoleName, or the name that policies see
    #[arg(long)]
    user: String,
    /// Omit what was earlier: a length such as 30d, or a time
    #[arg(long, value_name = "LENGTH|TIME", value_parser = Since::parse)]
    since: Option<Since>,
    #[command(flatten)]
    records: Records,
}

#[derive(Serialize)]
struct Answer<'a> {
    activities: &'a [Activity],
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let since = arguments.since.map(|since| since.instant(Utc::now()));
    let mut what = What::new(&arguments.user, since);
    let lines = wanted(&arguments.records, screen, |line| what.wants(line))?;
    lines.into_iter().for_each(|line| what.add(line));
    let activities = what.answer();
    if screen.is_json() {
        screen.print_json(&Answer { activities: &activities })?;
    } else if activities.is_empty() {
        screen.print("nothing\n")?;
    } else {
        screen.print(&shown(&activities, screen))?;
    }
    Ok(if activities.is_empty() { Outcome::No } else { Outcome::Done })
}

fn shown(activities: &[Activity], screen: &Screen) -> String {
    let columns = [
        ("TIME", Fit::Whole),
        ("WHAT", Fit::Whole),
        ("PROFILE", Fit::Whole),
        ("BY", Fit::Short(2)),
        ("CONCERNS", Fit::Short(2)),
        ("RULE", Fit::Short(1)),
        ("REASON", Fit::Short(0)),
        ("REQUEST ID", Fit::Whole),
    ];
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let rows = activities.iter().map(|activity| {
        let mut what =
            activity.effect.map(word).or_else(|| activity.event.map(word)).unwrap_or_default();
        if let Some(code) = activity.code.as_ref().filter(|code| *code != "OK") {
            what.push_str(&format!(" {code}"));
        }
        [
            rfc3339::seconds(activity.at),
            what,
            text(&activity.profile),
            text(&activity.by),
            text(&activity.user),
            text(&activity.rule),
            text(&activity.reason),
            text(&activity.request_id),
        ]
    });
    records(columns, rows, screen.width)
}
