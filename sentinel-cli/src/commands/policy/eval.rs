//! `sentinel policy eval`: evaluates a policy for one request or for many.

use std::path::PathBuf;

use clap::Args;

use super::decision::DecisionView;
use super::request_options::RequestOptions;
use super::requests;
use crate::output::{Failure, Outcome, Screen};

/// Evaluate a policy for one request or for many.
///
/// Exits 0 if the request is allowed and 1 if not. With `--expect`, exits 0 if the
/// effect is the expected one. With `--requests`, exits 0 if every line was
/// evaluated. Exits 3 if the document is invalid.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  sentinel policy eval policy.yaml --user alice --profile production
  sentinel policy eval policy.yaml --user alice --profile production \\
    --at 2026-01-31T23:00:00Z --source-ip 10.1.2.3 --format json
  sentinel policy eval policy.yaml --user bob --profile production --expect deny
  sentinel policy eval policy.yaml --requests requests.jsonl > decisions.jsonl

A line of requests.jsonl:
  {\"user\":\"alice\",\"profile\":\"production\",\"at\":\"2026-01-31T23:00:00Z\"}")]
pub(super) struct Arguments {
    /// Policy document; `-` for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    options: RequestOptions,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { file, options } = arguments;
    let policy = options.compile(file, screen)?;
    if let Some(lines) = options.requests_file() {
        return requests::run(lines, |request, facts, now| {
            DecisionView::of(&policy, request, facts, now)
        });
    }
    let (request, facts, now) = options.request();
    let decision = DecisionView::of(&policy, &request, &facts, now);
    if screen.is_json() {
        screen.print_json(&decision)?;
    } else {
        screen.print(&decision.human(screen.colors_out()))?;
    }
    Ok(options.outcome(decision.effect, screen))
}
