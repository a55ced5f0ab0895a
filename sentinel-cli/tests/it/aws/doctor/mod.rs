//! `sentinel doctor` on an emulated account that is right, and on one with each fault planted.

mod faults;
mod world;

use serde_json::{Value, json};

use crate::running::run;
use faults::{FAULTS, Fault};
use world::{ORIGIN, SESSION_KEY, World};

/// The findings of a run: the check, the severity and the subject of each.
fn findings(world: &World) -> (Vec<(String, String, String)>, i32, Value) {
    let output = run(&mut world.command("doctor --format json"));
    let report = output.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    let findings = findings
        .map(|one| (text(&one["check"]), text(&one["severity"]), text(&one["subject"])))
        .collect();
    (findings, output.status, report)
}

#[test]
fn a_deployment_that_is_right_has_no_findings() {
    let world = World::start();
    world.reset();
    let (found, status, report) = findings(&world);
    assert_eq!(found, [], "{report:#}");
    assert_eq!(status, 0);
    assert_eq!(report["user"], "alice");
}

#[test]
fn each_fault_has_its_finding_and_no_other() {
    let world = World::start();
    let mut wrong = Vec::new();
    for Fault { what, plant, found } in FAULTS {
        let ids = world.reset();
        plant(&world, &ids);
        let (findings, status, report) = findings(&world);
        let checks: Vec<&str> = findings.iter().map(|(check, _, _)| check.as_str()).collect();
        let negative = findings.iter().any(|(_, severity, _)| severity != "note");
        if checks != *found || status != i32::from(negative) {
            wrong.push(format!(
                "{what}: {checks:?} instead of {found:?}, status {status}: {report:#}"
            ));
        }
        let text = report.to_string();
        assert!(!text.contains(ORIGIN) && !text.contains(SESSION_KEY), "{what}: {text}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
