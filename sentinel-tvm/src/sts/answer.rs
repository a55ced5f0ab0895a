//! What STS answered, looked at before any of it leaves: an answer that lacks
//! something, or is not the one to this request, is none.

use aws_sdk_sts::operation::RequestId;
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use chrono::{DateTime, TimeDelta, Utc};
use sentinel_broker::{AssumeRole, Credentials, Issued};
use sentinel_policy::RoleArn;
use sentinel_store::Secret;

use super::refusal;

/// How far STS's clock may be from ours: it takes signatures that are so old.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// What is wrong with an answer. No text of the answer is in it, which may hold
/// credentials in the wrong place.
#[derive(Debug, thiserror::Error)]
pub(super) enum Wrong {
    #[error("the answer has no credentials")]
    NoCredentials,
    #[error("the answer's {0} is empty or of characters that it never has")]
    Malformed(&'static str),
    #[error("the answer's credentials have already ended")]
    Ended,
    #[error("the answer's credentials last longer than was asked for")]
    TooLong,
    #[error("the answer is for another role or session name")]
    OtherUser,
    #[error("the answer has another source identity")]
    OtherSourceIdentity,
}

/// Reads the answer to that request.
pub(super) fn read(
    answer: AssumeRoleOutput,
    request: &AssumeRole,
    now: DateTime<Utc>,
) -> Result<Issued, Wrong> {
    let request_id = answer.request_id().filter(|id| refusal::is_id(id)).map(str::to_owned);
    let credentials = answer.credentials.ok_or(Wrong::NoCredentials)?;
    let stamp = request.source_identity.as_str();
    let user = answer.assumed_role_user.ok_or(Wrong::OtherUser)?;
    let is_ours = session_arn(&request.role, stamp).is_some_and(|ours| ours == user.arn)
        && user.assumed_role_id.split_once(':').is_some_and(|(_, session)| session == stamp);
    if !is_ours {
        return Err(Wrong::OtherUser);
    }
    match answer.source_identity.as_deref() {
        Some(given) if given == stamp => {}
        Some(_) => return Err(Wrong::OtherSourceIdentity),
        // AWS repeats it; emulators leave it out, and the session name, which is
        // the same text, was just compared.
        None => tracing::warn!(
            "STS did not repeat the source identity: if this is AWS itself, revocation by \
             aws:SourceIdentity may not reach these credentials"
        ),
    }
    // `[\w]*`, 16 to 128 characters:
    // https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html
    let key = credentials.access_key_id;
    let word = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !word || !(16..=128).contains(&key.len()) {
        return Err(Wrong::Malformed("access key id"));
    }
    for (part, text) in [
        ("secret access key", &credentials.secret_access_key),
        ("session token", &credentials.session_token),
    ] {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Wrong::Malformed(part));
        }
    }
    let expiration = credentials.expiration;
    let expiration = DateTime::from_timestamp(expiration.secs(), 0);
    let expiration = expiration.ok_or(Wrong::Malformed("expiration"))?;
    if expiration <= now {
        return Err(Wrong::Ended);
    }
    if expiration > now + TimeDelta::seconds(request.seconds.into()) + SKEW {
        return Err(Wrong::TooLong);
    }
    Ok(Issued {
        credentials: Credentials {
            access_key_id: key,
            secret_access_key: Secret::new(credentials.secret_access_key),
            session_token: Secret::new(credentials.session_token),
            expiration,
        },
        request_id,
    })
}

/// `arn:aws:iam::A:role/path/R` assumed: `arn:aws:sts::A:assumed-role/R/SESSION`.
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
    fn a_session_is_of_the_roles_name_without_its_path() {
        let role = RoleArn::parse("arn:aws-cn:iam::111122223333:role/a/b/R").unwrap();
        assert_eq!(
            session_arn(&role, "s").unwrap(),
            "arn:aws-cn:sts::111122223333:assumed-role/R/s"
        );
    }
}
