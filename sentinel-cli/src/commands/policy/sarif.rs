//! Findings as SARIF 2.1.0, which code scanners read.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sentinel_policy::DiagnosticCode;
use serde_json::{Value, json};

use super::check::Finding;

/// The characters that may be in a URI's path without encoding (RFC 3986, section
/// 3.3).
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b'+')
    .remove(b'@');

/// A log with one run.
pub(super) fn log(findings: &[Finding<'_>]) -> Value {
    let used: BTreeSet<&str> = findings.iter().map(|finding| finding.code).collect();
    let rules: Vec<Value> = DiagnosticCode::ALL
        .into_iter()
        .filter(|code| used.contains(code.as_str()))
        .map(|code| json!({ "id": code.as_str(), "shortDescription": { "text": code.explain() } }))
        .collect();
    let results: Vec<Value> = findings.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "sentinel",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            // Columns are counted in characters, not in UTF-16 units.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(finding: &Finding<'_>) -> Value {
    let text = match finding.help {
        Some(help) => format!("{}\n{help}", finding.message),
        None => finding.message.to_owned(),
    };
    json!({
        "ruleId": finding.code,
        "level": finding.severity,
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": utf8_percent_encode(finding.file, PATH).to_string() },
            "region": {
                "startLine": finding.line,
                "startColumn": finding.column,
                "endLine": finding.end_line,
                "endColumn": finding.end_column,
            },
        }}],
    })
}
