//! The indexes of `docs/` list every document.

use super::{root, text};

/// The Markdown files of a folder, by name.
fn documents(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".md") && name != "README.md").collect()
}

#[test]
fn every_document_is_in_its_index() {
    for folder in ["docs", "docs/decisions"] {
        let index = text(&format!("{folder}/README.md"));
        let documents = documents(folder);
        assert!(documents.len() > 5, "{folder}: {documents:?}");
        for name in documents {
            assert!(index.contains(&format!("]({name})")), "{folder}/README.md: no `{name}`");
        }
    }
}

#[test]
fn every_decision_has_a_title_and_states_first_what_was_decided() {
    for name in documents("docs/decisions") {
        let decision = text(&format!("docs/decisions/{name}"));
        let mut lines = decision.lines().filter(|line| !line.is_empty());
        assert!(lines.next().unwrap().starts_with("# "), "{name}");
        assert!(lines.next().unwrap().starts_with("_Decided:_ "), "{name}");
    }
}
