//! Values of a request's attributes. A value that no request to a TVM can have is
//! an error: a policy's decision about it would be meaningless.

use std::net::IpAddr;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use sentinel_broker::{is_principal, is_user};
use sentinel_policy::{Mode, OsType, OsVersion, Principal, is_vpc_endpoint_id, is_vpc_id};
use sentinel_store::{AccountId, ProfileName};

pub(super) fn user(text: &str) -> Result<&str, String> {
    valid(
        is_user(text),
        text,
        "not a user: a name of up to 64 letters, digits and `_+=,.@-`, or RoleName/session",
    )
}

pub(super) fn profile(text: &str) -> Result<&str, String> {
    valid(
        ProfileName::parse(text).is_ok(),
        text,
        "not a profile: a letter or digit and up to 63 more of letters, digits, `.`, `_` and `-`",
    )
}

pub(super) fn account(text: &str) -> Result<&str, String> {
    valid(AccountId::parse(text).is_ok(), text, "not an account id: twelve digits")
}

pub(super) fn principal(text: &str) -> Result<&str, String> {
    valid(
        is_principal(text),
        text,
        "not the ARN of a caller, such as arn:aws:iam::111122223333:user/alice or \
         arn:aws:sts::111122223333:assumed-role/RoleName/session",
    )
}

/// An attribute of a caller that contradicts the others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contradiction {
    /// `user` or `account`.
    pub(super) attribute: &'static str,
    pub(super) value: String,
    /// The value that the principal determines.
    pub(super) fact: String,
}

/// Checks that a valid principal, if one is given, can belong to a user in an
/// account. The user of a role session is `RoleName/session`, or only its session
/// name if the TVM lists the role.
pub(super) fn consistent(caller: &Principal<'_>) -> Result<(), Contradiction> {
    let Some(principal) = caller.arn else { return Ok(()) };
    let mut parts = principal.splitn(6, ':').skip(4);
    let (Some(account), Some(resource)) = (parts.next(), parts.next()) else { return Ok(()) };
    if let Some(given) = caller.account.filter(|given| *given != account) {
        let fact = format!("its account is `{account}`");
        return Err(Contradiction { attribute: "account", value: given.to_owned(), fact });
    }
    let last = resource.rsplit('/').next().unwrap_or_default();
    let (is, fact) = match resource.strip_prefix("assumed-role/") {
        Some(session) => (
            caller.user == session || caller.user == last,
            format!("it is the user `{session}`, or `{last}` if the TVM lists the role"),
        ),
        None => (caller.user == last, format!("it is the user `{last}`")),
    };
    if is {
        return Ok(());
    }
    Err(Contradiction { attribute: "user", value: caller.user.to_owned(), fact })
}

pub(super) fn os_version(text: &str) -> Result<&str, String> {
    valid(
        OsVersion::parse(text).is_some(),
        text,
        "not a version: numbers separated by points, such as 14.2.1",
    )
}

pub(super) fn os_type(text: &str) -> Result<&str, String> {
    valid(text.parse::<OsType>().is_ok(), text, "not an operating system: darwin, linux or windows")
}

pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| {
        if text.contains('/') {
            "not one address, such as 10.1.2.3, but a range".to_owned()
        } else {
            "not an IP address, such as 10.1.2.3 or 2001:db8::1".to_owned()
        }
    })
}

pub(super) fn vpc(text: &str) -> Result<&str, String> {
    valid(is_vpc_id(text), text, "not the id of a VPC, such as vpc-0123456789abcdef0")
}

pub(super) fn vpce(text: &str) -> Result<&str, String> {
    valid(
        is_vpc_endpoint_id(text),
        text,
        "not the id of a VPC endpoint, such as vpce-0123456789abcdef0",
    )
}

pub(super) fn mode(text: &str) -> Result<Mode, String> {
    text.parse().map_err(|_| {
        let words: Vec<&str> = Mode::ALL.into_iter().map(Mode::as_str).collect();
        format!("not one of {}", words.join(", "))
    })
}

fn valid<'t>(is: bool, text: &'t str, fault: &str) -> Result<&'t str, String> {
    if is { Ok(text) } else { Err(fault.to_owned()) }
}

/// Reads an instant in RFC 3339. The error names the part that is missing or
/// invalid.
pub(super) fn time(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).map_err(|_| time_fault(text))
}

fn time_fault(text: &str) -> String {
    const EXAMPLE: &str = "2026-01-31T23:59:59Z";
    let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, ""));
    if shape(date) != "dddd-dd-dd" {
        return format!("not a time such as {EXAMPLE}");
    }
    if NaiveDate::parse_from_str(date, "%Y-%m-%d").is_err() {
        return format!("the date {date} does not exist");
    }
    if time.is_empty() {
        return format!("the time of day is missing: write {date}T00:00:00Z, for example");
    }
    let (clock, offset) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => time.split_at_checked(at).unwrap_or((time, "")),
        None => (time, ""),
    };
    let offset = if offset.is_empty() { "Z" } else { offset };
    let whole = clock.split('.').next().unwrap_or(clock);
    match shape(whole).as_str() {
        "dd:dd" if NaiveTime::parse_from_str(whole, "%H:%M").is_ok() => {
            format!("the seconds are missing: write {date}T{whole}:00{offset}")
        }
        "dd:dd" | "dd:dd:dd" if NaiveTime::parse_from_str(whole, "%H:%M:%S").is_err() => {
            format!("the time of day {whole} does not exist")
        }
        "dd:dd:dd" if DateTime::parse_from_rfc3339(&format!("{date}T{clock}Z")).is_err() => {
            format!("not a time such as {EXAMPLE}")
        }
        "dd:dd:dd" if time == clock => format!(
            "the offset from UTC is missing: write {date}T{clock}Z, or an offset such as +01:00"
        ),
        "dd:dd:dd" => {
            "the offset from UTC must be `Z`, or hours and minutes as in +01:00".to_owned()
        }
        _ => format!("not a time such as {EXAMPLE}"),
    }
}

/// A text with `d` in place of each digit.
fn shape(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { 'd' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_for_an_invalid_time_names_the_missing_part() {
        for (text, fault) in [
            ("2026-01-31", "the time of day is missing"),
            ("2026-01-31T23:00:00", "the offset from UTC is missing: write 2026-01-31T23:00:00Z"),
            ("2026-01-31 23:00:00.5", "the offset from UTC is missing"),
            ("2026-01-31T23:00", "the seconds are missing: write 2026-01-31T23:00:00Z"),
            ("2026-01-31T23:00+01:00", "the seconds are missing: write 2026-01-31T23:00:00+01:00"),
            ("2026-02-30T23:00:00Z", "the date 2026-02-30 does not exist"),
            ("2026-13-01", "the date 2026-13-01 does not exist"),
            ("2026-01-31T25:00:00Z", "the time of day 25:00:00 does not exist"),
            ("2026-01-31T24:00", "the time of day 24:00 does not exist"),
            ("2026-01-31T23:00:00+1", "the offset from UTC must be"),
            ("yesterday", "not a time such as"),
            ("", "not a time such as"),
            ("31.01.2026", "not a time such as"),
            ("2026-01-31Tnoon", "not a time such as"),
        ] {
            let message = time(text).unwrap_err();
            assert!(message.contains(fault), "{text:?}: {message}");
        }
    }
}
