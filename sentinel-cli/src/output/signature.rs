//! What to do if a signature is refused because of this machine: its clock, its region, or credentials
//! that have expired. API Gateway and Sentinel report these in their own words.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use super::length;

/// The next step for a refusal with that message. `None` if the message is about something else.
pub(crate) fn next_step(message: &str) -> Option<String> {
    clock(message).or_else(|| region(message)).or_else(|| expired(message))
}

/// API Gateway: `Signature expired: 20260302T100000Z is now earlier than 20260302T100500Z
/// (20260302T101000Z - 5 min.)`, or `Signature not yet current: … is still later than … (… + 5 min.)`.
/// The first time is that of this machine, the last one that of AWS.
fn clock(message: &str) -> Option<String> {
    let is_skewed =
        ["Signature expired", "Signature not yet current", "more than five minutes from"];
    if !is_skewed.iter().any(|words| message.contains(words)) {
        return None;
    }
    let times: Vec<DateTime<Utc>> = message
        .split(|c: char| !c.is_ascii_alphanumeric() && !"-:".contains(c))
        .filter_map(time)
        .collect();
    let set = "set it (`sudo timedatectl set-ntp true`, or the date settings)";
    let (Some(signed), Some(theirs)) = (times.first(), times.last()) else {
        return Some(format!("the clock of this machine is wrong: {set}"));
    };
    let ahead = *signed - *theirs;
    let (by, direction) =
        if ahead < TimeDelta::zero() { (-ahead, "behind") } else { (ahead, "ahead of") };
    Some(format!(
        "the clock of this machine is {} {direction} the TVM's, which accepts five minutes: {set}",
        length(by)
    ))
}

fn time(word: &str) -> Option<DateTime<Utc>> {
    let word = word.trim_end_matches(':');
    let basic = NaiveDateTime::parse_from_str(word, "%Y%m%dT%H%M%SZ");
    basic.map(|time| time.and_utc()).ok().or_else(|| word.parse().ok())
}

/// API Gateway: `Credential should be scoped to a valid region, not 'us-east-1'.` Sentinel: ``the
/// signature is for `eu-west-1/execute-api`: sign for region and service `us-east-1/execute-api` ``.
fn region(message: &str) -> Option<String> {
    let (signed, wanted) = if message.contains("Credential should be scoped to a valid region") {
        (message.split('\'').nth(1), None)
    } else if message.contains("the signature is for `") {
        let mut quoted = message.split('`').skip(1).step_by(2);
        let region = |scope: &'_ str| scope.split('/').next().map(str::to_owned);
        let (signed, wanted) = (quoted.next(), quoted.next());
        return Some(wrong_region(
            signed.and_then(region).as_deref(),
            wanted.and_then(region).as_deref(),
        ));
    } else {
        return None;
    };
    Some(wrong_region(signed, wanted))
}

fn wrong_region(signed: Option<&str>, wanted: Option<&str>) -> String {
    let signed = signed.map(|region| format!(" `{region}`")).unwrap_or_default();
    match wanted {
        Some(wanted) => {
            format!("the request was signed for another region{signed}: set AWS_REGION={wanted}")
        }
        None => format!(
            "the request was signed for another region{signed}: set AWS_REGION to the region of the \
             TVM"
        ),
    }
}

/// API Gateway: `The security token included in the request is expired`, or `is invalid`.
fn expired(message: &str) -> Option<String> {
    let words = ["security token included in the request is", "the credentials have expired"];
    words.iter().any(|words| message.contains(words)).then(|| {
        "sign in to AWS again (`aws sso login`), or select other credentials with `--aws-profile \
         NAME`"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_reported_with_its_difference() {
        for (message, expected) in [
            (
                "Signature expired: 20260302T100000Z is now earlier than 20260302T100730Z \
                 (20260302T101230Z - 5 min.)",
                "12 min 30 s behind the TVM's",
            ),
            (
                "Signature not yet current: 20260302T110000Z is still later than 20260302T100500Z \
                 (20260302T100000Z + 5 min.)",
                "1 h ahead of the TVM's",
            ),
            (
                "the request was signed at 2026-03-02T10:00:00Z, more than five minutes from this \
                 server's 2026-03-02T10:06:00Z: set your clock",
                "6 min behind the TVM's",
            ),
            ("Signature expired: soon", "the clock of this machine is wrong"),
        ] {
            let step = next_step(message).unwrap();
            assert!(step.contains(expected) && step.contains("timedatectl"), "{step}");
        }
    }

    #[test]
    fn another_region_and_expired_credentials_are_reported_with_the_remedy() {
        for (message, expected) in [
            (
                "Credential should be scoped to a valid region, not 'us-east-1'. ",
                "`us-east-1`: set AWS_REGION to the region of the TVM",
            ),
            (
                "the signature is for `eu-west-1/execute-api`: sign for region and service \
                 `us-east-1/execute-api`, as by AWS_REGION",
                "`eu-west-1`: set AWS_REGION=us-east-1",
            ),
            ("The security token included in the request is expired", "`aws sso login`"),
            ("The security token included in the request is invalid.", "`aws sso login`"),
        ] {
            let step = next_step(message).unwrap();
            assert!(step.contains(expected), "{step}");
        }
        assert_eq!(next_step("the policy does not allow this now"), None);
    }
}
