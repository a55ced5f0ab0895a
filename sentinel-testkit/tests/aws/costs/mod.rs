//! `docs/costs.md`: the calls of every operation to AWS, and what they cost. The document is the table
//! that the test compares with: an operation that makes another call fails it. `UPDATE_DOCS=1` writes
//! it.

mod calls;
mod prices;

use std::path::Path;

const DOCUMENT: &str = "docs/costs.md";

fn with_part(document: &str, name: &str, part: &str) -> String {
    let begin = format!("<!-- generated: {name} -->\n");
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("no `{name}`"));
    let (_, after) = rest.split_once("<!-- /generated -->").unwrap();
    format!("{before}{begin}\n{part}\n<!-- /generated -->{after}")
}

#[tokio::test]
async fn every_operation_makes_exactly_the_calls_that_the_document_of_costs_lists() {
    let operations = calls::measured().await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(DOCUMENT);
    let document = std::fs::read_to_string(&path).unwrap();
    let parts = [
        ("calls", calls::table(&operations)),
        ("prices", prices::list()),
        ("operations", prices::of_operations(&operations)),
        ("months", prices::of_months(&operations)),
    ];
    let generated = parts
        .into_iter()
        .fold(document.clone(), |document, (name, part)| with_part(&document, name, &part));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, generated).unwrap();
    } else {
        let changed = generated.lines().filter(|line| !document.contains(*line));
        let changed: Vec<_> = changed.collect();
        let how = "write it with UPDATE_DOCS=1 cargo test -p sentinel-testkit --test aws costs";
        assert!(document == generated, "{how}, if this is intended:\n{}", changed.join("\n"));
    }
}
