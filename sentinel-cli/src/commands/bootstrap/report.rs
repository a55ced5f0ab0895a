//! The report of the steps, for people and for programs.

use std::fmt::Write;

use clap::builder::styling::AnsiColor;
use sentinel_store::AccountId;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::commands::policy::Place;
use crate::output::{column, paint};

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Created,
    Repaired,
    Unchanged,
    WouldCreate,
    WouldRepair,
    /// The resource differs from the requested one and is left unchanged.
    Differs,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Repaired => "repaired",
            Self::Unchanged => "unchanged",
            Self::WouldCreate => "would be created",
            Self::WouldRepair => "would be repaired",
            Self::Differs => "differs",
        }
    }

    const fn color(self) -> AnsiColor {
        match self {
            Self::Created | Self::Repaired | Self::Unchanged => AnsiColor::Green,
            Self::WouldCreate | Self::WouldRepair => AnsiColor::Yellow,
            Self::Differs => AnsiColor::Red,
        }
    }
}

/// A table or a policy, and the result of its step.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    pub(super) name: String,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub(super) purpose: Option<&'static str>,
    pub(super) state: State,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    /// What was repaired, what differs, and what to do.
    pub(super) details: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) account: AccountId,
    pub(super) region: String,
    pub(super) caller: String,
    pub(super) dry_run: bool,
    pub(super) tables: Vec<Step>,
    pub(super) policies: Vec<Step>,
    pub(super) iam: Map<String, Value>,
    /// The IAM documents in the form for people.
    #[serde(skip)]
    pub(super) people: String,
}

impl Report {
    /// Whether a resource differs from the requested one.
    pub(super) fn differs(&self) -> bool {
        self.tables.iter().chain(&self.policies).any(|step| step.state == State::Differs)
    }

    pub(super) fn human(&self, color: bool) -> String {
        let steps = || self.tables.iter().chain(&self.policies);
        let names = column(steps().map(|step| step.name.as_str()));
        let mut text = String::new();
        for (name, Step { state, place, version, details, .. }) in names.iter().zip(steps()) {
            let state_shown = paint(color, state.color(), state.as_str());
            let place = place.map(|place| format!(", in {}", place.as_str())).unwrap_or_default();
            let version = version.as_ref().map(|version| format!(", version {version}"));
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{name}  {state_shown}{place}{}", version.unwrap_or_default());
            for detail in details {
                let _ = writeln!(text, "  {detail}");
            }
        }
        format!("{text}\n{}", self.people)
    }
}
