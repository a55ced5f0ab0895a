//! Values for the records of the suite.

use chrono::{DateTime, Utc};

use super::report::Stop;
use crate::{AccountId, CallerKey, Person, ProfileName};

/// A time for records, with nanoseconds, which stores must keep.
pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_769_342_400 + seconds, 123_456_789).unwrap_or_default()
}

pub(super) fn caller(key: &str) -> Result<CallerKey, Stop> {
    CallerKey::parse(key).map_err(Stop::failed)
}

pub(super) fn profile(name: &str) -> Result<ProfileName, Stop> {
    ProfileName::parse(name).map_err(Stop::failed)
}

/// The random bytes of the id with this number.
pub(super) fn random(number: u16) -> [u8; 10] {
    let mut random = [0; 10];
    // The number at the end, for neighboring ids, and a hash of it before.
    let [high, low] = number.to_be_bytes();
    let [mixed, ..] = number.wrapping_mul(40_503).to_be_bytes();
    for (to, from) in random.iter_mut().zip([mixed, high, low]) {
        *to = from;
    }
    random
}

pub(super) fn person(caller: &CallerKey) -> Result<Person, Stop> {
    let account = AccountId::parse("111122223333").map_err(Stop::failed)?;
    let principal = "arn:aws:iam::111122223333:user/Alice";
    Ok(Person::new(caller.clone(), "Alice", account, principal))
}

/// Texts that a store might truncate, escape or normalize.
pub(super) fn hostile_texts() -> [String; 7] {
    let long = "\u{1f511}".repeat(1000);
    ["", "\0", "\"\\\n\r\t", "\u{202e}\u{feff}", "</script>", "e\u{301}", &long].map(str::to_owned)
}

/// Texts that are not the cursor of any list, if `id` is the id of a record.
pub(super) fn invalid_cursors(id: &str) -> Vec<String> {
    let long = "a".repeat(100_000);
    let texts = ["", " ", "x", "null", "{}", "\0", "\u{1f511}", "../..", &long].map(str::to_owned);
    texts.into_iter().chain([id.to_uppercase(), format!("{id} ")]).collect()
}
