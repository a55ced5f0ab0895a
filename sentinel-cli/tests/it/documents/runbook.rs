//! `docs/runbook.md`: its table of alarms has every alarm of the deployments.

use std::collections::BTreeSet;

use super::{quoted, table, text};

/// The names after a word, up to the end of the line, in a file of a deployment.
fn names(path: &str, before: &str) -> BTreeSet<String> {
    let text = text(path);
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix(before));
    lines.map(|name| name.trim_matches([' ', '"', '=']).to_owned()).collect()
}

#[test]
fn every_alarm_has_a_row() {
    let rows = table(&text("docs/runbook.md"), "## From an alarm");
    let described: BTreeSet<String> = rows.iter().map(|row| quoted(&row[0]).remove(0)).collect();
    let sam: BTreeSet<String> =
        names("deploy/sam/template.yaml", "AlarmName: ").into_iter().collect();
    assert_eq!(described, sam);
    // The Terraform module has the same, as keys of a map or as names.
    let mut terraform = BTreeSet::new();
    for file in ["alarms.tf", "notifications.tf"] {
        let text = text(&format!("deploy/terraform/{file}"));
        for name in &described {
            if text.contains(&format!("{name} ")) || text.contains(&format!("\"{name}\"")) {
                terraform.insert(name.clone());
            }
        }
    }
    assert_eq!(described, terraform);
}
