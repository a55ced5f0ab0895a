//! Cursors that contain SSM's tokens. Each identifies its list, so that a cursor of another
//! list is refused without a request.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::{Cursor, StoreError};

const MARK: usize = 16;

fn mark(list: &str, token: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(list.as_bytes());
    digest.update([0]);
    digest.update(token.as_bytes());
    HEXLOWER.encode(&digest.finalize()).chars().take(MARK).collect()
}

/// The cursor for SSM's `token` in a list.
pub(super) fn cursor(list: &str, token: Option<String>) -> Option<Cursor> {
    let token = token.filter(|token| !token.is_empty())?;
    Some(Cursor(format!("{}{token}", mark(list, &token))))
}

/// SSM's token. `NotFound` if the cursor is not one of this list.
pub(super) fn token(list: &str, cursor: Option<&Cursor>) -> Result<Option<String>, StoreError> {
    let Some(Cursor(cursor)) = cursor else { return Ok(None) };
    match cursor.split_at_checked(MARK) {
        Some((mark_of, token)) if !token.is_empty() && mark_of == mark(list, token) => {
            Ok(Some(token.to_owned()))
        }
        Some(_) | None => Err(StoreError::not_found()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A cursor contains its token, and is valid for its own list only.
        #[test]
        fn a_cursor_is_valid_for_its_own_list_only(list in ".*", other in ".*", text in ".+") {
            prop_assume!(list != other);
            let cursor = cursor(&list, Some(text.clone())).unwrap();
            prop_assert_eq!(token(&list, Some(&cursor)).unwrap(), Some(text));
            prop_assert!(matches!(token(&other, Some(&cursor)), Err(StoreError::NotFound(_))));
        }

        /// Any other text is not a cursor.
        #[test]
        fn any_other_text_is_an_invalid_cursor(text in ".{0,64}") {
            let cursor = Cursor(text);
            prop_assert!(matches!(token("/sentinel", Some(&cursor)), Err(StoreError::NotFound(_))));
        }
    }
}
