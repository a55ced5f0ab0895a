//! The diagnostics of a policy as a report of `miette`.

use miette::{Diagnostic as _, NarratableReportHandler};
use sentinel_policy::{CheckedPolicy, DiagnosticReport, Limits};

const POLICY: &str = "\
version: \"1\"
rules:
  - name: r\u{e9}gion
    efect: allow
    conditions: { users: [alice, \"groups:oncall\"], accounts: [1] }
";

fn report(source: &[u8]) -> DiagnosticReport {
    let diagnostics = CheckedPolicy::parse(source, &Limits::default()).unwrap_err();
    diagnostics.into_report("policy.yaml", source)
}

fn rendered(report: &DiagnosticReport) -> String {
    let mut text = String::new();
    NarratableReportHandler::new().render_report(&mut text, report).unwrap();
    text
}

#[test]
fn a_report_has_the_code_help_and_text_of_every_diagnostic() {
    insta::assert_snapshot!(rendered(&report(POLICY.as_bytes())));
}

#[test]
fn labels_are_at_the_bytes_that_the_diagnostics_are_about() {
    for line_break in ["\n", "\r\n", "\r"] {
        let report = report(POLICY.replace('\n', line_break).as_bytes());
        let labels = report.related().unwrap().flat_map(|one| one.labels().unwrap());
        let texts: Vec<_> = labels
            .map(|label| POLICY.get(label.offset()..label.offset() + label.len()).unwrap())
            .collect();
        assert_eq!(texts, ["efect", "\"groups:oncall\"", "1"], "{line_break:?}");
    }
}

#[test]
fn a_report_contains_no_control_characters() {
    let source = b"\xef\xbb\xbfversion: \x1b[2J\xff\r\n";
    let diagnostics = CheckedPolicy::parse(source, &Limits::default()).unwrap_err();
    let text = rendered(&diagnostics.into_report("a\u{1b}.yaml", source));
    assert!(text.chars().all(|c| c == '\n' || !sentinel_policy::is_unprintable(c)), "{text:?}");
}

#[test]
fn diagnostics_without_their_text_are_a_report_with_lines_and_columns() {
    let diagnostics = CheckedPolicy::parse(POLICY.as_bytes(), &Limits::default()).unwrap_err();
    let expected = diagnostics.to_string();
    assert_eq!(diagnostics.severity(), sentinel_policy::Severity::Error);
    assert_eq!(miette::Report::from(diagnostics).to_string(), expected);
}
