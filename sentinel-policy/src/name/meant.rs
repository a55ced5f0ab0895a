//! The name that was probably meant by a text that cannot be a name. Suggestions
//! are made only for short texts, and each suggestion is verified to be a possible
//! name.

use super::{profile_fault, user_fault};
use crate::diagnostic::{Quote, in_ascii};

/// A longer text is not treated as a misspelled name.
const LONGEST: usize = 256;
/// Maximum number of entries that are listed in a suggestion.
const ENTRIES: usize = 4;

/// The prefix of the names of the roles of IAM Identity Center.
/// <https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html>
pub(crate) const IDENTITY_CENTER: &str = "AWSReservedSSO";

/// Characters around a name that was copied from another place.
const AROUND: &[char] = &['"', '\'', '`', '<', '>', '[', ']', '(', ')', '{', '}', ';', ','];

/// The help for an entry that cannot be the name of a caller.
pub(crate) fn meant_user(value: &str) -> String {
    suggestion_for_user(value).unwrap_or_else(|| {
        "users are IAM users, session names and `RoleName/session`: letters, digits and \
         `_+=,.@-`, with `*` and `?` as wildcards"
            .to_owned()
    })
}

/// The help for a pattern of valid characters that matches no caller.
pub(crate) fn meant_caller(value: &str) -> String {
    suggestion_for_user(value).unwrap_or_else(|| {
        "a caller's name is 1 to 64 characters, or `RoleName/session` with 1 to 64 characters in each part"
            .to_owned()
    })
}

/// The help for a pattern that cannot be the name of a profile.
pub(crate) fn meant_profile(value: &str) -> String {
    let is_name = |text: &str| profile_fault(text).is_none();
    bare(value)
        .and_then(|plain| entries(&plain, is_name).or_else(|| one(&plain, is_name)))
        .unwrap_or_else(|| {
            "a profile's name has 1 to 64 letters, digits, `.`, `_` and `-`, the first a letter or \
             digit; `*` and `?` are wildcards"
                .to_owned()
        })
}

/// The form that a valid user pattern resembles, although it has another meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misread<'a> {
    /// The end of an IAM user's ARN: `user/alice`.
    UserArn { first: &'a str, name: &'a str },
    /// The end of a role's ARN, `role/ci`, or the form in which revocations name a
    /// role, `111122223333/ci`.
    Role { first: &'a str, role: &'a str },
    /// A role of IAM Identity Center, whose users have the names of their sessions.
    IdentityCenter { session: Option<&'a str> },
    /// The name of a group, as directories write it: `group/oncall`.
    Group { first: &'a str, name: &'a str },
    /// Several names in one text, `alice,bob`, or a name and a comma.
    Several,
}

impl<'a> Misread<'a> {
    /// The form that a valid pattern resembles. `None` if the pattern means what it
    /// resembles.
    pub(crate) fn of(value: &'a str) -> Option<Self> {
        let (first, rest) = match value.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (value, None),
        };
        if first.starts_with(IDENTITY_CENTER) {
            let session = rest.filter(|session| !session.contains(['*', '?']));
            return Some(Self::IdentityCenter { session });
        }
        match (&*first.to_ascii_lowercase(), rest) {
            ("user" | "users", Some(name)) => Some(Self::UserArn { first, name }),
            ("group" | "groups", Some(name)) => Some(Self::Group { first, name }),
            ("role" | "roles" | "assumed-role", Some(role)) => Some(Self::Role { first, role }),
            (account, Some(role)) if is_account(account) => Some(Self::Role { first, role }),
            // With an `=` the text is a distinguished name, which is one user.
            (_, None) if value.contains(',') && !value.contains('=') => {
                let mut names = value.split(',').filter(|name| !name.is_empty());
                names.all(|name| user_fault(name).is_none()).then_some(Self::Several)
            }
            _ => None,
        }
    }

    /// What the pattern matches, after "an entry of `users` is `VALUE`, ".
    pub(crate) fn describe(self) -> String {
        match self {
            Self::UserArn { first, name } | Self::Group { first, name } => session_of(first, name),
            Self::Role { first, role } => session_of(first, role),
            Self::IdentityCenter { .. } => {
                "which names a role of IAM Identity Center, not its users".to_owned()
            }
            Self::Several => "which is one user with a comma in the name".to_owned(),
        }
    }

    /// The pattern that was probably meant.
    pub(crate) fn help(self, value: &str) -> String {
        match self {
            Self::UserArn { name, .. } if is_any(name) => {
                "users are named without `user/`; a session of a role is `RoleName/session`"
                    .to_owned()
            }
            Self::Role { role, .. } if is_any(role) => {
                "name the role: its sessions are `RoleName/*`".to_owned()
            }
            Self::UserArn { name, .. } => format!("did you mean {}?", Quote(name)),
            Self::Group { name, .. } => {
                format!("did you mean {}?", Quote(&format!("group:{name}")))
            }
            Self::Role { first, role } if is_account(first) => format!(
                "did you mean {}, the sessions of that role? `accounts` restricts a rule to accounts",
                Quote(&format!("{role}/*"))
            ),
            Self::Role { role, .. } => {
                format!("did you mean {}, the sessions of that role?", Quote(&format!("{role}/*")))
            }
            Self::IdentityCenter { session } => {
                let meant = session
                    .map(|session| format!("did you mean {}? ", Quote(session)))
                    .unwrap_or_default();
                format!(
                    "{meant}a user of IAM Identity Center has the name of the session, such as \
                     `alice@corp.com`, unless SENTINEL_SESSION_NAME_ROLES leaves the role out; a \
                     rule's `principals` match the role"
                )
            }
            Self::Several => entries(value, |_| true)
                .unwrap_or_else(|| "write each name as its own entry, without commas".to_owned()),
        }
    }
}

fn session_of(role: &str, session: &str) -> String {
    format!("which is the session {} of a role named {}", Quote(session), Quote(role))
}

/// Whether the text is an account id, also in the format of the AWS console:
/// `1111-2222-3333`.
fn is_account(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    digits == 12 && (text.len() == 12 || (text.len() == 14 && text.matches('-').count() == 2))
}

/// Whether a pattern has wildcards only.
fn is_any(pattern: &str) -> bool {
    pattern.bytes().all(|byte| matches!(byte, b'*' | b'?'))
}

fn suggestion_for_user(value: &str) -> Option<String> {
    let plain = bare(value)?;
    let is_user = |text: &str| user_fault(text).is_none();
    if let Some(user) = user_of_arn(&plain) {
        let meant = if is_user(&user) { format!("did you mean `{user}`? ") } else { String::new() };
        return Some(format!(
            "{meant}users are named without their ARN; a rule's `principals` match ARNs"
        ));
    }
    if let Some((kind, name)) = plain.split_once(':') {
        let name = name.trim();
        match kind.trim_end().to_ascii_lowercase().as_str() {
            "group" | "groups" if !name.is_empty() => {
                return Some(format!("did you mean {}?", Quote(&format!("group:{name}"))));
            }
            "user" | "users" if is_user(name) => return Some(format!("did you mean `{name}`?")),
            "role" | "roles" if is_user(name) && !name.contains('/') => {
                return Some(format!("did you mean `{name}/*`, the sessions of that role?"));
            }
            _ => {}
        }
    }
    let is_entry = |text: &str| is_user(text.strip_prefix("group:").unwrap_or(text));
    if plain.contains(',')
        && let Some(several) = entries(&plain, is_entry)
    {
        return Some(several);
    }
    // A path before the name of a role is not a part of the caller's name.
    let short = plain.rmatch_indices('/').nth(1).and_then(|(at, _)| plain.get(at + 1..));
    if let Some(short) = short.filter(|short| is_user(short)) {
        return Some(format!("did you mean `{short}`? a role's path is not part of the name"));
    }
    entries(&plain, is_entry).or_else(|| one(&plain, is_entry))
}

/// The text in ASCII and without the characters around it, if it is short.
fn bare(value: &str) -> Option<String> {
    let plain = (value.len() <= LONGEST).then(|| in_ascii(value))?;
    Some(plain.trim_matches(|c: char| c.is_whitespace() || AROUND.contains(&c)).to_owned())
}

/// The user in an ARN, or the sessions of its role. Empty if the ARN has neither.
fn user_of_arn(plain: &str) -> Option<String> {
    let mut parts = plain.splitn(6, ':');
    if !parts.next()?.eq_ignore_ascii_case("arn") {
        return None;
    }
    let resource = parts.nth(4).unwrap_or_default();
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    Some(match resource.split_once('/') {
        Some(("user", path)) => last(path),
        Some(("role", path)) => format!("{}/*", last(path)),
        // Identity Center sets the session name to the name of the user.
        Some(("assumed-role", session)) if session.starts_with("AWSReservedSSO_") => last(session),
        Some(("assumed-role", session)) if session.contains('/') => session.to_owned(),
        Some(("assumed-role", role)) => format!("{role}/*"),
        Some(_) | None => String::new(),
    })
}

/// The entries that were written as one text.
fn entries(plain: &str, is_entry: impl Fn(&str) -> bool) -> Option<String> {
    let separates = |c: char| c.is_whitespace() || matches!(c, ';' | '|' | ',');
    let found: Vec<&str> = plain
        .split(separates)
        .map(|part| part.trim_matches(AROUND))
        .filter(|part| !matches!(*part, "" | "-" | "and" | "or"))
        .collect();
    if !(2..=ENTRIES).contains(&found.len()) || !found.iter().all(|part| is_entry(part)) {
        return None;
    }
    let list: Vec<String> = found.iter().map(|part| Quote(part).to_string()).collect();
    let list = list.join(", ");
    Some(if plain.contains(" - ") {
        format!("did you mean the entries {list}? each `-` begins its line in the same column")
    } else {
        format!("did you mean the entries {list}?")
    })
}

/// The one entry that was written with superfluous characters.
fn one(plain: &str, is_entry: impl Fn(&str) -> bool) -> Option<String> {
    let joined: String = plain.split_whitespace().collect();
    is_entry(&joined).then(|| format!("did you mean {}?", Quote(&joined)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_that_was_meant() {
        for (written, expected) in [
            ("groups:oncall", "`group:oncall`"),
            ("Group: oncall", "`group:oncall`"),
            ("group\u{ff1a}oncall", "`group:oncall`"),
            ("user:alice", "`alice`"),
            ("role:ci", "`ci/*`"),
            ("alice, bob", "the entries `alice`, `bob`"),
            ("alice - bob", "the entries `alice`, `bob`"),
            ("alice group:oncall", "the entries `alice`, `group:oncall`"),
            (" alice\t", "`alice`"),
            ("\u{201c}alice\u{201d}", "`alice`"),
            ("\u{430}lice", "`alice`"),
            ("ci / build-7", "`ci/build-7`"),
            ("path/ci/build-7", "`ci/build-7`"),
            ("arn:aws:iam::111122223333:user/eng/alice", "`alice`"),
            ("arn:aws:iam::111122223333:role/path/ci", "`ci/*`"),
            ("arn:aws:sts::111122223333:assumed-role/ci/build-7", "`ci/build-7`"),
            ("arn:aws:sts::111122223333:assumed-role/ci", "`ci/*`"),
            (
                "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_A_0/bob@corp.com",
                "`bob@corp.com`",
            ),
        ] {
            let help = meant_user(written);
            assert!(
                help.starts_with(&format!("did you mean {expected}?"))
                    || help.starts_with(&format!("did you mean {expected},")),
                "{written}: {help}"
            );
        }
        assert!(meant_user("arn:aws:iam::111122223333:root").starts_with("users are named"));
        for nothing in ["日本", "a:b:c", "[a-z]+", &"alice ".repeat(1_000)] {
            assert!(meant_user(nothing).starts_with("users are"), "{nothing}");
        }
    }

    #[test]
    fn the_profile_that_was_meant() {
        assert_eq!(meant_profile("prod "), "did you mean `prod`?");
        assert_eq!(meant_profile("pr\u{43e}d"), "did you mean `prod`?");
        assert_eq!(meant_profile("prod, dev"), "did you mean the entries `prod`, `dev`?");
        assert!(meant_profile("prod/eu").starts_with("a profile's name has"));
    }
}
