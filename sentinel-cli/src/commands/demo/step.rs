//! The output for each step: the caller and the action, the expected result, and
//! the actual result.

use clap::builder::styling::AnsiColor;
use serde::Serialize;

use crate::output::{Failure, Screen, paint, printable};

/// A single action of a caller.
#[derive(Debug, Serialize)]
struct Step {
    chapter: String,
    what: String,
    expected: String,
    seen: String,
    as_expected: bool,
}

/// The report of the demo: written immediately for people, and at the end for
/// programs.
#[derive(Debug)]
pub(super) struct Narrator<'s> {
    screen: &'s Screen,
    chapter: String,
    steps: Vec<Step>,
}

impl<'s> Narrator<'s> {
    pub(super) const fn new(screen: &'s Screen) -> Self {
        Self { screen, chapter: String::new(), steps: Vec::new() }
    }

    /// Starts a chapter. `about` describes it in a sentence or two.
    pub(super) fn chapter(&mut self, title: &str, about: &str) -> Result<(), Failure> {
        title.clone_into(&mut self.chapter);
        if self.screen.is_json() {
            return Ok(());
        }
        let title = paint(self.screen.colors_out(), AnsiColor::Cyan, title);
        self.screen.print(&format!("\n{title}\n{about}\n\n"))
    }

    /// Reports a step. The calling code decides whether it had the expected result.
    pub(super) fn step(
        &mut self,
        what: &str,
        expected: &str,
        seen: &str,
        as_expected: bool,
    ) -> Result<(), Failure> {
        let seen = printable(seen);
        if !self.screen.is_json() {
            let color = self.screen.colors_out();
            let mark = if as_expected {
                paint(color, AnsiColor::Green, "ok ")
            } else {
                paint(color, AnsiColor::Red, "NOT")
            };
            self.screen.print(&format!(
                "  {mark} {what}\n      expected  {expected}\n      seen      {seen}\n"
            ))?;
        }
        self.steps.push(Step {
            chapter: self.chapter.clone(),
            what: what.to_owned(),
            expected: expected.to_owned(),
            seen,
            as_expected,
        });
        Ok(())
    }

    /// Writes a text unchanged.
    pub(super) fn show(&self, text: &str) -> Result<(), Failure> {
        if self.screen.is_json() {
            return Ok(());
        }
        let indented: String = text.lines().map(|line| format!("      {line}\n")).collect();
        self.screen.print(&indented)
    }

    /// Ends the report. Returns whether every step had the expected result.
    pub(super) fn end(self) -> Result<bool, Failure> {
        let wrong = self.steps.iter().filter(|step| !step.as_expected).count();
        let good = wrong == 0 && !self.steps.is_empty();
        if self.screen.is_json() {
            self.screen.print_json(&serde_json::json!({ "ok": good, "steps": self.steps }))?;
        } else {
            let text = match wrong {
                0 => paint(
                    self.screen.colors_out(),
                    AnsiColor::Green,
                    &format!("All {} steps had the expected result.", self.steps.len()),
                ),
                wrong => paint(
                    self.screen.colors_out(),
                    AnsiColor::Red,
                    &format!(
                        "{wrong} of {} steps did not have the expected result.",
                        self.steps.len()
                    ),
                ),
            };
            self.screen.print(&format!(
                "\n{text}\nTry it yourself: `sentinel dev` runs the same server and shows how to \
                 use it.\n"
            ))?;
        }
        Ok(good)
    }
}
