//! Lists come in pages.

/// Where the next page begins: opaque, and good only for the list it came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(pub String);

/// Some of a list. A page may be empty and still have a next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; none when this was the last.
    pub next: Option<Cursor>,
}
