//! The limits of AssumeRole: its parameters, their lengths and their characters.
//!
//! Each limit is the one in AWS's API model and reference. If the two differ, the narrower one is
//! used. This module does not depend on roles or callers.
//!
//! - <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
//! - <https://docs.aws.amazon.com/STS/latest/APIReference/API_Tag.html>
//! - <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>

use std::collections::BTreeMap;

use super::packed;
use super::policy::{Document, Kind};
use super::wire::{Error, Form};

/// RoleArn: 20 to 2,048 characters.
const ROLE_ARN: (usize, usize) = (20, 2048);
/// RoleSessionName and SourceIdentity: 2 to 64 characters of `[\w+=,.@-]`. (The newest model allows
/// 256 characters for a source identity; the reference states 64.)
const NAME: (usize, usize) = (2, 64);
/// ExternalId: 2 to 1,224 characters of `[\w+=,.@:\/-]`.
const EXTERNAL_ID: (usize, usize) = (2, 1224);
/// DurationSeconds: 900 to 43,200; one hour if it is missing.
const DURATION: (u32, u32) = (900, 43_200);
const DEFAULT_DURATION: u32 = 3600;
/// Policy: 1 to 2,048 characters of plain text.
const POLICY: (usize, usize) = (1, 2048);
/// Tags, and transitive tag keys: at most 50.
const TAGS: usize = 50;
/// A tag's key: 1 to 128 characters; its value: 0 to 256.
const TAG_KEY: (usize, usize) = (1, 128);
const TAG_VALUE: (usize, usize) = (0, 256);

/// AssumeRole's parameters, each within its limits.
#[derive(Clone, Debug)]
pub(super) struct AssumeRole {
    pub(super) role: String,
    pub(super) session_name: String,
    pub(super) source_identity: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) seconds: u32,
    pub(super) policy: Option<Document>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) transitive: Vec<String>,
    /// The share of the space for policy and tags that they use, in percent.
    pub(super) packed_percent: usize,
}

/// Collects all violations. STS reports them in one answer.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, value: Option<&str>, at: &str, constraint: &str) {
        let value = value.map_or_else(|| "null".to_owned(), |value| format!("'{value}'"));
        self.0.push(format!("Value {value} at '{at}' failed to satisfy constraint: {constraint}"));
    }

    /// Checks length and characters of one parameter.
    fn text(
        &mut self,
        value: &str,
        at: &str,
        (least, most): (usize, usize),
        pattern: &str,
        fits: impl Fn(char) -> bool,
    ) {
        let length = value.chars().count();
        if length < least {
            let constraint = format!("Member must have length greater than or equal to {least}");
            self.add(Some(value), at, &constraint);
        }
        if length > most {
            let constraint = format!("Member must have length less than or equal to {most}");
            self.add(Some(value), at, &constraint);
        }
        if !value.chars().all(fits) {
            let constraint = format!("Member must satisfy regular expression pattern: {pattern}");
            self.add(Some(value), at, &constraint);
        }
    }

    fn into_result(self) -> Result<(), Error> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(Error::validation(format!(
                "1 validation error detected: {}",
                self.0.join("; ")
            ))),
            n => Err(Error::validation(format!(
                "{n} validation errors detected: {}",
                self.0.join("; ")
            ))),
        }
    }
}

/// Reads the parameters of AssumeRole.
pub(super) fn read(form: &Form) -> Result<AssumeRole, Error> {
    let mut faults = Faults::default();
    let mut required = |name: &str, at: &str| {
        let value = form.get(name);
        if value.is_none() {
            faults.add(None, at, "Member must not be null");
        }
        value.unwrap_or_default().to_owned()
    };
    let role = required("RoleArn", "roleArn");
    let session_name = required("RoleSessionName", "roleSessionName");
    let source_identity = form.get("SourceIdentity").map(str::to_owned);
    let external_id = form.get("ExternalId").map(str::to_owned);
    if form.get("RoleArn").is_some() {
        faults.text(&role, "roleArn", ROLE_ARN, r"[\u0009\u000A\u000D\u0020-\u007E…]+", is_text);
    }
    if form.get("RoleSessionName").is_some() {
        faults.text(&session_name, "roleSessionName", NAME, r"[\w+=,.@-]*", is_name);
    }
    if let Some(identity) = &source_identity {
        faults.text(identity, "sourceIdentity", NAME, r"[\w+=,.@-]*", is_name);
    }
    if let Some(id) = &external_id {
        let fits = |c| is_name(c) || c == ':' || c == '/';
        faults.text(id, "externalId", EXTERNAL_ID, r"[\w+=,.@:\/-]*", fits);
    }
    let seconds = duration(form, &mut faults)?;
    let policy = form.get("Policy");
    if let Some(policy) = policy {
        let fits = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}');
        faults.text(policy, "policy", POLICY, r"[\u0009\u000A\u000D\u0020-\u00FF]+", fits);
    }
    let tags = tags(form, &mut faults);
    let transitive = form.list("TransitiveTagKeys.member.");
    if transitive.len() > TAGS {
        let constraint = "Member must have length less than or equal to 50";
        faults.add(None, "transitiveTagKeys", constraint);
    }
    for key in &transitive {
        faults.text(key, "transitiveTagKeys", TAG_KEY, TAG_PATTERN, is_tag);
    }
    faults.into_result()?;
    refuse_unsupported_parameters(form)?;
    let tags = unique(tags)?;
    if let Some(key) = transitive.iter().find(|key| !tags.contains_key(*key)) {
        return Err(Error::parameter(format!(
            "The specified transitive tag key '{key}' must be included in the requested tags."
        )));
    }
    let document = policy
        .map(|text| Document::parse(text, Kind::Session))
        .transpose()
        .map_err(Error::malformed_policy)?;
    let packed_percent = packed::percent(policy, &tags);
    if packed_percent > 100 {
        return Err(Error::packed_too_large(packed_percent));
    }
    Ok(AssumeRole {
        role,
        session_name,
        source_identity,
        external_id,
        seconds,
        policy: document,
        tags,
        transitive,
        packed_percent,
    })
}

fn duration(form: &Form, faults: &mut Faults) -> Result<u32, Error> {
    let Some(text) = form.get("DurationSeconds") else { return Ok(DEFAULT_DURATION) };
    let Ok(seconds) = text.parse::<i32>() else {
        return Err(Error::validation(format!("'{text}' at 'durationSeconds' is not an integer")));
    };
    let (least, most) = DURATION;
    let seconds = u32::try_from(seconds).unwrap_or(0);
    if seconds < least {
        let constraint = format!("Member must have value greater than or equal to {least}");
        faults.add(Some(text), "durationSeconds", &constraint);
    }
    if seconds > most {
        let constraint = format!("Member must have value less than or equal to {most}");
        faults.add(Some(text), "durationSeconds", &constraint);
    }
    Ok(seconds)
}

const TAG_PATTERN: &str = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*";

fn tags(form: &Form, faults: &mut Faults) -> Vec<(String, String)> {
    let mut tags = Vec::new();
    for number in 1.. {
        let member = format!("Tags.member.{number}.");
        let key = form.get(&format!("{member}Key"));
        let value = form.get(&format!("{member}Value"));
        if key.is_none() && value.is_none() {
            break;
        }
        for (part, given, length) in [("key", key, TAG_KEY), ("value", value, TAG_VALUE)] {
            let at = format!("tags.{number}.member.{part}");
            match given {
                Some(text) => faults.text(text, &at, length, TAG_PATTERN, is_tag),
                None => faults.add(None, &at, "Member must not be null"),
            }
        }
        tags.push((key.unwrap_or_default().to_owned(), value.unwrap_or_default().to_owned()));
    }
    if tags.len() > TAGS {
        faults.add(None, "tags", "Member must have length less than or equal to 50");
    }
    tags
}

/// Refuses keys that differ only in case, and keys that AWS reserves.
fn unique(tags: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Error> {
    let mut seen = BTreeMap::new();
    for (key, value) in tags {
        if key.to_lowercase().starts_with("aws:") {
            return Err(Error::parameter(
                "Tag keys beginning with aws: are reserved for system use.".to_owned(),
            ));
        }
        if seen.keys().any(|other: &String| other.to_lowercase() == key.to_lowercase()) {
            return Err(Error::parameter(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive."
                    .to_owned(),
            ));
        }
        seen.insert(key, value);
    }
    Ok(seen)
}

/// Refuses managed session policies, MFA and trusted contexts. Sentinel sends none of them, so a
/// request with one is a mistake that must be visible.
fn refuse_unsupported_parameters(form: &Form) -> Result<(), Error> {
    let unmodelled = ["PolicyArns.", "SerialNumber", "TokenCode", "ProvidedContexts."];
    match unmodelled.iter().find(|name| form.names().any(|given| given.starts_with(**name))) {
        Some(name) => Err(Error::validation(format!("this stand-in does not model {name}"))),
        None => Ok(()),
    }
}

/// `[\w+=,.@-]`. AWS's `\w` is ASCII.
pub(super) fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

/// `[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]`.
fn is_text(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`. Outside ASCII, letters are Unicode's alphabetic characters, which
/// are a few more than `\p{L}`.
fn is_tag(c: char) -> bool {
    let separator = matches!(
        c,
        ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'
            ..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    );
    c.is_alphabetic() || c.is_numeric() || separator || "_.:/=+-@".contains(c)
}
