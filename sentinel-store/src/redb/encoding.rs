//! The encoding of records in the file: a digest, and then JSON with a format number.
//!
//! A record is only read in the format in which it was written. A change of the meaning or
//! the fields of a record raises [`FORMAT`], so that an older version of the program
//! refuses the record and does not ignore a part of it.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::StoreError;

const FORMAT: u32 = 1;

/// Number of bytes of the SHA-256 before a record. redb has its own checksums, but
/// verifies them only after a crash. A flipped bit on the disk must not lower an epoch.
const DIGEST: usize = 8;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<T> {
    format: u32,
    record: T,
}

fn digest(json: &[u8]) -> [u8; DIGEST] {
    let mut digest = [0; DIGEST];
    for (to, from) in digest.iter_mut().zip(Sha256::digest(json)) {
        *to = from;
    }
    digest
}

pub(super) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    let stored = Stored { format: FORMAT, record };
    let json = serde_json::to_vec(&stored).map_err(|error| StoreError::Refused(error.into()))?;
    Ok([digest(&json).as_slice(), &json].concat())
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    let damaged = || StoreError::Corrupt("damaged".into());
    let (before, json) = bytes.split_first_chunk::<DIGEST>().ok_or_else(damaged)?;
    if *before != digest(json) {
        return Err(damaged());
    }
    let corrupt = |error: serde_json::Error| StoreError::Corrupt(position(&error).into());
    let stored: Stored<T> = serde_json::from_slice(json).map_err(corrupt)?;
    if stored.format == FORMAT {
        Ok(stored.record)
    } else {
        let format = stored.format;
        Err(StoreError::Corrupt(format!("a record of the unknown format {format}").into()))
    }
}

/// Where and how decoding failed, without a quotation of the record.
fn position(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Io => "unreadable",
        serde_json::error::Category::Syntax => "not JSON",
        serde_json::error::Category::Data => "not a record of this kind",
        serde_json::error::Category::Eof => "truncated",
    };
    format!("{kind} at byte {}", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallerKey, Gate};

    fn gate() -> Gate {
        Gate::open(CallerKey::parse("alice").unwrap())
    }

    fn cause<T>(result: Result<T, StoreError>) -> String {
        match result {
            Err(StoreError::Corrupt(cause)) => cause.to_string(),
            Err(error) => panic!("{error:?}"),
            Ok(_) => panic!("the record was read"),
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        assert_eq!(decode::<Gate>(&encode(&gate()).unwrap()).unwrap(), gate());
    }

    /// A record whose JSON was changed, with a matching digest.
    fn changed(old: &str, new: &str) -> Vec<u8> {
        let bytes = encode(&gate()).unwrap();
        let text = String::from_utf8(bytes[DIGEST..].to_vec()).unwrap();
        let json = text.replace(old, new);
        assert_ne!(text, json);
        [digest(json.as_bytes()).as_slice(), json.as_bytes()].concat()
    }

    #[test]
    fn a_record_of_another_format_is_not_read() {
        let later = changed(r#""format":1"#, r#""format":2"#);
        assert_eq!(cause(decode::<Gate>(&later)), "a record of the unknown format 2");
    }

    #[test]
    fn an_unknown_field_is_corrupt() {
        for (old, new) in [
            (r#""whole""#, r#""frozen":true,"whole""#),
            (r#""epoch""#, r#""frozen":true,"epoch""#),
            (r#""format""#, r#""frozen":true,"format""#),
        ] {
            assert!(
                cause(decode::<Gate>(&changed(old, new))).starts_with("not a record of this kind")
            );
        }
    }

    #[test]
    fn a_flipped_bit_or_a_missing_byte_is_corrupt() {
        let bytes = encode(&gate()).unwrap();
        for at in 0..bytes.len() {
            cause(decode::<Gate>(&bytes[..at]));
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                cause(decode::<Gate>(&flipped));
            }
        }
        cause(decode::<Gate>(&[&bytes[..], b" "].concat()));
    }

    #[test]
    fn invariant_6_an_unreadable_record_is_not_quoted() {
        for (old, new) in [
            (r#""alice""#, r#"["hunter2"]"#),
            (r#""epoch":0"#, r#""epoch":"hunter2""#),
            (r#""whole""#, r#""hunter2":1,"whole""#),
            (r#"{"format""#, r#"hunter2"#),
        ] {
            let cause = cause(decode::<Gate>(&changed(old, new)));
            assert!(!cause.contains("hunter2"), "{cause}");
        }
    }
}
