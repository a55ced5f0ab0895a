//! The pages of a list. `pages.rs` reads them one after another.

/// Where the next page begins. It is opaque, and valid only for the list that returned
/// it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor(pub String);

/// A part of a list. A page may be empty and still have a next page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins. `None` on the last page.
    pub next: Option<Cursor>,
}
