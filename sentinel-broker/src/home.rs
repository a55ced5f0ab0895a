//! The AWS account that the service runs in.

use sentinel_store::AccountId;

use crate::arn::is_partition;

/// The partition and account of the service that embeds the broker. A service takes them from its
/// own identity, such as its role's ARN, and never from a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Home {
    /// The partition: `aws`, `aws-cn`, `aws-us-gov` …
    pub partition: String,
    /// The account.
    pub account: AccountId,
}

impl Home {
    /// An account in a partition.
    #[must_use]
    pub fn new(partition: impl Into<String>, account: AccountId) -> Self {
        Self { partition: partition.into(), account }
    }

    /// The partition and account of any ARN of that account. `None` if `arn` is not an ARN, or has
    /// no account.
    #[must_use]
    pub fn from_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.split(':');
        let (arn, partition) = (parts.next()?, parts.next()?);
        let account = AccountId::parse(parts.nth(2)?).ok()?;
        (arn == "arn" && is_partition(partition))
            .then(|| Self { partition: partition.to_owned(), account })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_read_from_any_arn_with_an_account() {
        let account = AccountId::parse("111122223333").unwrap();
        for (arn, partition) in [
            ("arn:aws:sts::111122223333:assumed-role/tvm/x", Some("aws")),
            ("arn:aws-cn:lambda:cn-north-1:111122223333:function:tvm", Some("aws-cn")),
            ("urn:aws:sts::111122223333:assumed-role/tvm/x", None),
            ("arn:gcp:sts::111122223333:assumed-role/tvm/x", None),
            ("arn:aws:s3:::bucket", None),
            ("arn:aws", None),
            ("", None),
        ] {
            let expected = partition.map(|partition| Home::new(partition, account.clone()));
            assert_eq!(Home::from_arn(arn), expected, "{arn}");
        }
    }
}
