//! The IAM identities of `sentinel dev`, which can call it.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use sentinel_store::AccountId;
use serde::Deserialize;

use crate::StartError;

/// The account of the default identities and of the TVM.
pub(crate) const ACCOUNT: &str = "111122223333";

/// A caller, as API Gateway would have verified it.
///
/// ```
/// use sentinel_dev::Identity;
///
/// let dora = Identity::new("dora", "arn:aws:iam::444455556666:user/team/dora")?;
/// assert_eq!(dora.account().as_str(), "444455556666");
/// # Ok::<(), sentinel_dev::StartError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Wire")]
pub struct Identity {
    /// The name of its section in the credentials file.
    pub(crate) name: String,
    /// `arn:…:iam::A:user/NAME` or `arn:…:sts::A:assumed-role/ROLE/SESSION`.
    pub(crate) arn: String,
    /// The account in the ARN.
    pub(crate) account: AccountId,
    /// The session name of an assumed role.
    pub(crate) session: Option<String>,
}

impl Identity {
    /// An IAM user (`arn:…:iam::ACCOUNT:user/NAME`) or a session of a role
    /// (`arn:…:sts::ACCOUNT:assumed-role/ROLE/SESSION`), with a name for it.
    ///
    /// # Errors
    /// If the ARN is another one, or the name cannot be that of a section in an AWS credentials file.
    pub fn new(name: impl Into<String>, arn: impl Into<String>) -> Result<Self, StartError> {
        Wire { name: name.into(), arn: arn.into() }.try_into().map_err(StartError::other)
    }

    /// Reads a YAML file with a list of identities: `- {name: alice, arn: "arn:…:user/alice"}`.
    ///
    /// # Errors
    /// If the file cannot be read, or has another content.
    pub fn read(file: &Path) -> Result<Vec<Self>, StartError> {
        let unusable = || format!("cannot use the identities in `{}`", file.display());
        let text = std::fs::read_to_string(file)
            .map_err(|error| StartError::because(unusable(), error))?;
        // Without the excerpt, which repeats the message and names another file.
        let identities: Vec<Self> = serde_saphyr::from_str(&text).map_err(|error| {
            StartError::because(unusable(), error.without_snippet().to_string())
        })?;
        check(&identities).map_err(|error| StartError::because(unusable(), error))?;
        Ok(identities)
    }

    /// The default identities: the users alice, bob, carol and mallory, and the role session
    /// `ci/build-7`. The example policies name them.
    ///
    /// # Errors
    /// If an example is invalid, which the tests exclude.
    pub fn examples() -> Result<Vec<Self>, StartError> {
        let users = ["alice", "bob", "carol", "mallory"]
            .map(|name| (name, format!("arn:aws:iam::{ACCOUNT}:user/{name}")));
        let role = ("ci/build-7", format!("arn:aws:sts::{ACCOUNT}:assumed-role/ci/build-7"));
        users.into_iter().chain([role]).map(|(name, arn)| Self::new(name, arn)).collect()
    }

    /// The name of its section in the credentials file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The account in the ARN.
    #[must_use]
    pub const fn account(&self) -> &AccountId {
        &self.account
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    name: String,
    arn: String,
}

impl TryFrom<Wire> for Identity {
    type Error = String;

    fn try_from(Wire { name, arn }: Wire) -> Result<Self, String> {
        // The characters that every AWS tool accepts in the name of a section.
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-/.%@:+=".contains(c);
        if name.is_empty() || name.len() > 128 || !name.chars().all(plain) {
            return Err(format!(
                "`{}` cannot name an identity: 1 to 128 of A-Z a-z 0-9 _ - / . % @ : + =",
                name.escape_debug()
            ));
        }
        let unusable = || {
            format!(
                "`{}` is neither arn:aws:iam::ACCOUNT:user/NAME nor \
                 arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION",
                arn.escape_debug()
            )
        };
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _, service, "", account, resource] = parts[..] else {
            return Err(unusable());
        };
        let graphic = arn.len() <= 2048 && arn.bytes().all(|b| b.is_ascii_graphic());
        let account = AccountId::parse(account).map_err(|_| unusable())?;
        let resource: Vec<&str> = resource.split('/').collect();
        let session = match (service, &resource[..]) {
            ("iam", ["user", path @ ..]) if !path.is_empty() => None,
            ("sts", ["assumed-role", _, session]) => Some((*session).to_owned()),
            _ => return Err(unusable()),
        };
        if !graphic || resource.iter().any(|part| part.is_empty()) {
            return Err(unusable());
        }
        Ok(Self { name, account, session, arn })
    }
}

pub(crate) fn check(identities: &[Identity]) -> Result<(), String> {
    if identities.is_empty() {
        return Err("the list is empty".to_owned());
    }
    let (mut names, mut arns) = (HashSet::new(), HashMap::new());
    for Identity { name, arn, .. } in identities {
        if !names.insert(name) {
            return Err(format!("two identities have the name `{name}`"));
        }
        if let Some(other) = arns.insert(arn, name) {
            return Err(format!("`{other}` and `{name}` have the same ARN, `{arn}`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_role_sessions_can_be_identities() {
        let names: Vec<String> =
            Identity::examples().unwrap().into_iter().map(|identity| identity.name).collect();
        assert_eq!(names, ["alice", "bob", "carol", "mallory", "ci/build-7"]);
        let text = "- {name: dora, arn: \"arn:aws:iam::444455556666:user/team/dora\"}\n";
        let read: Vec<Identity> = serde_saphyr::from_str(text).unwrap();
        assert_eq!(read[0].account.as_str(), "444455556666");
    }

    #[test]
    fn identities_that_iam_does_not_have_are_refused() {
        for (name, arn) in [
            ("a", "arn:aws:iam::111122223333:role/x"),
            ("a", "arn:aws:iam::111122223333:user/"),
            ("a", "arn:aws:iam::1111:user/a"),
            ("a", "arn:aws:iam:us-east-1:111122223333:user/a"),
            ("a", "arn:aws:sts::111122223333:assumed-role/ci"),
            ("a", "arn:aws:sts::111122223333:assumed-role/ci/x/y"),
            ("a", "arn:aws:sts::111122223333:federated-user/a"),
            ("a", "arn:aws:iam::111122223333:user/a b"),
            ("a]\n[b", "arn:aws:iam::111122223333:user/a"),
            ("", "arn:aws:iam::111122223333:user/a"),
        ] {
            let wire = Wire { name: name.to_owned(), arn: arn.to_owned() };
            assert!(Identity::try_from(wire).is_err(), "{name} {arn}");
        }
        let twice =
            Wire { name: "a".to_owned(), arn: "arn:aws:iam::111122223333:user/a".to_owned() };
        let twice = Identity::try_from(twice).unwrap();
        assert!(check(&[twice.clone(), twice]).is_err());
        assert!(check(&[]).is_err());
    }
}
