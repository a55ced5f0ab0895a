//! The pages of a list. `pages.rs` reads them one after another.

/// Where the next page begins. It is opaque, and valid only for the list that returned
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a cursor is one text")]
pub struct Cursor(pub String);

/// A part of a list. A page may be empty and still have a next page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins. `None` on the last page.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The last page of a list.
    #[must_use]
    pub const fn new(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// The same page with a next page.
    #[must_use]
    pub fn with_next(self, next: impl Into<Option<Cursor>>) -> Self {
        Self { next: next.into(), ..self }
    }
}

/// A part of a list of records. A page may be empty and still have a next page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordPage<T> {
    /// The records.
    pub items: Vec<T>,
    /// The keys of the rows that cannot be read, for the log. They count as refused.
    pub unreadable: Vec<String>,
    /// Where the next page begins. `None` on the last page.
    pub next: Option<Cursor>,
}

impl<T> RecordPage<T> {
    /// The last page of a list, without unreadable rows.
    #[must_use]
    pub const fn new(items: Vec<T>) -> Self {
        Self { items, unreadable: Vec::new(), next: None }
    }

    /// The same page with the keys of rows that cannot be read.
    #[must_use]
    pub fn with_unreadable(self, unreadable: Vec<String>) -> Self {
        Self { unreadable, ..self }
    }

    /// The same page with a next page.
    #[must_use]
    pub fn with_next(self, next: impl Into<Option<Cursor>>) -> Self {
        Self { next: next.into(), ..self }
    }
}

impl<T> Default for RecordPage<T> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}
