//! The mistake that probably made the parser fail. The parser reports the place at
//! which it could not continue. The mistake is often before it. This module does
//! not decide whether a text is YAML: it is used only after the parser refused the
//! text, and it reads each character at most once.

use granit_parser::ErrorKind;

use crate::diagnostic::{Finding, PLACEHOLDER, Quote, space};
use crate::{Position, Span};

/// A mistake and its place.
type Mistake = (Span, Finding<'static>);

/// The position that the parser reached.
#[derive(Clone, Copy)]
pub(super) struct Reached {
    /// The end of the last value that was read.
    pub(super) value: Position,
    /// Whether that position is inside brackets or braces.
    pub(super) in_brackets: bool,
    /// The position at which the parser failed.
    pub(super) error: Position,
}

/// The mistake that probably caused an error of the parser.
pub(super) fn probable(kind: &ErrorKind, text: &str, reached: Reached) -> Option<Mistake> {
    placeholder(text, reached).or_else(|| before(kind, text, reached))
}

/// The mistake before the place of an error of the parser.
fn before(kind: &ErrorKind, text: &str, reached: Reached) -> Option<Mistake> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser has more kinds of errors than those that a known mistake causes"
    )]
    match kind {
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            let tokens = Tokens::between(text, reached);
            tokens.unclosed_quote().or_else(|| tokens.missing_comma_after_quote())
        }
        ErrorKind::InvalidQuotedScalarIndent | ErrorKind::DocumentIndicatorInQuotedScalar => {
            Tokens::between(text, reached).open_quote()
        }
        ErrorKind::ExpectedFlowSequenceSeparator | ErrorKind::ExpectedFlowMappingSeparator => {
            Tokens::between(text, reached).missing_comma()
        }
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => tab(text, reached.error.line),
        // A text without quotes continues over several lines. This is a `:` in it.
        ErrorKind::MappingValueNotAllowed => near(text, reached.error.line, true),
        _ => near(text, reached.error.line, false),
    }
}

/// A quote that is not closed.
pub(super) fn unclosed_quote() -> Finding<'static> {
    Finding::Syntax { problem: "the quote that begins here is not closed".to_owned(), advice: None }
}

/// A tab in the indentation.
pub(super) fn tab_in_indentation() -> Finding<'static> {
    Finding::Syntax {
        problem: "a tab cannot indent YAML".to_owned(),
        advice: Some("indent with spaces".to_owned()),
    }
}

/// The first line with a merge conflict marker. Markers begin in the first column,
/// and no line of a policy begins in this way.
pub(super) fn conflict_marker(text: &str) -> Option<Mistake> {
    (1..).zip(lines(text)).find_map(|(line, content)| {
        let mark = |mark: &str| {
            content.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        ["<<<<<<<", "|||||||", "=======", ">>>>>>>"]
            .into_iter()
            .any(mark)
            .then(|| (across(line, 1, content.trim_end()), Finding::ConflictMarker))
    })
}

/// The lines of a text, by the line breaks of YAML.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = text.find(['\n', '\r']).unwrap_or(text.len());
        let (line, after) = text.split_at_checked(end)?;
        rest = after.strip_prefix("\r\n").or_else(|| after.strip_prefix(['\n', '\r']));
        Some(line)
    })
}

/// A place on one line, from the column at which the text begins.
fn across(line: u32, column: u32, text: &str) -> Span {
    let width = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let start = Position { line, column };
    Span { start, end: Position { column: column.saturating_add(width), ..start } }
}

/// A placeholder without quotes on the line at which the parser failed. In brackets, and at the
/// beginning of a value, its brace begins a mapping.
fn placeholder(text: &str, reached: Reached) -> Option<Mistake> {
    let number = reached.error.line;
    let (_, line) = (1..).zip(lines(text)).find(|(line, _)| *line == number)?;
    let mut quote = None;
    let mut word = 0;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '{') if line.get(at..).is_some_and(|rest| rest.starts_with(PLACEHOLDER)) => {
                if at > word && !Tokens::between(text, reached).in_brackets {
                    return None;
                }
                let rest = line.get(word..)?;
                let from = at.saturating_sub(word).saturating_add(PLACEHOLDER.len());
                let after = rest.get(from..)?;
                let end = after.find([' ', '\t', ',', ']', '}', '"', '\'']).unwrap_or(after.len());
                let value = rest.get(..from.saturating_add(end))?;
                let problem = format!("{} needs quotes", Quote(value));
                let advice = Some(format!("write {}", Quote(&format!("\"{value}\""))));
                let line = Line { number, text: line };
                return Some((line.place(rest, value), Finding::Syntax { problem, advice }));
            }
            (None, ' ' | '\t' | ',' | '[' | '{') => word = at.saturating_add(1),
            (Some(_) | None, _) => {}
        }
    }
    None
}

/// The tab that indents a line or, if the parser reports a place before the tab, the
/// next line that is indented with one.
fn tab(text: &str, from: u32) -> Option<Mistake> {
    (1..).zip(lines(text)).skip_while(|(line, _)| *line < from).find_map(|(line, content)| {
        let indent = content.len().saturating_sub(content.trim_start_matches([' ', '\t']).len());
        let (indent, _) = content.split_at_checked(indent)?;
        let (spaces, tabs) = indent.split_at_checked(indent.find('\t')?)?;
        let run = tabs.trim_end_matches(' ');
        let column = u32::try_from(spaces.len()).unwrap_or(u32::MAX).saturating_add(1);
        Some((across(line, column, run), tab_in_indentation()))
    })
}

/// The mistake on the line at which the parser failed. If the text that it refused
/// began before that line, the mistake on the last line before it.
fn near(text: &str, at: u32, or_before: bool) -> Option<Mistake> {
    let mut last = None;
    for (line, content) in (1..).zip(lines(text)) {
        let mistake = on_line(line, content);
        if line >= at {
            return mistake.or(last.filter(|_| or_before));
        }
        // A blank line or a comment between the lines does not change which line has
        // the mistake.
        if !content.trim_start().is_empty() && !content.trim_start().starts_with('#') {
            last = mistake;
        }
    }
    last
}

/// The mistake in how a line of block style begins: in its indentation, after
/// its `-`, or after its key.
fn on_line(number: u32, line: &str) -> Option<Mistake> {
    let line = Line { number, text: line };
    let mut rest = line.text;
    loop {
        rest = rest.trim_start_matches(' ');
        if rest.starts_with(space::joins) {
            return line.lookalike(rest);
        }
        let Some(after) = rest.strip_prefix('-') else { break };
        if after.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '"' | '\'' | '{' | '[')) {
            return Some(line.missing_space(rest, '-', &format!("- {}", code(after))));
        }
        if !after.starts_with([' ', '\t']) {
            return line.lookalike(after);
        }
        rest = after.trim_start_matches('\t');
    }
    let after_key = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let (key, _) = rest.split_at_checked(rest.len().saturating_sub(after_key.len()))?;
    let after_spaces = after_key.trim_start_matches(space::joins);
    let value = after_spaces.strip_prefix(':').filter(|_| !key.is_empty())?;
    if after_spaces.len() < after_key.len() {
        return line.lookalike(after_key);
    }
    if value.starts_with(space::joins) {
        return line.lookalike(value);
    }
    let (key, value) = joined(rest)?;
    Some(line.missing_space(rest, ':', &format!("{key}: {}", code(value))))
}

/// A key and a value without a space between, unless the text is a kind of value
/// that contains a colon: the use of a group, an address, an ARN.
pub(crate) fn joined(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once(':')?;
    let is_key = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_value = match value.chars().next()? {
        ' ' | '\t' | '/' => false,
        '"' | '\'' | '[' | '{' => true,
        _ => key != "group" && !value.split(' ').next().unwrap_or_default().contains(':'),
    };
    (is_key && is_value).then_some((key, value))
}

/// The text without a comment at its end.
fn code(text: &str) -> &str {
    text.split_once(" #").map_or(text, |(code, _)| code).trim_end()
}

/// A line of the source. The parts that its methods take are suffixes of it.
struct Line<'t> {
    number: u32,
    text: &'t str,
}

impl Line<'_> {
    /// The place of the beginning of a part.
    fn place(&self, rest: &str, part: &str) -> Span {
        let before = self.text.len().saturating_sub(rest.len());
        let before = self.text.get(..before).unwrap_or_default().chars().count();
        let column = u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1);
        across(self.number, column, part)
    }

    /// The characters that look like spaces at the beginning of a part, if text
    /// follows.
    fn lookalike(&self, rest: &str) -> Option<Mistake> {
        let after = rest.trim_start_matches(space::joins);
        let (run, _) = rest.split_at_checked(rest.len().saturating_sub(after.len()))?;
        let finding = Finding::LookalikeSpace { character: run.chars().next()? };
        (!after.trim().is_empty()).then(|| (self.place(rest, run), finding))
    }

    /// A part that has no space after its `-` or its key.
    fn missing_space(&self, rest: &str, sign: char, meant: &str) -> Mistake {
        let problem = format!("a space is missing after the `{sign}`");
        let advice = Some(format!("write {}", Quote(meant)));
        (self.place(rest, code(rest)), Finding::Syntax { problem, advice })
    }
}

/// The text between the last value that was read and the place at which the parser
/// failed, in tokens.
struct Tokens<'t> {
    start: Position,
    text: &'t str,
    /// The rest of the text.
    next: Option<char>,
    in_brackets: bool,
    /// The offset after the last token.
    end: usize,
    /// The offsets of the last text in quotes. The end is `None` if the quote is not
    /// closed.
    quoted: Option<(usize, Option<usize>)>,
}

impl<'t> Tokens<'t> {
    fn between(text: &'t str, reached: Reached) -> Self {
        let Reached { value: start, in_brackets, error } = reached;
        let rest = after(text, Position { line: 1, column: 1 }, start);
        let next = after(rest, start, error);
        let text = rest.get(..rest.len().saturating_sub(next.len())).unwrap_or_default();
        let next = next.chars().next();
        let mut tokens = Self { start, text, next, in_brackets, end: 0, quoted: None };
        tokens.scan();
        tokens
    }

    fn scan(&mut self) {
        let mut depth = usize::from(self.in_brackets);
        let mut may_begin = true;
        let mut characters = self.text.char_indices().peekable();
        while let Some((at, c)) = characters.next() {
            match c {
                ' ' | '\t' | '\n' | '\r' => {
                    may_begin = true;
                    continue;
                }
                '#' if may_begin => {
                    while characters.next_if(|(_, c)| !matches!(c, '\n' | '\r')).is_some() {}
                    continue;
                }
                '"' | '\'' if may_begin => {
                    self.quoted = Some((at, None));
                    while let Some((at, inner)) = characters.next() {
                        if inner == '\\' && c == '"' {
                            characters.next();
                        } else if inner == c
                            && (c == '"' || characters.next_if(|(_, c)| *c == '\'').is_none())
                        {
                            self.end = at.saturating_add(1);
                            self.quoted = self.quoted.map(|(start, _)| (start, Some(self.end)));
                            break;
                        }
                    }
                    may_begin = false;
                    continue;
                }
                '[' | '{' => depth = depth.saturating_add(1),
                ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            may_begin = matches!(c, '[' | '{' | ']' | '}' | ',' | ':');
            self.end = at.saturating_add(c.len_utf8());
        }
        self.in_brackets = depth > 0;
    }

    /// The place of the character at an offset, or of the end of the line.
    fn place(&self, offset: usize) -> Span {
        let (before, from) = self.text.split_at_checked(offset).unwrap_or((self.text, ""));
        let mut start = self.start;
        let mut characters = before.chars().peekable();
        while let Some(c) = characters.next() {
            start = step(start, c, characters.peek().copied());
        }
        let here = from.chars().next().or(self.next);
        let width = u32::from(here.is_some_and(|c| !matches!(c, '\n' | '\r')));
        Span { start, end: Position { column: start.column.saturating_add(width), ..start } }
    }

    /// A quote that is not closed, so that the next one seems to close it.
    fn unclosed_quote(&self) -> Option<Mistake> {
        let (start, end) = self.quoted?;
        let end = end.filter(|end| *end == self.text.len())?;
        let inner = self.text.get(start.saturating_add(1)..end.saturating_sub(1))?;
        // A text with such an end was not meant to end there.
        let before_a_value = |c: char| matches!(c, ',' | ':' | '[' | '{' | '-');
        let cut = inner.ends_with(|c: char| c.is_whitespace() || before_a_value(c));
        let on = inner.contains(['\n', '\r']) || inner.trim_end().ends_with(before_a_value);
        (cut && on).then(|| (self.place(start), unclosed_quote()))
    }

    /// A quote that is not closed before the text ends.
    fn open_quote(&self) -> Option<Mistake> {
        let (start, end) = self.quoted?;
        end.is_none().then(|| (self.place(start), unclosed_quote()))
    }

    /// A comma that is missing after a text in quotes.
    fn missing_comma_after_quote(&self) -> Option<Mistake> {
        let (_, end) = self.quoted?;
        let apart = end.is_some_and(|end| end < self.text.len());
        if apart && self.in_brackets { self.missing_comma() } else { None }
    }

    /// A comma that is missing after the last token, because a value follows.
    fn missing_comma(&self) -> Option<Mistake> {
        let begins_a_value =
            |c: char| c.is_alphanumeric() || matches!(c, '"' | '\'' | '[' | '{' | '-' | '_' | '*');
        let finding = Finding::Syntax {
            problem: "a `,` is missing here".to_owned(),
            advice: Some("entries in brackets or braces are separated by `,`".to_owned()),
        };
        self.next.is_some_and(begins_a_value).then(|| (self.place(self.end), finding))
    }
}

/// The suffix of the text that begins at a place, given the place at which the text
/// begins.
fn after(text: &str, begin: Position, place: Position) -> &str {
    let mut at = begin;
    let mut characters = text.chars();
    while at < place {
        let Some(c) = characters.next() else { break };
        at = step(at, c, characters.clone().next());
    }
    characters.as_str()
}

/// The place after a character, given the character that follows it.
fn step(at: Position, c: char, next: Option<char>) -> Position {
    match c {
        '\r' if next == Some('\n') => at,
        '\n' | '\r' => Position { line: at.line.saturating_add(1), column: 1 },
        _ => Position { column: at.column.saturating_add(1), ..at },
    }
}
