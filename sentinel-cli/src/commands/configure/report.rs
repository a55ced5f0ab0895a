//! What `sentinel configure` did, for people and for programs. It shows only lines of the sections
//! that the command writes: other sections can contain access keys.

use clap::builder::styling::AnsiColor;
use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use crate::output::{Failure, Screen, paint, printable, table};

/// What happened to a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Added,
    Updated,
    Unchanged,
    Removed,
    Skipped,
}

impl Action {
    const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Removed => "removed",
            Self::Skipped => "skipped",
        }
    }
}

/// A section, and what happened to it.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    name: String,
    action: Action,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_process: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The section before and after. Empty if there was or is none.
    #[serde(skip)]
    texts: (Vec<u8>, Vec<u8>),
}

impl Entry {
    pub(super) fn new(name: &str, action: Action) -> Self {
        let texts = (Vec::new(), Vec::new());
        Self { name: name.to_owned(), action, credential_process: None, reason: None, texts }
    }

    pub(super) fn with_process(self, process: &str) -> Self {
        Self { credential_process: Some(process.to_owned()), ..self }
    }

    pub(super) fn with_reason(self, reason: String) -> Self {
        Self { reason: Some(reason), ..self }
    }

    pub(super) fn with_texts(self, old: Vec<u8>, new: Vec<u8>) -> Self {
        Self { texts: (old, new), ..self }
    }

    /// The lines that were removed and added.
    fn difference(&self, colors: bool) -> String {
        let (old, new) = &self.texts;
        let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
        let difference = TextDiff::from_lines(&*old, &*new);
        let lines = difference.iter_all_changes().filter_map(|change| {
            let (sign, color) = match change.tag() {
                ChangeTag::Equal => return None,
                ChangeTag::Delete => ('-', AnsiColor::Red),
                ChangeTag::Insert => ('+', AnsiColor::Green),
            };
            let line = format!("{sign}{}", change.value().trim_end_matches(['\r', '\n']));
            Some(paint(colors, color, &printable(&line)) + "\n")
        });
        lines.collect()
    }
}

/// The result of the command.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) file: String,
    pub(super) dry_run: bool,
    pub(super) sections: Vec<Entry>,
}

impl Report {
    /// Whether every section is as requested.
    pub(super) fn is_complete(&self) -> bool {
        !self.sections.iter().any(|entry| entry.action == Action::Skipped)
    }

    pub(super) fn print(&self, undo: bool, screen: &Screen) -> Result<(), Failure> {
        for entry in &self.sections {
            if let Some(reason) = &entry.reason {
                screen.warn(&format!("`{}` is skipped: {reason}", entry.name));
            }
        }
        if screen.is_json() {
            return screen.print_json(self);
        }
        if self.dry_run {
            let lines: String =
                self.sections.iter().map(|entry| entry.difference(screen.colors_out())).collect();
            screen.print(&lines)?;
        } else {
            let rows = self.sections.iter().filter(|entry| entry.action != Action::Skipped);
            screen.print(&table(
                rows.map(|entry| [entry.action.word().to_owned(), entry.name.clone()]),
            ))?;
        }
        screen.note(&self.summary(undo));
        Ok(())
    }

    /// Which file changed, and what to do next.
    fn summary(&self, undo: bool) -> String {
        let file = printable(&self.file);
        let changed = |entry: &&Entry| match entry.action {
            Action::Added | Action::Updated | Action::Removed => true,
            Action::Unchanged | Action::Skipped => false,
        };
        let Some(first) = self.sections.iter().find(changed) else {
            let reason = if undo { ": it has no such section" } else { "" };
            return format!("`{file}` is unchanged{reason}");
        };
        if self.dry_run {
            format!("`{file}` would change: nothing was written")
        } else if undo {
            format!("`{file}` was changed")
        } else {
            let name = &first.name;
            format!("`{file}` was changed: try `aws sts get-caller-identity --profile {name}`")
        }
    }
}
