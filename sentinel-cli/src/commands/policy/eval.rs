//! `sentinel policy eval`: evaluates a policy for one request or for many.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use clap::builder::styling::AnsiColor;

use super::question::{Answer, Question};
use super::requests;
use crate::output::{Failure, Outcome, Screen, paint, printable};

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
  sentinel policy eval policy.yaml --requests requests.jsonl > answers.jsonl

A line of requests.jsonl:
  {\"user\":\"alice\",\"profile\":\"production\",\"at\":\"2026-01-31T23:00:00Z\"}")]
pub(super) struct Arguments {
    /// Policy document; `-` for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    question: Question,
}

pub(super) fn run(arguments: &Arguments, screen: &Screen) -> Result<Outcome, Failure> {
    let Arguments { file, question } = arguments;
    let policy = question.compile(file, screen)?;
    if let Some(lines) = question.requests() {
        return requests::run(lines, |request, facts, now| {
            Answer::of(&policy, request, facts, now)
        });
    }
    let (request, facts, now) = question.ask();
    let answer = Answer::of(&policy, &request, &facts, now);
    if screen.is_json() {
        screen.print_json(&answer)?;
    } else {
        screen.print(&human(&answer, screen.colors_out()))?;
    }
    Ok(question.outcome(answer.effect, screen))
}

/// The same facts in the form for people.
pub(super) fn human(answer: &Answer<'_>, color: bool) -> String {
    let Answer { effect, rule, rule_index, reason, max_duration_s, valid_until, requires } = answer;
    let accent = match *effect {
        "allow" => AnsiColor::Green,
        "deny" => AnsiColor::Red,
        _ => AnsiColor::Yellow,
    };
    let mut text = paint(color, accent, effect);
    match rule {
        Some(rule) => text.push_str(&format!(" by rule `{}` (#{rule_index})\n", printable(rule))),
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
        line("valid until", until.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true));
    }
    let requires: Vec<&str> = requires.iter().collect();
    if !requires.is_empty() {
        line("still required", requires.join(", "));
    }
    text
}
