//! The decision about one request, as the commands print it: every output has the
//! same members in the same order.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use clap::builder::styling::AnsiColor;
use sentinel_policy::{Decision, Facts, Policy, Request, Requirements};
use sentinel_wire::rfc3339;
use serde::{Serialize, Serializer};

use crate::output::{paint, printable};

/// The decision of a policy.
#[derive(Debug, Serialize)]
pub(super) struct DecisionView<'p> {
    pub(super) effect: &'static str,
    rule: Option<&'p str>,
    /// -1 if no rule matched.
    rule_index: i64,
    reason: Option<&'p str>,
    max_duration_s: Option<u64>,
    #[serde(serialize_with = "time")]
    valid_until: Option<DateTime<Utc>>,
    #[serde(serialize_with = "words")]
    requires: Requirements,
}

impl<'p> DecisionView<'p> {
    /// Evaluates the policy.
    pub(super) fn of(
        policy: &'p Policy,
        request: &Request<'_>,
        facts: &Facts,
        now: DateTime<Utc>,
    ) -> Self {
        let valid_until = policy.valid_until(request, facts, now);
        Self::new(&policy.decide(request, facts, now), valid_until)
    }

    pub(super) fn new(decision: &Decision<'p>, valid_until: Option<DateTime<Utc>>) -> Self {
        let Decision { verdict, rule, max_duration, requires, .. } = *decision;
        Self {
            effect: verdict.as_str(),
            rule: rule.map(|rule| rule.name),
            rule_index: rule.and_then(|rule| i64::try_from(rule.index).ok()).unwrap_or(-1),
            reason: rule.and_then(|rule| rule.reason),
            max_duration_s: max_duration.map(|cap| cap.as_secs()),
            valid_until,
            requires,
        }
    }

    /// The same facts in the form for people.
    pub(super) fn human(&self, color: bool) -> String {
        let Self { effect, rule, rule_index, reason, max_duration_s, valid_until, requires } = self;
        let accent = match *effect {
            "allow" => AnsiColor::Green,
            "deny" => AnsiColor::Red,
            _ => AnsiColor::Yellow,
        };
        let mut text = paint(color, accent, effect);
        match rule {
            Some(rule) => {
                text.push_str(&format!(" by rule `{}` (#{rule_index})\n", printable(rule)));
            }
            None => text.push_str(": no rule matched\n"),
        }
        let mut line = |name: &str, value: String| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<14} {value}");
        };
        if let Some(reason) = reason {
            line("reason", printable(reason));
        }
        if let Some(seconds) = max_duration_s {
            line("max duration", format!("{seconds} s"));
        }
        if let Some(until) = valid_until {
            line("valid until", rfc3339::exact(*until));
        }
        let requires: Vec<&str> = requires.iter().collect();
        if !requires.is_empty() {
            line("still required", requires.join(", "));
        }
        text
    }
}

fn time<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.serialize_str(&rfc3339::exact(*at)),
        None => serializer.serialize_none(),
    }
}

fn words<S: Serializer>(requires: &Requirements, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(requires.iter())
}
