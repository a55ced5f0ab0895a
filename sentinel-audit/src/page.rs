//! A page of HTML that contains everything that it needs.

use std::fmt::{self, Write};

/// Maximum number of rows of a section. A page of more could not be read; the CSV has every decision.
const MAX_ROWS: usize = 5_000;

/// A page of HTML. Every text in it is escaped.
pub(crate) struct Page(String);

impl Page {
    pub(crate) fn new() -> Self {
        Self(String::with_capacity(64 * 1024))
    }

    /// The HTML.
    pub(crate) fn into_html(self) -> String {
        self.0
    }

    pub(crate) fn raw(&mut self, html: &'static str) {
        self.0.push_str(html);
    }

    fn text(&mut self, text: &str) {
        write!(self.0, "{}", Escaped(text)).ok();
    }

    pub(crate) fn heading(&mut self, text: &'static str) {
        self.raw("<h2>");
        self.text(text);
        self.raw("</h2>\n");
    }

    pub(crate) fn bad(&mut self, text: &str) {
        self.raw("<p class=\"bad\">");
        self.text(text);
        self.raw("</p>\n");
    }

    /// A table. The columns in `numbers` are aligned to the right.
    pub(crate) fn table<const N: usize>(
        &mut self,
        columns: &[&'static str; N],
        numbers: &[usize],
        rows: impl IntoIterator<Item = [String; N]>,
    ) {
        let class = |index: usize| if numbers.contains(&index) { " class=\"n\"" } else { "" };
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            self.raw("<p>None.</p>\n");
            return;
        }
        self.raw("<table>\n");
        if columns.iter().any(|column| !column.is_empty()) {
            self.raw("<tr>");
            for (index, column) in columns.iter().enumerate() {
                write!(self.0, "<th{}>", class(index)).ok();
                self.text(column);
                self.raw("</th>");
            }
            self.raw("</tr>\n");
        }
        for row in rows.by_ref().take(MAX_ROWS) {
            self.raw("<tr>");
            for (index, cell) in row.iter().enumerate() {
                write!(self.0, "<td{}>", class(index)).ok();
                self.text(cell);
                self.raw("</td>");
            }
            self.raw("</tr>\n");
        }
        self.raw("</table>\n");
        let left = rows.count();
        if left > 0 {
            self.bad(&format!("{left} further rows are left out of this page."));
        }
    }
}

/// A text in HTML. A line feed is a line break, and what cannot be printed is replaced.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' => f.write_str("<br>")?,
                c if is_hidden(c) => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Control characters, and those that change the direction of a text or have no width.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
