//! The response of STS. It is checked before any part of it is used: a response that is incomplete, or
//! belongs to another request, is invalid.

use aws_sdk_sts::operation::RequestId;
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use chrono::{DateTime, TimeDelta, Utc};
use sentinel_broker::{AssumeRole, Credentials, Issued};
use sentinel_policy::RoleArn;
use sentinel_store::Secret;

use super::failure;

/// Maximum difference between the clock of STS and this one. STS accepts signatures of that age.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// Why a response is invalid. The error contains no text of the response, which may have credentials in
/// the wrong place.
#[derive(Debug, thiserror::Error)]
pub(super) enum Invalid {
    #[error("the response has no credentials")]
    NoCredentials,
    #[error("the response's {0} is empty or contains invalid characters")]
    Malformed(&'static str),
    #[error("the response's credentials have already expired")]
    Expired,
    #[error("the response's credentials last longer than requested")]
    TooLong,
    #[error("the response is for another role or session name")]
    OtherUser,
    #[error("the response has another source identity")]
    OtherSourceIdentity,
}

/// Reads the response to that request.
pub(super) fn read(
    response: AssumeRoleOutput,
    request: &AssumeRole,
    now: DateTime<Utc>,
) -> Result<Issued, Invalid> {
    let request_id = response.request_id().filter(|id| failure::is_id(id)).map(str::to_owned);
    let credentials = response.credentials.ok_or(Invalid::NoCredentials)?;
    let expected = request.source_identity.as_str();
    let user = response.assumed_role_user.ok_or(Invalid::OtherUser)?;
    let is_ours = session_arn(&request.role, expected).is_some_and(|ours| ours == user.arn)
        && user.assumed_role_id.split_once(':').is_some_and(|(_, session)| session == expected);
    if !is_ours {
        return Err(Invalid::OtherUser);
    }
    match response.source_identity.as_deref() {
        Some(returned) if returned == expected => {}
        Some(_) => return Err(Invalid::OtherSourceIdentity),
        // AWS returns it, and emulators do not. The session name, which is the same text, was
        // compared above.
        None => tracing::warn!(
            "STS did not return the source identity: if this is AWS itself, a deny by \
             aws:SourceIdentity may not match these credentials"
        ),
    }
    // `[\w]*`, 16 to 128 characters:
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html
    let key = credentials.access_key_id;
    let word = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !word || !(16..=128).contains(&key.len()) {
        return Err(Invalid::Malformed("access key id"));
    }
    for (part, text) in [
        ("secret access key", &credentials.secret_access_key),
        ("session token", &credentials.session_token),
    ] {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Invalid::Malformed(part));
        }
    }
    let expiration = credentials.expiration;
    let expiration = DateTime::from_timestamp(expiration.secs(), 0);
    let expiration = expiration.ok_or(Invalid::Malformed("expiration"))?;
    if expiration <= now {
        return Err(Invalid::Expired);
    }
    if expiration > now + TimeDelta::seconds(request.seconds.into()) + SKEW {
        return Err(Invalid::TooLong);
    }
    let credentials = Credentials {
        access_key_id: key,
        secret_access_key: Secret::new(credentials.secret_access_key),
        session_token: Secret::new(credentials.session_token),
        expiration,
    };
    Ok(Issued::new(credentials).with_request_id(request_id))
}

/// The ARN of a session of a role: `arn:aws:sts::A:assumed-role/R/SESSION` for
/// `arn:aws:iam::A:role/path/R`.
fn session_arn(role: &RoleArn, session: &str) -> Option<String> {
    let mut parts = role.as_str().splitn(6, ':');
    let (partition, account) = (parts.nth(1)?, parts.nth(2)?);
    let name = parts.next()?.rsplit('/').next()?;
    Some(format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arn_of_a_session_has_the_role_name_without_its_path() {
        let role = RoleArn::parse("arn:aws-cn:iam::111122223333:role/a/b/R").unwrap();
        assert_eq!(
            session_arn(&role, "s").unwrap(),
            "arn:aws-cn:sts::111122223333:assumed-role/R/s"
        );
    }
}
