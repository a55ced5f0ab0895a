//! From the events of the parser to the tree. The parser is `granit-parser`. Code
//! outside this folder does not depend on it.

use std::borrow::Cow;

use granit_parser::{
    ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, StructureStyle, options,
};

use super::mistake::Reached;
use super::node::{Entry, Kind, Mapping, Node, Scalar};
use super::syntax;
use crate::diagnostic::{Finding, Findings, space};
use crate::{Limits, Position, Span};

/// The error that prevents further reading, and its place.
type Stop = (Span, Finding<'static>);

/// The tree of a text.
///
/// Most policy authors mean "all" by a `*` without quotes. The parser fails at it,
/// because it begins an alias without a name. The text is therefore read again with
/// another character in the place of each such `*`, so that all of them, and all
/// other mistakes, are reported together.
pub(super) fn build<'s>(
    text: &'s str,
    limits: &Limits,
    findings: &mut Findings,
) -> Result<Node<'s>, Stop> {
    let before = findings.clone();
    let star = match read(&Source { written: text, text, star: None }, limits, findings) {
        Ok(root) => return Ok(root),
        Err(Failed::Stop(stop)) => return Err(stop),
        Err(Failed::Nameless(stop)) => unused(text).ok_or(stop)?,
    };
    *findings = before;
    let substituted = without_stars(text, star);
    let source = Source { written: text, text: &substituted, star: Some(star) };
    match read(&source, limits, findings) {
        Ok(root) => Ok(root.into_owned()),
        Err(Failed::Stop(stop) | Failed::Nameless(stop)) => Err(stop),
    }
}

/// A character that replaces another while the text is read. Unicode reserves it
/// for such uses, and the text does not contain it.
fn unused(text: &str) -> Option<char> {
    ('\u{fdd0}'..='\u{fdef}').find(|c| !text.contains(*c))
}

/// The text with another character in the place of each `*` that cannot begin the
/// name of an alias. Such a `*` may be part of a text in quotes or of a comment.
/// Only the parser can distinguish them.
fn without_stars(text: &str, star: char) -> String {
    let ends = |next: &char| matches!(next, ' ' | '\t' | '\n' | '\r' | ',' | '[' | ']' | '{' | '}');
    let mut characters = text.chars().peekable();
    let mut copy = String::with_capacity(text.len());
    while let Some(c) = characters.next() {
        let nameless = c == '*' && characters.peek().is_none_or(ends);
        copy.push(if nameless { star } else { c });
    }
    copy
}

/// The reason why a text could not be read to its end.
enum Failed {
    /// Reading cannot continue from this place.
    Stop(Stop),
    /// An alias or an anchor has no name.
    Nameless(Stop),
}

impl From<Stop> for Failed {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// A text that is read.
struct Source<'s> {
    /// The text as the policy author has written it.
    written: &'s str,
    /// The text that the parser reads. It equals `written`, except that `star` may replace a
    /// `*`.
    text: &'s str,
    star: Option<char>,
}

impl<'s> Source<'s> {
    /// Returns a part of `text` in which each substitute is replaced by `*`.
    fn as_written(&self, part: Cow<'s, str>) -> Cow<'s, str> {
        match self.star {
            Some(star) if part.contains(star) => Cow::Owned(part.replace(star, "*")),
            Some(_) | None => part,
        }
    }

    /// Whether a plain text begins with a `*`, which the parser has not read as an alias.
    fn is_star(&self, text: &str) -> bool {
        self.star.is_some_and(|star| text.starts_with(star))
    }
}

/// Reads a text with the parser.
fn read<'s>(
    source: &Source<'s>,
    limits: &Limits,
    findings: &mut Findings,
) -> Result<Node<'s>, Failed> {
    // The limits of the parser are one higher than `limits`, so that this module
    // reports the place.
    let mut options = options! {
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
        flow_nesting_limit: limits.max_depth.saturating_add(1),
        block_nesting_limit: limits.max_depth.saturating_add(1),
    };
    options.set_emit_comments(false);
    let mut parser = Parser::new_from_str_with_options(source.text, options);
    let mut builder = Builder {
        open: Vec::new(),
        root: None,
        findings,
        max_depth: limits.max_depth,
        reached: Position { line: 1, column: 1 },
    };
    let mut documents = 0;
    while let Some(event) = parser.next_event() {
        let (event, at) = event.map_err(|error| builder.failed(&error, source.written, limits))?;
        let span = Span { start: position(at.start), end: position(at.end) };
        if let Some(tag) = at.tag_span() {
            let place = Span { start: position(tag.start), end: position(tag.end) };
            let tag = source.as_written(tag.slice(source.text).unwrap_or_default().into());
            builder.findings.report(place, Finding::Tag { tag: &tag });
        }
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
            if documents > 1 {
                builder.findings.report(span, Finding::SecondDocument);
                break;
            }
        }
        builder.event(event, span, source)?;
    }
    // For a text without a node, the parser returns only the events of the stream.
    Ok(builder.root.unwrap_or_else(|| {
        let empty = Scalar { text: Cow::Borrowed(""), plain: true };
        let start = Position { line: 1, column: 1 };
        Node { kind: Kind::Scalar(empty), span: Span { start, end: start } }
    }))
}

/// The parser counts lines from 1, as this crate does, and columns from 0.
pub(super) fn position(marker: Marker) -> Position {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Position { line: count(marker.line()), column: count(marker.col()).saturating_add(1) }
}

struct Builder<'s, 'f> {
    open: Vec<Collection<'s>>,
    root: Option<Node<'s>>,
    findings: &'f mut Findings,
    max_depth: usize,
    /// The end of the last value or bracket that was read.
    reached: Position,
}

/// A list or mapping whose end was not read yet.
struct Collection<'s> {
    style: StructureStyle,
    /// The place of its beginning: the bracket, or in block style the first entry.
    span: Span,
    content: Content<'s>,
}

enum Content<'s> {
    List(Vec<Node<'s>>),
    Mapping { entries: Vec<Entry<'s>>, key: Key<'s> },
}

/// What a mapping expects next.
enum Key<'s> {
    /// A key.
    Awaited,
    /// The value of this key.
    Of(Cow<'s, str>, Span),
    /// The value of a key that is not allowed.
    Refused,
}

impl<'s> Builder<'s, '_> {
    /// Adds an event of the parser to the tree.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser may add events; all others have no data"
    )]
    fn event(&mut self, event: Event<'s>, span: Span, source: &Source<'s>) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, ..) => {
                let plain = style == ScalarStyle::Plain;
                if plain && source.is_star(&text) {
                    self.alias(span, true)?;
                } else {
                    let scalar = Scalar { text: source.as_written(text), plain };
                    self.add(Node { kind: Kind::Scalar(scalar), span })?;
                }
                self.reached = span.end;
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => self.alias(span, false)?,
            Event::Anchor(..) => self.findings.report(span, Finding::Anchor),
            Event::SequenceStart(style, ..) => {
                self.open(style, span, Content::List(Vec::new()))?;
            }
            Event::MappingStart(style, ..) => {
                let content = Content::Mapping { entries: Vec::new(), key: Key::Awaited };
                self.open(style, span, content)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            _ => {}
        }
        Ok(())
    }

    /// Opens a list or a mapping.
    fn open(
        &mut self,
        style: StructureStyle,
        span: Span,
        content: Content<'s>,
    ) -> Result<(), Stop> {
        if self.open.len() >= self.max_depth {
            return Err((span, Finding::TooDeep { limit: self.max_depth }));
        }
        if style == StructureStyle::Flow {
            self.reached = span.end;
        }
        self.open.push(Collection { style, span, content });
        Ok(())
    }

    /// Adds a value for an alias, or for what would be an alias, to its parent.
    fn alias(&mut self, span: Span, nameless: bool) -> Result<(), Stop> {
        self.findings.report(span, Finding::Alias { nameless });
        self.reached = span.end;
        self.add(Node { kind: Kind::Refused, span })
    }

    /// The meaning of an error of the parser at this position.
    fn failed(&self, error: &ScanError, source: &str, limits: &Limits) -> Failed {
        let reached = Reached {
            value: self.reached,
            in_brackets: self.open.iter().any(|open| open.style == StructureStyle::Flow),
            error: position(*error.marker()),
        };
        let stop = syntax::stop(error, source, reached, limits);
        if *error.kind() == ErrorKind::MissingAnchorOrAliasName {
            Failed::Nameless(stop)
        } else {
            Failed::Stop(stop)
        }
    }

    /// Adds a node to the list or mapping that is open.
    fn add(&mut self, node: Node<'s>) -> Result<(), Stop> {
        match self.open.last_mut().map(|collection| &mut collection.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Mapping { entries, key }) => {
                *key = match std::mem::replace(key, Key::Awaited) {
                    Key::Awaited => key_of(node, self.findings)?,
                    Key::Of(text, key_span) => {
                        entries.push(Entry { key: text, key_span, value: node });
                        Key::Awaited
                    }
                    Key::Refused => Key::Awaited,
                };
            }
        }
        Ok(())
    }

    /// Closes the innermost collection.
    fn close(&mut self, end: Span) -> Result<(), Stop> {
        let Some(Collection { style, span, content }) = self.open.pop() else { return Ok(()) };
        let flow = style == StructureStyle::Flow;
        if flow {
            self.reached = end.end;
        }
        let node = match content {
            Content::List(items) => {
                // In block style the parser reports the end only at the token that
                // follows.
                let last = items.last().map_or(span, |node| node.span);
                let end = if flow { end.end } else { last.end };
                Node { span: between(span.start, end), kind: Kind::List(items) }
            }
            Content::Mapping { mut entries, .. } => {
                let first = entries.first().map_or(span, |entry| entry.key_span);
                let start = if flow { span.start } else { first.start };
                let last = entries.last().map_or(span, |entry| entry.value.span);
                let whole = between(start, if flow { end.end } else { last.end });
                let head = head(whole, first, entries.first(), flow);
                drop_duplicates(&mut entries, self.findings);
                Node { span: whole, kind: Kind::Mapping(Mapping { entries, head }) }
            }
        };
        self.add(node)
    }
}

/// Reads a node as a key.
fn key_of<'s>(node: Node<'s>, findings: &mut Findings) -> Result<Key<'s>, Stop> {
    let found = node.describe();
    let finding = match node.kind {
        Kind::Scalar(scalar) if scalar.plain && scalar.text == "<<" => Finding::MergeKey,
        Kind::Scalar(scalar) if scalar.is_null() => Finding::NonTextKey { found },
        Kind::Scalar(scalar) => {
            if let Some(stop) = misread(&scalar, node.span) {
                return Err(stop);
            }
            return Ok(Key::Of(scalar.text, node.span));
        }
        Kind::List(_) | Kind::Mapping(_) => Finding::NonTextKey { found },
        Kind::Refused => return Ok(Key::Refused),
    };
    findings.report(node.span, finding);
    Ok(Key::Refused)
}

/// A text that was meant to be before or after a key and is read as a part of it.
/// The key is then in another mapping than was meant, so that nothing that is read
/// after it is reliable.
fn misread(key: &Scalar<'_>, span: Span) -> Option<Stop> {
    let (character, start, length) = space::find(&key.text).filter(|_| key.plain)?;
    let count = u32::try_from(length).unwrap_or(u32::MAX);
    // The text of a key can be on several lines, so only its ends have known places.
    let place = if start == 0 {
        let Span { start, .. } = span;
        Span { start, end: Position { column: start.column.saturating_add(count), ..start } }
    } else if start.saturating_add(length) == key.text.chars().count() {
        let Span { end, .. } = span;
        Span { start: Position { column: end.column.saturating_sub(count).max(1), ..end }, end }
    } else {
        return None;
    };
    Some((place, Finding::LookalikeSpace { character }))
}

/// Keeps the first of each key and reports the others. The keys are sorted, not
/// hashed: a hasher that resists attacks would need randomness.
fn drop_duplicates(entries: &mut Vec<Entry<'_>>, findings: &mut Findings) {
    let mut order: Vec<(&str, usize)> =
        entries.iter().enumerate().map(|(index, entry)| (&*entry.key, index)).collect();
    order.sort_unstable();
    let mut duplicates = Vec::new();
    let mut first: Option<(&str, u32)> = None;
    for (key, index) in order {
        let Some(entry) = entries.get(index) else { continue };
        match first {
            Some((same, line)) if same == key => {
                findings.report(entry.key_span, Finding::DuplicateKey { key, line });
                duplicates.push(index);
            }
            _ => first = Some((key, entry.key_span.start.line)),
        }
    }
    if !duplicates.is_empty() {
        duplicates.sort_unstable();
        let mut index = 0;
        entries.retain(|_| {
            index += 1;
            duplicates.binary_search(&(index - 1)).is_err()
        });
    }
}

/// The part of a mapping on its first line: the whole mapping, or its bracket, or
/// its first key with the part of the value on that line.
fn head(whole: Span, first: Span, entry: Option<&Entry<'_>>, flow: bool) -> Span {
    let on_the_line = |span: Span| span.end.line == whole.start.line;
    let end = match entry {
        _ if on_the_line(whole) => whole.end,
        _ if flow => Position { column: whole.start.column.saturating_add(1), ..whole.start },
        Some(entry) if on_the_line(entry.value.span) => entry.value.span.end,
        Some(_) | None if on_the_line(first) => first.end,
        Some(_) | None => whole.start,
    };
    between(whole.start, end)
}

/// A span whose end is not before its start.
fn between(start: Position, end: Position) -> Span {
    Span { start, end: end.max(start) }
}
