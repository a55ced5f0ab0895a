//! The statements in `docs/` match the program: the commands run, the policies are
//! evaluated, the tables list the existing fields and words. `scripts/documents.py`
//! checks that links have targets and that named tests exist.

mod administration;
mod approvals;
mod audit;
mod client_setup;
mod credentials_for_tools;
mod decisions;
mod deployment;
mod disaster;
mod doctor;
mod embedding;
mod getting_started;
mod glossary;
mod identities;
mod image;
mod notifications;
mod organizations;
mod policy_reference;
mod readme;
mod records;
mod runbook;
mod threats;
mod troubleshooting;

use std::path::{Path, PathBuf};

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The text of a document, by its path in the repository.
fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A fenced block of a document.
#[derive(Debug)]
struct Block {
    /// The line of its opening fence, counted from 1.
    line: usize,
    /// The words after the fence: the language, then words of this test.
    info: Vec<String>,
    text: String,
}

impl Block {
    fn language(&self) -> &str {
        self.info.first().map_or("", String::as_str)
    }

    /// Whether a word follows the language.
    fn has_word(&self, word: &str) -> bool {
        self.info.iter().skip(1).any(|found| found == word)
    }
}

/// The fenced blocks, in their order.
fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, row) in (1..).zip(document.lines()) {
        match (row.strip_prefix("```"), open.take()) {
            (Some(""), Some(block)) => blocks.push(block),
            (Some(info), None) => {
                let info = info.split_whitespace().map(str::to_owned).collect();
                open = Some(Block { line, info, text: String::new() });
            }
            (_, Some(mut block)) => {
                block.text.extend([row, "\n"]);
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// The rows of the first table below a heading: the cells of each row, without the
/// header.
fn table(document: &str, heading: &str) -> Vec<Vec<String>> {
    let below = document
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no heading `{heading}`"))
        .1;
    let rows = below.lines().skip_while(|row| !row.starts_with('|')).skip(2);
    rows.take_while(|row| row.starts_with('|'))
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// The texts in backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
