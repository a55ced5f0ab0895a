//! `docs/deployment.md`: it lists every error code, with its status and its remedy.
//! `tests/aws` runs its commands.

use std::collections::BTreeSet;

use sentinel_broker::ErrorCode;

use super::{quoted, table, text};

const DOCUMENT: &str = "docs/deployment.md";

/// The rows of the table of errors: status and code.
fn listed() -> BTreeSet<(String, String)> {
    table(&text(DOCUMENT), "## Error Responses")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect()
}

#[test]
fn the_table_of_errors_has_every_code_and_no_other() {
    let codes: BTreeSet<(String, String)> = ErrorCode::ALL
        .iter()
        .map(|code| (code.status().to_string(), code.as_str().to_owned()))
        .collect();
    assert_eq!(listed(), codes);
}

/// The words in double quotes in the headings of a section.
fn headed(section: &str) -> Vec<String> {
    let headings = section.lines().filter(|line| line.starts_with("### "));
    headings.flat_map(|line| quoted(&line.replace('"', "`"))).collect()
}

#[test]
fn the_troubleshooting_section_has_an_entry_for_every_code() {
    let document = text(DOCUMENT);
    let section = document.split_once("\n## Troubleshooting\n").unwrap().1;
    let entries = headed(section.split_once("\n## ").unwrap().0);
    let expected: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(entries.iter().map(String::as_str).collect::<BTreeSet<_>>(), expected);
    assert_eq!(entries.len(), expected.len(), "an entry is there twice: {entries:?}");
}
