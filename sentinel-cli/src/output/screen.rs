//! Where output is written: results to stdout, everything else to stderr, in the
//! requested format and with the requested use of color.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

use chrono::Utc;
use clap::builder::styling::{AnsiColor, Style};
use clap::{ArgAction, Args, ValueEnum};
use sentinel_policy::is_unprintable;
use serde::Serialize;

use super::{Failure, Times, progress, terminal};

/// Format of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Text for people.
    #[default]
    Human,
    /// One JSON document with the same facts.
    Json,
    /// SARIF 2.1.0, for code scanners (`policy check` only).
    Sarif,
}

/// When output has color.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set or TERM is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Format of results
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Global options")]
    pub(crate) format: Format,
    /// Use of color
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Global options")]
    pub(crate) color: Color,
    /// Write more details to stderr
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
}

/// The two streams, and their format and color.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    pub(crate) format: Format,
    pub(crate) verbose: bool,
    /// Width of the terminal that results are written to. `None` if it is not a terminal.
    pub(crate) width: Option<usize>,
    out: bool,
    err: bool,
}

impl Screen {
    pub(crate) fn new(global: &Global) -> Self {
        let colored = |terminal: bool| is_colored(global.color, terminal, std::env::var_os);
        Self {
            format: global.format,
            verbose: global.verbose > 0,
            width: terminal::width(io::stdout()),
            out: colored(io::stdout().is_terminal()),
            err: colored(io::stderr().is_terminal()),
        }
    }

    /// Whether programs read the results.
    pub(crate) fn is_json(&self) -> bool {
        match self.format {
            Format::Json => true,
            Format::Human | Format::Sarif => false,
        }
    }

    /// Whether stdout has color.
    pub(crate) const fn colors_out(&self) -> bool {
        self.out
    }

    /// Whether stderr has color.
    pub(crate) const fn colors_err(&self) -> bool {
        self.err
    }

    /// How the times of a table are shown: relative, or exact with `-v`.
    pub(crate) fn times(&self) -> Times {
        Times::new(Utc::now(), self.verbose)
    }

    /// Writes a result.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        progress::clear();
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::output)
    }

    /// Writes a result as one JSON document.
    pub(crate) fn print_json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::because("cannot write the result as JSON", error))?;
        text.push('\n');
        self.print(&text)
    }

    /// Writes a message in addition to the result.
    pub(crate) fn note(&self, text: &str) {
        self.write_line(Style::new(), "", text);
    }

    /// Writes a warning.
    pub(crate) fn warn(&self, text: &str) {
        self.write_line(AnsiColor::Yellow.on_default().bold(), "warning: ", text);
    }

    /// Writes why there is no result.
    pub(crate) fn failure(&self, failure: &Failure) {
        let label = match failure {
            Failure::Closed => return,
            Failure::Refused(refused) if self.is_json() => {
                return self.write_line(Style::new(), "", &refused.to_json());
            }
            Failure::Refused(_) => "refused: ",
            Failure::Usage(_) | Failure::Other { .. } => "error: ",
        };
        self.write_line(AnsiColor::Red.on_default().bold(), label, &failure.to_string());
    }

    fn write_line(&self, style: Style, label: &str, text: &str) {
        progress::clear();
        let mut err = io::stderr().lock();
        // If stderr cannot be written, there is nowhere to report it.
        let written = if self.err && !label.is_empty() {
            writeln!(err, "{style}{label}{style:#}{text}")
        } else {
            writeln!(err, "{label}{text}")
        };
        drop(written);
    }
}

/// Whether a stream has color. NO_COLOR is effective if it is set and not empty:
/// <https://no-color.org>
fn is_colored(
    color: Color,
    terminal: bool,
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            terminal
                && variable("NO_COLOR").is_none_or(|value| value.is_empty())
                && variable("TERM").is_none_or(|value| value != "dumb")
        }
    }
}

/// Text in a color if `colors` is true.
pub(crate) fn paint(colors: bool, color: AnsiColor, text: &str) -> String {
    if colors {
        let style = color.on_default();
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

/// Third-party text for a terminal: without escape sequences, and without
/// characters that reorder or hide adjacent text.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if is_unprintable(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dumb_terminal_and_no_color_have_no_colors_unless_they_are_required() {
        for (color, terminal, variables, colored) in [
            (Color::Auto, true, &[][..], true),
            (Color::Auto, true, &[("TERM", "xterm"), ("NO_COLOR", "")][..], true),
            (Color::Auto, false, &[], false),
            (Color::Auto, true, &[("TERM", "dumb")], false),
            (Color::Auto, true, &[("NO_COLOR", "1")], false),
            (Color::Always, false, &[("TERM", "dumb"), ("NO_COLOR", "1")], true),
            (Color::Never, true, &[], false),
        ] {
            let variable = |name| {
                let found = variables.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| OsString::from(value))
            };
            assert_eq!(is_colored(color, terminal, variable), colored, "{color:?} {variables:?}");
        }
    }
}
