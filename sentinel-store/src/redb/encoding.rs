//! How records lie in the file: JSON that says in which format it is.
//!
//! A record is only read in the format that wrote it. Whatever changes the
//! meaning or the fields of a record raises [`FORMAT`], so that an older version
//! of the program refuses what it does not understand instead of overlooking it.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::StoreError;

const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored<T> {
    format: u32,
    record: T,
}

pub(super) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    let stored = Stored { format: FORMAT, record };
    serde_json::to_vec(&stored).map_err(|error| StoreError::Refused(error.into()))
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    let corrupt = |error: serde_json::Error| StoreError::Corrupt(position(&error).into());
    let stored: Stored<T> = serde_json::from_slice(bytes).map_err(corrupt)?;
    if stored.format == FORMAT {
        Ok(stored.record)
    } else {
        let format = stored.format;
        Err(StoreError::Corrupt(format!("record of the unknown format {format}").into()))
    }
}

/// Where and how reading failed, without quoting what was read.
fn position(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Io => "unreadable",
        serde_json::error::Category::Syntax => "not JSON",
        serde_json::error::Category::Data => "not the record that is kept here",
        serde_json::error::Category::Eof => "cut off",
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
            Ok(_) => panic!("it was read"),
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        assert_eq!(decode::<Gate>(&encode(&gate()).unwrap()).unwrap(), gate());
    }

    #[test]
    fn a_record_of_another_format_is_not_read() {
        let text = String::from_utf8(encode(&gate()).unwrap()).unwrap();
        let later = text.replace(r#""format":1"#, r#""format":2"#);
        assert_ne!(text, later);
        assert_eq!(cause(decode::<Gate>(later.as_bytes())), "record of the unknown format 2");
    }

    #[test]
    fn a_field_that_is_not_known_is_not_overlooked() {
        let text = String::from_utf8(encode(&gate()).unwrap()).unwrap();
        for (old, new) in
            [(r#""whole""#, r#""frozen":true,"whole""#), (r#""format""#, r#""x":1,"format""#)]
        {
            let other = text.replace(old, new);
            assert_ne!(text, other);
            assert!(cause(decode::<Gate>(other.as_bytes())).starts_with("not the record"));
        }
    }

    #[test]
    fn no_cut_or_changed_record_is_read_as_something_else() {
        let bytes = encode(&gate()).unwrap();
        for end in 0..bytes.len() {
            cause(decode::<Gate>(&bytes[..end]));
        }
        cause(decode::<Gate>(&[&bytes[..], b"x"].concat()));
        cause(decode::<Gate>(&[0xff, 0x00]));
    }
}
