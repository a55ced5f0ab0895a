//! `docs/embedding.md` and the programs that it refers to. Each program has its own
//! test, which its package runs.

use super::{root, text};

#[test]
fn every_example_is_short_tests_itself_and_is_in_the_document() {
    let document = text("docs/embedding.md");
    let mut programs = 0;
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".rs") {
            continue;
        }
        programs += 1;
        let program = text(&format!("examples/{name}"));
        let test = ["#[test]", "#[cfg(test)]"].iter().find_map(|test| program.split_once(test));
        let (code, _) = test.unwrap_or_else(|| panic!("{name} has no test"));
        let code = code.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines = code.filter(|line| !line.starts_with("//")).count();
        assert!(lines < 40, "{name}: {lines} lines of code");
        assert!(document.contains(&format!("](../examples/{name})")), "{name}");
        let registered =
            ["sentinel-policy", "sentinel-broker", "sentinel-client"].iter().any(|package| {
                let manifest = text(&format!("{package}/Cargo.toml"));
                manifest.contains(&format!("path = \"../examples/{name}\"\ntest = true"))
            });
        assert!(registered, "{name}: no package tests it");
    }
    assert_eq!(programs, 3);
}
