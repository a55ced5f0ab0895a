//! `sentinel policy explain`: explains a decision of a policy, rule by rule.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;
use sentinel_policy::{Explanation, Facts, Policy, Request, Step, StepOutcome, Unmet};
use serde::Serialize;

use super::decision::DecisionView;
use super::request_options::RequestOptions;
use super::requests;
use crate::output::{Failure, Outcome, Screen, printable};

/// Explain a decision, rule by rule.
///
/// Has the arguments and exit statuses of `eval`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel policy explain policy.yaml --user bob --profile production
  sentinel policy explain policy.yaml --user alice --profile production \\
    --at 2026-01-31T23:00:00Z --mode cli --format json")]
pub(super) struct Arguments {
    /// Policy document; `-` for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    options: RequestOptions,
}

/// The decision, and the result of each rule up to the one that matched.
#[derive(Debug, Serialize)]
struct Explained<'p> {
    #[serde(flatten)]
    decision: DecisionView<'p>,
    steps: Vec<ExplainedStep<'p>>,
}

#[derive(Debug, Serialize)]
struct ExplainedStep<'p> {
    rule: &'p str,
    rule_index: usize,
    /// `matched`, `unmet` or `excluded` (by `unless`).
    outcome: &'static str,
    /// The first condition that did not match.
    condition: Option<&'static str>,
    /// The attribute of the request that the condition tests, and its value.
    attribute: Option<&'static str>,
    saw: Option<String>,
    /// The values that would have matched the condition.
    wanted: Vec<String>,
}

impl<'p> Explained<'p> {
    /// Evaluates the policy.
    fn of(
        policy: &'p Policy,
        request: &Request<'_>,
        facts: &Facts,
        now: DateTime<Utc>,
    ) -> (Self, Explanation<'p>) {
        let explanation = policy.explain(request, facts, now);
        let valid_until = policy.valid_until(request, facts, now);
        let decision = DecisionView::new(&explanation.decision, valid_until);
        let steps = explanation.steps.iter().map(ExplainedStep::new).collect();
        (Self { decision, steps }, explanation)
    }
}

impl<'p> ExplainedStep<'p> {
    fn new(step: &Step<'p>) -> Self {
        let unmet = match &step.outcome {
            StepOutcome::Unmet(unmet) => Some(unmet),
            StepOutcome::Matched | StepOutcome::Excluded => None,
        };
        Self {
            rule: step.rule,
            rule_index: step.index,
            outcome: match &step.outcome {
                StepOutcome::Matched => "matched",
                StepOutcome::Unmet(_) => "unmet",
                StepOutcome::Excluded => "excluded",
            },
            condition: unmet.map(|unmet| unmet.condition.as_str()),
            attribute: unmet.map(|unmet| unmet.attribute),
            saw: unmet.and_then(|unmet| unmet.saw.clone()),
            wanted: unmet.map(Unmet::wanted).unwrap_or_default(),
        }
    }
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { file, options } = arguments;
    let policy = options.compile(file, screen)?;
    if let Some(lines) = options.requests_file() {
        return requests::run(lines, |request, facts, now| {
            Explained::of(&policy, request, facts, now).0
        });
    }
    let (request, facts, now) = options.request();
    let (explained, explanation) = Explained::of(&policy, &request, &facts, now);
    if screen.is_json() {
        screen.print_json(&explained)?;
    } else {
        let mut text: String =
            explanation.steps.iter().map(|step| printable(&step.to_string()) + "\n").collect();
        text.push_str(&explained.decision.human(screen.colors_out()));
        screen.print(&text)?;
    }
    Ok(options.outcome(explained.decision.effect, screen))
}
