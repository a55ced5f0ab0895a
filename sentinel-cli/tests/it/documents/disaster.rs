//! `docs/disaster.md`: its commands are run in order against an emulator, and have the results that the
//! document states.

use super::administration::run_all;

#[test]
fn every_command_in_disaster_has_the_stated_result() {
    let home = run_all("docs/disaster.md", &["sentinel bootstrap"]);
    let restored = std::fs::read_to_string(home.path().join("backup/billing.yaml")).unwrap();
    let source = std::fs::read_to_string(home.path().join("policies/billing.yaml")).unwrap();
    assert_eq!(restored, source);
}
