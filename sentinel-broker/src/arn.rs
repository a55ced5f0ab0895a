//! The parts of an ARN without a region: of a user, a role or a session.

use sentinel_store::AccountId;

/// `arn:PARTITION:SERVICE::ACCOUNT:RESOURCE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arn<'a> {
    pub(crate) partition: &'a str,
    pub(crate) service: &'a str,
    pub(crate) account: &'a str,
    pub(crate) resource: &'a str,
}

impl<'a> Arn<'a> {
    /// Parses an ARN. `None` for any other text, and for an ARN with a region.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (arn, partition) = (parts.next()?, parts.next()?);
        let (service, region) = (parts.next()?, parts.next()?);
        let (account, resource) = (parts.next()?, parts.next()?);
        (arn == "arn" && is_partition(partition) && region.is_empty()).then_some(Self {
            partition,
            service,
            account,
            resource,
        })
    }

    /// Role and session name of an assumed-role session's ARN.
    pub(crate) fn session(self) -> Option<(&'a str, &'a str)> {
        let (role, session) = self.resource.strip_prefix("assumed-role/")?.split_once('/')?;
        (self.service == "sts" && is_name(role) && is_name(session)).then_some((role, session))
    }

    /// The name in the ARN of an IAM user, without its path. A name is unique in an account, regardless
    /// of the path.
    pub(crate) fn user(self) -> Option<&'a str> {
        self.named("user/")
    }

    /// The name in the ARN of a role, without its path. The ARN of a session does not contain the
    /// path.
    pub(crate) fn role(self) -> Option<&'a str> {
        self.named("role/")
    }

    fn named(self, kind: &str) -> Option<&'a str> {
        let path = self.resource.strip_prefix(kind)?;
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        let printable = directory.bytes().all(|b| b.is_ascii_graphic());
        (self.service == "iam" && printable && is_name(name)).then_some(name)
    }
}

/// Whether `text` is the name of a partition: `aws`, `aws-cn`, `aws-us-gov`, or one that AWS adds.
pub(crate) fn is_partition(text: &str) -> bool {
    text.starts_with("aws") && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

/// Whether `text` is the name of a user, a role or a session: `[\w+=,.@-]{1,64}`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub(crate) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(is_name_byte)
}

/// Whether `text` can be a caller's principal: the ARN of an IAM user or of an assumed-role session.
#[must_use]
pub fn is_principal(text: &str) -> bool {
    Arn::parse(text).is_some_and(|arn| {
        AccountId::parse(arn.account).is_ok() && (arn.user().is_some() || arn.session().is_some())
    })
}

pub(crate) fn is_name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_a_user_or_a_session_in_an_account() {
        for (text, expected) in [
            ("arn:aws:iam::111122223333:user/alice", true),
            ("arn:aws:iam::111122223333:user/eng/alice", true),
            ("arn:aws:sts::111122223333:assumed-role/ci/build-7", true),
            ("arn:aws:iam::11112222333:user/alice", false),
            ("arn:aws:sts::*:assumed-role/ci/build-7", false),
            ("arn:aws:iam::111122223333:role/ci", false),
            ("arn:aws:iam::111122223333:root", false),
            ("alice", false),
            ("", false),
        ] {
            assert_eq!(is_principal(text), expected, "{text}");
        }
    }
}
