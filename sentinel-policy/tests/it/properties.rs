//! Properties of every input, tested with generated input.

use proptest::collection::vec;
use proptest::prelude::*;
use sentinel_policy::{CheckedPolicy, Limits, Position};

const WHOLE: &str = include_str!("../cases/whole-language.yaml");

/// Parts of YAML and of the language, from which hostile documents are generated.
const PIECES: [&str; 40] = [
    "version: \"1\"\n",
    "rules:\n",
    "- name: a\n",
    "  effect: allow\n",
    "  effect: Deny\n",
    "  conditions:\n",
    "    users: [alice, \"group:g\"]\n",
    "    time: {",
    "days: [monday]",
    "hours: { start: 9:00",
    ", ",
    "}",
    "{",
    "[",
    "]",
    ": ",
    "- ",
    "? ",
    "&a ",
    "*a",
    "!t ",
    "<<",
    "---\n",
    "...\n",
    "\n",
    "\r\n",
    "\r",
    " ",
    "\t",
    "\"",
    "'",
    "|\n",
    ">-\n",
    "#",
    "%",
    "\\",
    "日本",
    "\u{feff}",
    "\u{202e}",
    "\u{85}",
];

/// Every input has a result, and the diagnostics are bounded, in the order of the
/// source, inside the source, and safe to print.
fn holds(source: &[u8]) -> Result<(), TestCaseError> {
    let limits = Limits::default().with_max_diagnostics(7);
    let Err(diagnostics) = CheckedPolicy::parse(source, &limits) else { return Ok(()) };
    prop_assert!((1..=7).contains(&diagnostics.len()));
    let text = String::from_utf8_lossy(source);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let lines: Vec<usize> =
        text.replace("\r\n", "\n").split(['\n', '\r']).map(|line| line.chars().count()).collect();
    let inside = |at: Position| {
        let width = lines.get(at.line as usize - 1);
        width.is_some_and(|width| (1..=width + 1).contains(&(at.column as usize)))
    };
    let mut last = Position { line: 1, column: 1 };
    for diagnostic in &diagnostics {
        let span = diagnostic.span;
        prop_assert!(inside(span.start) && inside(span.end), "{diagnostic:?}");
        prop_assert!(last <= span.start && span.start <= span.end, "{diagnostic:?}");
        last = span.start;
    }
    let rendered = diagnostics.render("policy.yaml", source, false);
    prop_assert!(rendered.chars().all(|c| c == '\n' || !c.is_control()), "{rendered:?}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_refused_or_read(source in vec(any::<u8>(), 0..400)) {
        holds(&source)?;
    }

    #[test]
    fn arbitrary_text_is_refused_or_read(source in "(?s).{0,200}") {
        holds(source.as_bytes())?;
    }

    #[test]
    fn arbitrary_pieces_of_the_language_are_refused_or_read(
        pieces in vec(proptest::sample::select(PIECES.as_slice()), 0..60),
    ) {
        holds(pieces.concat().as_bytes())?;
    }

    #[test]
    fn a_valid_policy_with_pieces_removed_and_inserted_is_refused_or_read(
        edits in vec(
            (any::<prop::sample::Index>(), 0..30_usize, proptest::sample::select(PIECES.as_slice())),
            1..6,
        ),
    ) {
        let mut source: Vec<char> = WHOLE.chars().collect();
        for (at, cut, piece) in edits {
            let start = at.index(source.len() + 1);
            let end = (start + cut).min(source.len());
            source.splice(start..end, piece.chars());
        }
        let source: String = source.into_iter().collect();
        holds(source.as_bytes())?;
    }
}
