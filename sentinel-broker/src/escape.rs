//! Names in the characters that STS accepts. Different names result in different texts.

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};

/// `text`, with every byte as `=XX` that is neither an ASCII letter, nor a digit, nor one of `kept`.
/// `kept` must not contain `=`, so that `=` only begins an escape.
pub(crate) fn escape(text: &str, kept: &[u8]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("={byte:02X}"));
        }
    }
    escaped
}

/// `escaped`, which is [`escape`]'s result for `text`, in at most `limit` characters. A longer one is
/// its beginning, `==`, and `hash` characters of a hash of `text`. No escape contains `==`.
pub(crate) fn shorten(escaped: String, text: &str, limit: usize, hash: usize) -> String {
    if escaped.len() <= limit {
        return escaped;
    }
    let digest = BASE32_NOPAD.encode(&Sha256::digest(text.as_bytes())).to_ascii_lowercase();
    let beginning = limit.saturating_sub(hash).saturating_sub(2);
    escaped.chars().take(beginning).chain("==".chars()).chain(digest.chars().take(hash)).collect()
}
