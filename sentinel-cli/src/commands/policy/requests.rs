//! Many requests: one JSON object per line of input, one per line of output, in the
//! same order. Complete logs can be replayed: blocks of lines are evaluated on all
//! processors, no state of a line is kept after its result is written, and texts are
//! read in place.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem;
use std::ops::ControlFlow;
use std::path::Path;

use chrono::{DateTime, Utc};
use sentinel_policy::{DeviceFacts, Facts, Mode, Principal, Request};
use serde::{Deserialize, Serialize};

use super::request_options::facts;
use super::value::Contradiction;
use super::{fault, value};
use crate::blocks::{Block, Blocks, MAX_LINE};
use crate::in_order::in_order;
use crate::output::{Failure, Outcome};

/// The length of results from which they are passed on, in bytes.
const MAX_RESULTS: usize = 256 * 1024;
/// Some editors on Windows write it at the start of a UTF-8 file.
const BOM: &[u8] = "\u{feff}".as_bytes();

/// A text, read in place if it has no escapes. (`Option<Cow>` would copy.)
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The text of an attribute, if it is given.
fn given<'t>(text: Option<&'t Text<'_>>) -> Option<&'t str> {
    text.map(|text| text.0.as_ref())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    user: Text<'a>,
    #[serde(borrow)]
    profile: Text<'a>,
    #[serde(default, borrow)]
    at: Option<Text<'a>>,
    #[serde(default, borrow)]
    source_ip: Option<Text<'a>>,
    #[serde(default, borrow)]
    source_vpc: Option<Text<'a>>,
    #[serde(default, borrow)]
    source_vpce: Option<Text<'a>>,
    #[serde(default, borrow)]
    account: Option<Text<'a>>,
    #[serde(default, borrow)]
    principal: Option<Text<'a>>,
    #[serde(default, borrow)]
    organization: Option<Text<'a>>,
    #[serde(default, borrow)]
    mode: Option<Text<'a>>,
    #[serde(default, borrow)]
    session_table: Option<Text<'a>>,
    #[serde(default, borrow)]
    device: Option<Device<'a>>,
    #[serde(default)]
    approved: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Device<'a> {
    mdm_enrolled: Option<bool>,
    mdm_compliant: Option<bool>,
    disk_encrypted: Option<bool>,
    firewall_enabled: Option<bool>,
    #[serde(default, borrow)]
    os_version: Option<Text<'a>>,
    #[serde(default, borrow)]
    os_type: Option<Text<'a>>,
}

#[derive(Serialize)]
struct BadLine<'a> {
    line: u64,
    error: &'a str,
}

/// Evaluates every line of a file, or of stdin, with `evaluate`.
pub(super) fn run<R: Serialize>(
    path: &Path,
    evaluate: impl Fn(&Request<'_>, &Facts, DateTime<Utc>) -> R + Sync,
) -> Result<Outcome, Failure> {
    if path.as_os_str() == "-" {
        return evaluate_all(&evaluate, io::stdin(), io::stdout().lock());
    }
    let file = File::open(path)
        .map_err(|error| Failure::because(format!("cannot read `{}`", path.display()), error))?;
    evaluate_all(&evaluate, file, io::stdout().lock())
}

fn evaluate_all<R: Serialize>(
    evaluate: &(impl Fn(&Request<'_>, &Facts, DateTime<Utc>) -> R + Sync),
    requests: impl Read + Send,
    mut out: impl Write,
) -> Result<Outcome, Failure> {
    // A single time for all lines without one, so that they are comparable.
    let now = Utc::now();
    let mut blocks = Blocks::new(requests);
    let mut outcome = Outcome::Done;
    in_order(
        || blocks.next().map_err(Stopped::Unreadable),
        |block, emit| evaluate_block(evaluate, &block, now, emit),
        |Results { lines, bad }| {
            if bad {
                outcome = Outcome::No;
            }
            out.write_all(&lines).map_err(Stopped::Unwritten)
        },
    )
    .and_then(|()| out.flush().map_err(Stopped::Unwritten))
    .map_err(|stopped| match stopped {
        Stopped::Unreadable(error) => Failure::because("cannot read the requests", error),
        Stopped::Unwritten(error) => Failure::output(error),
    })?;
    Ok(outcome)
}

/// Why not every line was evaluated.
enum Stopped {
    Unreadable(io::Error),
    Unwritten(io::Error),
}

/// Some lines of results.
#[derive(Default)]
struct Results {
    lines: Vec<u8>,
    /// Whether one of them is an error.
    bad: bool,
}

/// Emits the results of the lines of a block.
fn evaluate_block<R: Serialize>(
    evaluate: impl Fn(&Request<'_>, &Facts, DateTime<Utc>) -> R,
    block: &Block,
    now: DateTime<Utc>,
    emit: &mut dyn FnMut(Results) -> ControlFlow<()>,
) {
    let mut results = Results::default();
    for (number, line) in (block.first..).zip(block.lines()) {
        let line = if number == 1 { line.strip_prefix(BOM).unwrap_or(line) } else { line };
        match evaluate_line(&evaluate, line, now) {
            Ok(result) => write_line(&mut results.lines, &result),
            Err(error) => {
                results.bad = true;
                write_line(&mut results.lines, &BadLine { line: number, error: &error });
            }
        }
        // A result can be far longer than its request.
        if results.lines.len() >= MAX_RESULTS && emit(mem::take(&mut results)).is_break() {
            return;
        }
    }
    if !results.lines.is_empty() {
        // Nothing is left that could be stopped.
        let _ = emit(results);
    }
}

fn evaluate_line<R>(
    evaluate: impl Fn(&Request<'_>, &Facts, DateTime<Utc>) -> R,
    line: &[u8],
    now: DateTime<Utc>,
) -> Result<R, String> {
    if line.len() > MAX_LINE {
        return Err(format!("longer than {MAX_LINE} bytes"));
    }
    let trimmed = line.trim_ascii();
    if trimmed.is_empty() {
        return Err("an empty line".to_owned());
    }
    if !trimmed.starts_with(b"{") {
        return Err(fault::not_an_object(line));
    }
    let fields: Line<'_> =
        serde_json::from_slice(line).map_err(|error| fault::not_a_request(line, &error))?;
    let (request, at) = fields.request()?;
    let facts = facts(fields.approved == Some(true));
    Ok(evaluate(&request, &facts, at.unwrap_or(now)))
}

impl Line<'_> {
    /// The request, and its time if one is given. An error names the field with an
    /// invalid value.
    fn request(&self) -> Result<(Request<'_>, Option<DateTime<Utc>>), String> {
        checked("user", Some(&self.user), value::user)?;
        checked("profile", Some(&self.profile), value::profile)?;
        checked("account", self.account.as_ref(), value::account)?;
        checked("principal", self.principal.as_ref(), value::principal)?;
        let at = checked("at", self.at.as_ref(), value::time)?;
        let source_ip = checked("source_ip", self.source_ip.as_ref(), value::address)?;
        let source_vpc = checked("source_vpc", self.source_vpc.as_ref(), value::vpc)?;
        let source_vpce = checked("source_vpce", self.source_vpce.as_ref(), value::vpce)?;
        let mode = checked("mode", self.mode.as_ref(), value::mode)?;
        let device = self.device.as_ref().map(Device::facts).transpose()?;
        let caller = Principal::new(&self.user.0)
            .with_account(given(self.account.as_ref()))
            .with_arn(given(self.principal.as_ref()))
            .with_organization(given(self.organization.as_ref()));
        value::consistent(&caller).map_err(|fault| {
            let Contradiction { attribute, value, fact } = fault;
            format!("`{attribute}`: `{value}` contradicts `principal`: {fact}")
        })?;
        let request = Request::new(caller, &self.profile.0)
            .with_source_ip(source_ip)
            .with_source_vpc(source_vpc)
            .with_source_vpce(source_vpce)
            .with_mode(mode.unwrap_or(Mode::Server))
            .with_session_table(given(self.session_table.as_ref()))
            .with_device(device.unwrap_or_default());
        Ok((request, at))
    }
}

impl Device<'_> {
    fn facts(&self) -> Result<DeviceFacts<'_>, String> {
        checked("device.os_version", self.os_version.as_ref(), value::os_version)?;
        checked("device.os_type", self.os_type.as_ref(), value::os_type)?;
        Ok(DeviceFacts::default()
            .with_mdm_enrolled(self.mdm_enrolled)
            .with_mdm_compliant(self.mdm_compliant)
            .with_disk_encrypted(self.disk_encrypted)
            .with_firewall_enabled(self.firewall_enabled)
            .with_os_version(given(self.os_version.as_ref()))
            .with_os_type(given(self.os_type.as_ref())))
    }
}

/// The value of a field, if it has one. An error names the field.
fn checked<'t, T>(
    field: &str,
    text: Option<&'t Text<'_>>,
    read: impl Fn(&'t str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    given(text).map(|text| read(text).map_err(|fault| format!("`{field}`: {fault}"))).transpose()
}

/// Appends a result. Neither writing to memory nor the results can fail.
fn write_line(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(&mut *out, value).ok();
    out.push(b'\n');
}
