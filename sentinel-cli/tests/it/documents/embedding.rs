//! `docs/embedding.md` and the programs that it refers to. Each program has its own
//! test, which its package runs.

use super::{root, text};

#[test]
fn every_example_is_short_tests_itself_and_is_in_the_document() {
    let document = text("docs/embedding.md");
    let of_signatures = text("sentinel-sigv4/README.md");
    let mut programs = 0;
    for entry in std::fs::read_dir(root().join("examples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".rs") {
            continue;
        }
        programs += 1;
        let program = text(&format!("examples/{name}"));
        let (code, test) = parts(&program);
        let lines = code.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines = lines.filter(|line| !line.starts_with("//")).count();
        // A whole service, with its signatures and its errors.
        let most = if name == "embed_service.rs" { 80 } else { 40 };
        assert!(lines < most, "{name}: {lines} lines of code");
        // A program that needs an environment is tested by its functions.
        let is_tested = |function: &str| test.contains(&format!("{function}("));
        let all_are_tested = functions(code).all(is_tested);
        assert!(test.contains("main().unwrap();") || all_are_tested, "{name}");
        let is_named = document.contains(&format!("](../examples/{name})"))
            || of_signatures.contains(&format!("`examples/{name}`"));
        assert!(is_named, "{name}");
        let registered =
            ["sentinel-policy", "sentinel-broker", "sentinel-client"].iter().any(|package| {
                let manifest = text(&format!("{package}/Cargo.toml"));
                manifest.contains(&format!("path = \"../examples/{name}\"\ntest = true"))
            });
        assert!(registered, "{name}: no package tests it");
    }
    assert_eq!(programs, 5);
}

/// The code of a program, and its tests.
fn parts(program: &str) -> (&str, &str) {
    let test = program.find("#[cfg(test)]").or_else(|| program.find("#[test]")).unwrap();
    program.split_at(test)
}

/// The names of a program's functions, except `main`.
fn functions(code: &str) -> impl Iterator<Item = &str> {
    let names = code.split("fn ").skip(1).filter_map(|rest| rest.split('(').next());
    names.filter(|name| *name != "main")
}
