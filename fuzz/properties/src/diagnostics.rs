//! What a policy author reads about a document.

use sentinel_policy::{
    CheckedPolicy, Diagnostics, GroupMembers, Limits, Position, Severity, is_unprintable,
};

/// Maximum number of bytes that one diagnostic is rendered with: a message, the file name, a line of at
/// most 240 characters, its underline, and a help.
const RENDERED: usize = 4_096;

/// Any text, under limits from its first bytes: what is refused is described within the limits, at places
/// that exist, in the order of the source, without a character that a terminal interprets.
pub fn diagnostics(bytes: &[u8]) {
    let Some((first, source)) = bytes.split_first_chunk::<4>() else { return };
    let [size, rules, depth, count] = first.map(usize::from);
    let limits = Limits::default()
        // Usually enough.
        .with_max_bytes(if size < 16 { size * 16 } else { 1 << 20 })
        .with_max_rules(rules)
        .with_max_depth(1 + depth % 24)
        .with_max_group_entries(rules * 8)
        .with_max_diagnostics(count % 128);
    for result in [
        CheckedPolicy::parse(source, &limits).map(|checked| checked.warnings()),
        GroupMembers::parse(source, &limits).map(|members| members.warnings()),
    ] {
        match result {
            Ok(Some(warnings)) => {
                assert_eq!(warnings.severity(), Severity::Warning);
                check(&warnings, source, &limits);
            }
            Ok(None) => {}
            Err(errors) => {
                assert_eq!(errors.severity(), Severity::Error);
                check(&errors, source, &limits);
            }
        }
    }
}

/// Asserts what is true of all diagnostics.
pub(crate) fn check(diagnostics: &Diagnostics, source: &[u8], limits: &Limits) {
    let most = limits.max_diagnostics.max(1);
    assert!((1..=most).contains(&diagnostics.len()), "{} of {most}", diagnostics.len());
    let found = diagnostics.count(Severity::Error) + diagnostics.count(Severity::Warning);
    assert!(found >= diagnostics.len(), "{found} found, {} listed", diagnostics.len());

    let text = String::from_utf8_lossy(source);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines: Vec<usize> =
        text.replace("\r\n", "\n").split(['\n', '\r']).map(|line| line.chars().count()).collect();
    let is_inside = |at: Position| {
        let width = lines.get(at.line as usize - 1);
        width.is_some_and(|width| (1..=width + 1).contains(&(at.column as usize)))
    };
    let mut last = Position { line: 1, column: 1 };
    for diagnostic in diagnostics {
        let span = diagnostic.span;
        assert!(is_inside(span.start) && is_inside(span.end), "{diagnostic:?}");
        assert!(last <= span.start && span.start <= span.end, "{diagnostic:?} after {last:?}");
        last = span.start;
        for line in std::iter::once(&diagnostic.message).chain(&diagnostic.help) {
            assert!(!line.is_empty() && !line.contains(is_unprintable), "{line:?}");
        }
    }

    let plain = diagnostics.render("policy.yaml", source, false);
    assert!(plain.chars().all(|c| c == '\n' || !is_unprintable(c)), "{plain:?}");
    assert!(plain.len() <= RENDERED * diagnostics.len(), "{} bytes: {plain}", plain.len());
    let colored = diagnostics.render("policy.yaml", source, true);
    assert_eq!(without_colors(&colored), plain);
}

/// The text without the sequences `ESC [ … m`.
fn without_colors(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or(part, |(_, rest)| rest))
}
