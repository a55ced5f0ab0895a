//! Lines of an AWS configuration file, and the sections of `sentinel configure` that they contain. Every
//! text has lines, whether or not it can be parsed.

use std::ops::Range;

/// The first line of a section begins with this and the name of the section.
pub(super) const BEGIN: &str = "# >>> sentinel configure: ";
/// The last line of a section is this and the name.
pub(super) const END: &str = "# <<< sentinel configure: ";
pub(super) const PROCESS: &str = "credential_process";
pub(super) const REGION: &str = "region";

/// A line of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'t> {
    pub(super) start: usize,
    /// With its line end.
    pub(super) whole: &'t [u8],
    /// Without its line end.
    pub(super) content: &'t [u8],
}

impl Line<'_> {
    pub(super) fn end(&self) -> &'static str {
        match self.whole {
            [.., b'\r', b'\n'] => "\r\n",
            _ => "\n",
        }
    }
}

pub(super) fn lines(text: &[u8]) -> Vec<Line<'_>> {
    let mut start = 0;
    let line = |whole| {
        let line = Line { start, whole, content: strip_line_end(whole) };
        start += whole.len();
        line
    };
    text.split_inclusive(|byte| *byte == b'\n').map(line).collect()
}

pub(super) fn strip_line_end(text: &[u8]) -> &[u8] {
    match text {
        [content @ .., b'\r', b'\n'] | [content @ .., b'\n'] => content,
        content => content,
    }
}

/// The line end of the text: that of its first line. A text that ends with a carriage return would
/// lose it to a line feed.
pub(super) fn line_end(text: &[u8]) -> &'static str {
    match lines(text).first().map(|line| line.whole) {
        Some([.., b'\r', b'\n']) => "\r\n",
        Some(_) | None if text.ends_with(b"\r") => "\r\n",
        Some(_) | None => "\n",
    }
}

/// A section of `sentinel configure` in a text.
#[derive(Debug)]
pub(super) struct Block<'t> {
    pub(super) name: &'t str,
    /// The number of its first line, counted from 0.
    pub(super) first: usize,
    pub(super) begin: Line<'t>,
    pub(super) header: Line<'t>,
    pub(super) body: &'t [Line<'t>],
    pub(super) end: Line<'t>,
    /// The lines after the end, up to the last value that belongs to the section. `aws configure set`
    /// adds values there. Without the section, they would belong to the one before it.
    pub(super) tail: &'t [Line<'t>],
}

impl<'t> Block<'t> {
    pub(super) fn lines(&self) -> Range<usize> {
        self.first..self.first + self.body.len() + self.tail.len() + 3
    }

    pub(super) fn bytes(&self) -> Range<usize> {
        let last = self.tail.last().unwrap_or(&self.end);
        self.begin.start..last.start + last.whole.len()
    }

    /// The lines in which values can be, with their numbers, counted from 0.
    pub(super) fn values(&self) -> impl Iterator<Item = (usize, &'t Line<'t>)> {
        let body = (self.first + 2..).zip(self.body);
        body.chain((self.first + self.body.len() + 3..).zip(self.tail))
    }
}

/// The complete sections: begin, header, lines that begin no other section, and end.
pub(super) fn blocks<'t>(lines: &'t [Line<'t>]) -> Vec<Block<'t>> {
    let mut found = Vec::new();
    let mut first = 0;
    while let Some([begin, header_line, rest @ ..]) = lines.get(first..) {
        let block = begins(begin.content)
            .filter(|name| header_line.content == header(name).as_bytes())
            .and_then(|name| {
                let length = rest.iter().position(|line| ends_body(line.content))?;
                let (body, after) = rest.split_at_checked(length)?;
                let (end, after) = after.split_first()?;
                let complete = end.content == format!("{END}{name}").as_bytes();
                let tail = tail(after);
                let (begin, header, end) = (*begin, *header_line, *end);
                complete.then_some(Block { name, first, begin, header, body, end, tail })
            });
        first = block.as_ref().map_or(first + 1, |block| block.lines().end);
        found.extend(block);
    }
    found
}

/// The lines up to the last one before the next section that is neither empty nor a comment.
fn tail<'t>(lines: &'t [Line<'t>]) -> &'t [Line<'t>] {
    let section = lines.iter().position(|line| line.content.starts_with(b"["));
    let lines = lines.get(..section.unwrap_or(lines.len())).unwrap_or_default();
    let is_value = |line: &Line<'_>| {
        !matches!(line.content.trim_ascii_start().first(), None | Some(b'#' | b';'))
    };
    let length = lines.iter().rposition(is_value).map_or(0, |last| last + 1);
    lines.get(..length).unwrap_or_default()
}

/// Whether a line cannot be within a section: another one begins, or one ends.
fn ends_body(content: &[u8]) -> bool {
    content.starts_with(END.as_bytes()) || content.starts_with(b"[") || begins(content).is_some()
}

/// The name in the first line of a section.
pub(super) fn begins(content: &[u8]) -> Option<&str> {
    let rest = std::str::from_utf8(content.strip_prefix(BEGIN.as_bytes())?).ok()?;
    rest.split(' ').next().filter(|name| !name.is_empty())
}

/// The key of a line that `sentinel configure` writes.
pub(super) fn key(content: &[u8]) -> Option<&'static str> {
    [PROCESS, REGION].into_iter().find(|key| {
        let value = content.strip_prefix(key.as_bytes());
        value.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"="))
    })
}

/// The files that have sections of profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Config,
    Credentials,
}

/// The numbers of the lines, counted from 0, that any SDK could read as the beginning of the profile.
pub(super) fn declarations<'l>(
    lines: &'l [Line<'_>],
    name: &'l str,
    kind: Kind,
) -> impl Iterator<Item = usize> + 'l {
    // Python ends a line at a carriage return too.
    let declares = move |line: &Line<'_>| {
        line.content.split(|byte| *byte == b'\r').any(|part| declares(part, name, kind))
    };
    lines.iter().enumerate().filter(move |(_, line)| declares(line)).map(|(at, _)| at)
}

/// SDKs differ in spaces, quotes, comments and the text before a name, so all of their forms count.
fn declares(content: &[u8], name: &str, kind: Kind) -> bool {
    let text = String::from_utf8_lossy(content);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let Some(inner) = text.strip_prefix('[') else { return false };
    [inner.split_once(']'), inner.rsplit_once(']')].into_iter().flatten().any(|(inner, _)| {
        let plain = inner.replace(['"', '\'', '\\'], "");
        let words: Vec<&str> = plain.split_whitespace().collect();
        match (words.as_slice(), kind) {
            ([only], Kind::Config) => *only == name && name == "default",
            ([only], Kind::Credentials) => *only == name,
            ([prefix, second], Kind::Config) => prefix.starts_with("profile") && *second == name,
            _ => false,
        }
    })
}

pub(super) fn header(name: &str) -> String {
    if name == "default" { "[default]".to_owned() } else { format!("[profile {name}]") }
}
