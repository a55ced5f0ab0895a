//! The guard against lists that do not end.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

/// The cursors that a list has returned so far: the guard against a list that does not
/// end.
#[derive(Debug, Default)]
pub struct SeenCursors(HashSet<[u8; 32]>);

/// A list does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndlessList {
    /// A cursor was returned a second time.
    #[error("the list repeats its pages")]
    Repeats,
    /// There are more pages than [`SeenCursors::MAX_PAGES`].
    #[error("the list has more than {} pages", SeenCursors::MAX_PAGES)]
    TooLong,
}

impl SeenCursors {
    /// Maximum number of pages that are read of one list: more than a month of a
    /// company's sessions.
    pub const MAX_PAGES: usize = 10_000;

    /// Checks the cursor of the next page before that page is requested.
    ///
    /// # Errors
    /// If the cursor was returned before, or the list has too many pages.
    pub fn visit(&mut self, cursor: &str) -> Result<(), EndlessList> {
        if self.0.len() >= Self::MAX_PAGES {
            return Err(EndlessList::TooLong);
        }
        // Digests, because they have one length, however long the cursors are.
        if self.0.insert(Sha256::digest(cursor).into()) {
            Ok(())
        } else {
            Err(EndlessList::Repeats)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_cursor_and_too_many_pages_are_errors() {
        for circle in [&["a", "a"][..], &["a", "b", "a"], &["a", "b", "c", "d", "b"]] {
            let mut seen = SeenCursors::default();
            let (last, before) = circle.split_last().unwrap();
            assert!(before.iter().all(|cursor| seen.visit(cursor).is_ok()), "{circle:?}");
            assert_eq!(seen.visit(last), Err(EndlessList::Repeats), "{circle:?}");
        }
        let mut seen = SeenCursors::default();
        let first = (0..).find(|page: &usize| seen.visit(&page.to_string()).is_err());
        assert_eq!(first, Some(SeenCursors::MAX_PAGES));
        assert_eq!(seen.visit("x"), Err(EndlessList::TooLong));
    }
}
