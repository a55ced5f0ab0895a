//! `docs/glossary.md`: its terms are in order, each once, and are words of the code.

use std::path::Path;

use super::{root, table, text};

/// The text of the sources of all crates, in lower case, in which line ends of comments are spaces.
fn sources() -> String {
    fn add(folder: &Path, found: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let lines = std::fs::read_to_string(&path).unwrap().to_lowercase();
                for line in lines.lines() {
                    found.push_str(line.trim().trim_start_matches(['/', '!']));
                    found.push(' ');
                }
            }
        }
    }
    let mut found = String::new();
    for entry in std::fs::read_dir(root()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("sentinel-") && name != "sentinel-testkit" {
            add(&path.join("src"), &mut found);
        }
    }
    found.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_glossary_is_in_order_and_has_words_of_the_code_only() {
    let rows = table(&format!("\n{}", text("docs/glossary.md")), "# Glossary");
    let terms: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('*')).collect();
    assert!(terms.len() > 40, "{}", terms.len());
    assert!(terms.is_sorted_by(|a, b| a < b), "{terms:?}");
    let sources = sources();
    for term in terms {
        assert!(sources.contains(term), "the code does not use `{term}`");
    }
}
