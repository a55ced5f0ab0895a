//! `docs/failures.md`, as far as it consists of the table. `UPDATE_DOCS=1` generates its chapters
//! on AWS from the table.

use std::fmt::Write as _;
use std::path::Path;

use super::class::Class;
use super::place::Chapter;
use super::table::{self, Injection, Row, Sees};

const DOCUMENT: &str = "docs/failures.md";

const HEAD: &str = "| call | failure | what the caller sees | what the operator does | test |\n\
                    | --- | --- | --- | --- | --- |\n";

/// The chapters: the name in the document, the rows, and their test.
fn chapters() -> Vec<(&'static str, Vec<Row>, &'static str)> {
    vec![
        ("ssm", table::ssm(), "every_fault_of_ssm_is_answered_in_time"),
        (
            "policy-table",
            table::policy_table(),
            "every_fault_of_the_policy_table_is_answered_in_time",
        ),
        (
            "session-table",
            table::session_table(),
            "no_fault_of_the_session_table_vends_credentials_or_leaves_a_session_active",
        ),
        (
            "operators",
            table::operators(),
            "every_fault_of_the_session_table_is_reported_to_operators_in_time",
        ),
        ("sts", table::sts(), "no_fault_of_sts_vends_credentials_or_leaves_a_session_active"),
        (
            "authorizer",
            table::authorizer(),
            "no_fault_of_the_session_table_makes_the_authorizer_accept_a_session",
        ),
    ]
}

fn seen(sees: Sees) -> String {
    match sees {
        Sees::Done => "nothing: the call is retried".to_owned(),
        Sees::Omitted => "200, without the damaged rows; `unreadable` counts them".to_owned(),
        Sees::Refused(code) => format!("`{}` ({})", code.as_str(), code.status()),
        Sees::Forbidden(reason) => format!("403; the event contains `{reason}`"),
    }
}

/// What the operator does, for the worst of these classes.
fn done(chapter: Chapter, classes: &[Class], sees: Sees) -> &'static str {
    if sees == Sees::Done {
        return "nothing";
    }
    let any = |class| classes.contains(&class);
    match chapter {
        Chapter::Ssm | Chapter::PolicyTable => {
            if any(Class::Gone) && !any(Class::Refusing) {
                "restores it, unless the profile was removed on purpose"
            } else if any(Class::Refusing) {
                "fixes the cause on standard error: permissions, the key, the table, the clock, the document"
            } else if any(Class::Throttled) {
                "raises the limit, or `SENTINEL_POLICY_CACHE_TTL`"
            } else {
                "checks the service and the network; until then no caller can vend"
            }
        }
        Chapter::SessionTable | Chapter::Operators | Chapter::Authorizer => {
            if any(Class::Refusing) {
                "fixes the cause on standard error: permissions, the table, the clock, the item, the network"
            } else if any(Class::Throttled) {
                "raises the table's capacity"
            } else {
                "finds out who wrote the items that standard error names"
            }
        }
        Chapter::Sts => {
            if any(Class::Refusing) {
                "fixes the cause on standard error, which names what to check"
            } else {
                "nothing, or requests a higher limit from AWS"
            }
        }
    }
}

/// The table of a chapter: one row for each call and each visible result.
fn written(rows: &[Row], test: &str) -> String {
    let mut groups: Vec<(&'static str, bool, Sees, Chapter, Vec<Class>)> = Vec::new();
    for row in rows {
        let once = matches!(row.injection, Injection::First(..)) && row.sees == Sees::Done;
        let known = groups.iter_mut().find(|(name, is_once, sees, ..)| {
            (*name, *is_once, *sees) == (row.place.name, once, row.sees)
        });
        match known {
            Some((.., classes)) if classes.contains(&row.class) => {}
            Some((.., classes)) => classes.push(row.class),
            None => {
                let chapter = row.place.chapter;
                groups.push((row.place.name, once, row.sees, chapter, vec![row.class]));
            }
        }
    }
    let mut text = HEAD.to_owned();
    for (name, once, sees, chapter, classes) in groups {
        let words: Vec<_> = classes.iter().map(|class| class.word()).collect();
        let failure = words.join(", ") + if once { ", once" } else { "" };
        let (seen, done) = (seen(sees), done(chapter, &classes, sees));
        writeln!(text, "| {name} | {failure} | {seen} | {done} | `{test}` |").unwrap();
    }
    text
}

fn with_part(document: &str, name: &str, part: &str) -> String {
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("no `{name}`"));
    let (_, after) = rest.split_once("<!-- /generated -->").unwrap();
    format!("{before}{begin}\n{part}\n<!-- /generated -->{after}")
}

#[test]
fn the_chapters_on_aws_are_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(DOCUMENT);
    let document = std::fs::read_to_string(&path).unwrap();
    let generated = chapters().into_iter().fold(document.clone(), |document, chapter| {
        let (name, rows, test) = chapter;
        with_part(&document, name, &written(&rows, test))
    });
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, generated).unwrap();
    } else {
        let how =
            "write them with UPDATE_DOCS=1 cargo test -p sentinel-testkit --test aws the_chapters";
        assert!(document == generated, "{how}");
    }
}
