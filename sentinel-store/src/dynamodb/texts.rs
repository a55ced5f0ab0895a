//! The texts of policy documents, in parts, because an item has at most 400 KB. A text is
//! written once, and never changed or removed.

use std::num::NonZeroUsize;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use futures_util::future::try_join_all;

use super::table::{Condition, Item, Key, Table};
use crate::{PolicyPath, StoreError, StoreResultExt};

/// Maximum length of a part, in bytes: less than an item with its keys may have.
const PART: NonZeroUsize = NonZeroUsize::new(300_000).expect("not zero");

/// Maximum length of a document, in bytes: more than any policy, as in the folder of files.
pub(super) const MAX_BYTES: usize = 2 * 1024 * 1024;

const TEXT: &str = "text";

/// Number of parts of a text with this length in bytes. An empty text has one part, so that
/// its version number is used.
pub(super) const fn parts(bytes: usize) -> usize {
    if bytes == 0 { 1 } else { bytes.div_ceil(PART.get()) }
}

fn split(text: &[u8]) -> Vec<&[u8]> {
    if text.is_empty() { vec![text] } else { text.chunks(PART.get()).collect() }
}

pub(super) fn partition(path: &PolicyPath) -> String {
    format!("text#{path}")
}

fn key(path: &PolicyPath, version: u64, part: usize) -> Key {
    Key::new(partition(path), format!("{version:010}#{part:02}"))
}

/// The version in the key of a text's item.
pub(super) fn version_at(key: &Item) -> Option<u64> {
    let sk = key.get("sk")?.as_s().ok()?;
    sk.split_once('#')?.0.parse().ok()
}

/// Writes a text. `Conflict` if there is one with this version.
pub(super) async fn write(
    table: &Table,
    path: &PolicyPath,
    version: u64,
    text: &[u8],
    token: &str,
) -> Result<(), StoreError> {
    // The first part reserves the version. No other writer writes a further part.
    for (number, part) in split(text).into_iter().enumerate() {
        let key = key(path, version, number);
        let mut item = key.clone().into_item();
        item.insert(TEXT.to_owned(), AttributeValue::B(Blob::new(part)));
        item.insert("write".to_owned(), AttributeValue::S(token.to_owned()));
        if table.put(item, Condition::Absent).await.unless_conflict()?.is_none() {
            let stored = table.get(key).await?;
            let writer = stored.as_ref().and_then(|item| item.get("write")?.as_s().ok());
            if writer.is_none_or(|writer| writer != token) {
                return Err(StoreError::conflict());
            }
        }
    }
    Ok(())
}

/// Reads the text of a version, which has this length in bytes.
pub(super) async fn read(
    table: &Table,
    path: &PolicyPath,
    version: u64,
    bytes: usize,
) -> Result<Vec<u8>, StoreError> {
    let corrupt = || StoreError::Corrupt("a part of the document is missing".into());
    if bytes > MAX_BYTES {
        return Err(corrupt());
    }
    let parts = (0..parts(bytes)).map(|part| table.get(key(path, version, part)));
    let mut text = Vec::new();
    for item in try_join_all(parts).await? {
        let part = item.and_then(|mut item| item.remove(TEXT)).ok_or_else(corrupt)?;
        text.extend_from_slice(part.as_b().map_err(|_| corrupt())?.as_ref());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The parts of a text join to the text, each fits in an item, and their number
        /// follows from the length.
        #[test]
        fn the_parts_of_a_text_join_to_the_text(
            bytes in prop_oneof![0..3_usize, 299_999..300_002_usize, 0..MAX_BYTES],
        ) {
            let text: Vec<_> = (0..=u8::MAX).cycle().take(bytes).collect();
            let split = split(&text);
            prop_assert_eq!(split.len(), parts(bytes));
            prop_assert!(split.len() <= 100);
            prop_assert!(split.iter().all(|part| part.len() <= 300_000));
            prop_assert_eq!(split.concat(), text);
        }
    }
}
