//! The texts of policy documents, in parts: an item holds 400 KB at most. A text
//! is written once, and never changed or removed.

use std::num::NonZeroUsize;

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use futures_util::future::try_join_all;

use super::table::{Condition, Item, Key, Table};
use crate::{PolicyPath, StoreError, StoreResultExt};

/// Well under what an item may have, keys and all.
const PART: NonZeroUsize = NonZeroUsize::new(300_000).expect("not zero");

/// The most a document may have here: more than any policy, as the folder of
/// files has it.
pub(super) const MAX_BYTES: usize = 2 * 1024 * 1024;

const TEXT: &str = "text";

/// How many parts a text of that many bytes has. An empty one has one too, so
/// that its version is taken.
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

/// The version that a text's item belongs to.
pub(super) fn version_at(key: &Item) -> Option<u64> {
    let sk = key.get("sk")?.as_s().ok()?;
    sk.split_once('#')?.0.parse().ok()
}

/// Writes a text; `Conflict` when there is one of that version.
pub(super) async fn write(
    table: &Table,
    path: &PolicyPath,
    version: u64,
    text: &[u8],
    token: &str,
) -> Result<(), StoreError> {
    // The first part takes the version: nobody else writes one of the others.
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

/// The text of a version, of which that many bytes were written.
pub(super) async fn read(
    table: &Table,
    path: &PolicyPath,
    version: u64,
    bytes: usize,
) -> Result<Vec<u8>, StoreError> {
    let corrupt = || StoreError::Corrupt("a part of the document is not there".into());
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
        /// A text comes back from its parts, each of which fits an item, and they
        /// are as many as its length says.
        #[test]
        fn the_parts_of_a_text_make_it_again(
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
