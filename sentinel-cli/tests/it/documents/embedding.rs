//! `docs/embedding.md` and the programs that it refers to. Each program has a
//! separate test that calls its `main`.

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
        let (code, test) = program.split_once("#[test]").unwrap();
        let code = code.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines = code.filter(|line| !line.starts_with("//")).count();
        assert!(lines < 40, "{name}: {lines} lines of code");
        assert!(test.contains("main().unwrap();"), "{name}");
        assert!(document.contains(&format!("](../examples/{name})")), "{name}");
        let registered = ["sentinel-policy", "sentinel-broker"].iter().any(|package| {
            let manifest = text(&format!("{package}/Cargo.toml"));
            manifest.contains(&format!("path = \"../examples/{name}\"\ntest = true"))
        });
        assert!(registered, "{name}: no package tests it");
    }
    assert_eq!(programs, 2);
}
