//! Whether a pattern over ARNs can match the ARN of a caller: an IAM user, or a
//! session of an assumed role, as the TVM accepts them. The lengths of names are
//! not checked, which can only make more patterns possible. IAM allows `:` in the
//! path of a user. This module assumes that no path contains one:
//! `arn:aws:iam::*:role/*` would match the user `/x:role/alice`, but is a mistake.

use std::sync::LazyLock;

use crate::diagnostic::in_ascii;

/// A longer text is not treated as a misspelled ARN.
const LONGEST: usize = 512;

/// A set of characters.
#[derive(Clone, Copy)]
enum Class {
    One(char),
    Partition,
    Digit,
    Name,
    Path,
}

impl Class {
    fn contains(self, c: char) -> bool {
        match self {
            Self::One(one) => c == one,
            Self::Partition => c.is_ascii_lowercase() || c == '-',
            Self::Digit => c.is_ascii_digit(),
            Self::Name => c.is_ascii_alphanumeric() || "_+=,.@-".contains(c),
            Self::Path => c.is_ascii_graphic() && c != ':',
        }
    }
}

/// A part of an ARN: one character of a class, or any number of them.
#[derive(Clone, Copy)]
enum Part {
    One(Class),
    Any(Class),
}

/// One form of ARN, of at most 127 parts, as an automaton over sets of parts: one
/// bit for each part with which the rest of a text can begin. The bit after the
/// last one is for the end of the text.
struct Form {
    /// The parts that contain each ASCII character.
    having: [u128; 128],
    /// The parts that can be omitted and repeated. No two are adjacent.
    any: u128,
    end: u128,
}

impl Form {
    /// Creates the form for a service and a kind of resource.
    fn new(service: &str, kind: &str, rest: &[Part]) -> Self {
        let literal =
            |text: &str| text.chars().map(|c| Part::One(Class::One(c))).collect::<Vec<_>>();
        let mut parts = literal("arn:aws");
        parts.push(Part::Any(Class::Partition));
        parts.extend(literal(&format!(":{service}::")));
        parts.extend([Part::One(Class::Digit); 12]);
        parts.extend(literal(&format!(":{kind}/")));
        parts.extend(rest);
        let mut form = Self { having: [0; 128], any: 0, end: 1 << parts.len() };
        for (at, part) in parts.into_iter().enumerate() {
            let class = match part {
                Part::One(class) => class,
                Part::Any(class) => {
                    form.any |= 1 << at;
                    class
                }
            };
            for (c, having) in (0_u8..).zip(&mut form.having) {
                if class.contains(char::from(c)) {
                    *having |= 1 << at;
                }
            }
        }
        form
    }

    /// Whether a text of this form matches the pattern.
    fn can_match(&self, pattern: &str) -> bool {
        let mut state = 1;
        for c in pattern.chars() {
            state = match c {
                // Every part can be followed by any part after it.
                '*' => (self.end | (self.end - 1)) & !lowest(state).wrapping_sub(1),
                '?' => self.step(state, self.end - 1),
                c => {
                    let having = usize::try_from(u32::from(c)).ok();
                    let having = having.and_then(|c| self.having.get(c)).copied();
                    self.step(state, having.unwrap_or_default())
                }
            };
            if state == 0 {
                return false;
            }
        }
        state & self.end != 0
    }

    /// The state after a character that those parts contain.
    const fn step(&self, state: u128, having: u128) -> u128 {
        let taken = state & having;
        let next = ((taken & !self.any) << 1) | (taken & self.any);
        next | ((next & self.any) << 1)
    }
}

/// The lowest bit that is set.
const fn lowest(state: u128) -> u128 {
    state & state.wrapping_neg()
}

/// The forms that callers' ARNs have. They are the same for every document.
static CALLER_ARNS: LazyLock<CallerArns> = LazyLock::new(CallerArns::new);

/// Whether some caller's ARN matches the pattern.
pub(crate) fn matches_a_caller(pattern: &str) -> bool {
    CALLER_ARNS.can_match(pattern)
}

struct CallerArns([Form; 3]);

impl CallerArns {
    fn new() -> Self {
        let name = [Part::One(Class::Name), Part::Any(Class::Name)];
        let slash = [Part::One(Class::One('/'))];
        let path = [Part::Any(Class::Path)];
        Self([
            Form::new("iam", "user", &name),
            Form::new("iam", "user", &[&path[..], &slash, &name].concat()),
            Form::new("sts", "assumed-role", &[&name[..], &slash, &name].concat()),
        ])
    }

    fn can_match(&self, pattern: &str) -> bool {
        self.0.iter().any(|form| form.can_match(pattern))
    }

    fn can_match_a_session(&self, pattern: &str) -> bool {
        let [.., session] = &self.0;
        session.can_match(pattern)
    }
}

/// The end of a pattern that names a session and leaves the beginning of its role open, as
/// `*:assumed-role/*/alice` does. A caller with any role can choose that name.
pub(crate) fn session_of_any_role(pattern: &str) -> Option<&str> {
    let is_wild = |c: char| matches!(c, '*' | '?');
    let session = match pattern.rsplit_once('/') {
        Some((before, session)) => {
            let role = before.rsplit(['/', ':']).next()?;
            role.starts_with(is_wild).then_some(session)
        }
        None => pattern.rsplit_once('*').map(|(_, session)| session),
    }?;
    let names = !session.trim_matches(is_wild).is_empty();
    (names && CALLER_ARNS.can_match_a_session(pattern)).then_some(session)
}

/// The pattern that was probably meant by one that no caller's ARN matches.
pub(crate) fn meant_principal(value: &str) -> Option<String> {
    let plain = (value.len() <= LONGEST).then(|| in_ascii(value))?;
    let mut parts = plain.trim().splitn(6, ':');
    let (_arn, partition, _service) = (parts.next()?, parts.next()?, parts.next()?);
    let (_region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let partition = partition.to_ascii_lowercase();
    let partition =
        if partition.starts_with("aws") || partition == "*" { &*partition } else { "aws" };
    let account: String = account.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let (service, resource) = match resource.split_once('/')? {
        ("user", path) => ("iam", format!("user/{path}")),
        ("role", path) => ("sts", format!("assumed-role/{}/*", last(path))),
        ("assumed-role", session) => {
            let session = session.trim_end_matches('/');
            match session.rsplit_once('/') {
                None => ("sts", format!("assumed-role/{session}/*")),
                Some((role, session)) => ("sts", format!("assumed-role/{}/{session}", last(role))),
            }
        }
        (_, _) => return None,
    };
    let meant = format!("arn:{partition}:{service}::{account}:{resource}");
    matches_a_caller(&meant).then_some(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_by_a_pattern_that_leaves_the_role_open() {
        for (pattern, expected) in [
            ("arn:aws:sts::111122223333:assumed-role/*/bob", Some("bob")),
            ("arn:aws:sts::*:assumed-role/?*/bob-*", Some("bob-*")),
            ("*:assumed-role/*-admins/bob", Some("bob")),
            ("*/bob", Some("bob")),
            ("*bob", Some("bob")),
            ("arn:aws:sts::111122223333:assumed-role/ci/build-7", None),
            ("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_*/bob", None),
            ("arn:aws:sts::111122223333:assumed-role/*/*", None),
            ("arn:aws:sts::111122223333:assumed-role/*", None),
            ("arn:aws:iam::111122223333:user/*/bob", None),
            ("*:user/bob", None),
            ("*1112222*", None),
            ("*", None),
        ] {
            assert_eq!(session_of_any_role(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn patterns_that_match_the_arn_of_a_caller() {
        for (pattern, expected) in [
            ("*", true),
            ("?rn:aws:*", true),
            ("*:assumed-role/Admins/*", true),
            ("arn:aws*:iam::*:user/*", true),
            ("arn:aws-us-gov:iam::????????????:user/eng/core/alice", true),
            ("arn:aws:sts::111122223333:assumed-role/ci/*", true),
            ("arn:aws:sts::111122223333:assumed-role/ci*", true),
            ("*alice", true),
            ("*1112222*", true),
            ("arn:aws:iam::1111222233*:user/?", true),
            ("arn:aws:iam::11112:user/alice", false),
            ("arn:aws:iam::1111222233334*:user/alice", false),
            ("arn:aws:sts::111122223333:assumed-role/ci", false),
            ("arn:aws:sts::111122223333:assumed-role/ci/a/b", false),
            ("arn:aws:iam::111122223333:role/ci", false),
            ("arn:aws:iam::*:role/*", false),
            ("arn:aws:iam::111122223333:root", false),
            ("arn:aws:iam:us-east-1:111122223333:user/alice", false),
            ("arn:AWS:iam::111122223333:user/alice", false),
            ("arn:aws:iam::111122223333:user/\u{430}lice", false),
            ("arn:aws:iam::111122223333:user/alice ", false),
            ("arn:aws:iam::111122223333:user/a:b", false),
            ("*é*", false),
        ] {
            assert_eq!(matches_a_caller(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn the_principal_that_was_meant() {
        let sessions = "arn:aws:sts::111122223333:assumed-role/ci/*";
        for (written, expected) in [
            ("arn:aws:iam::111122223333:role/path/ci", Some(sessions)),
            ("arn:aws:sts::111122223333:assumed-role/ci", Some(sessions)),
            ("arn:aws:sts::111122223333:assumed-role/path/ci/*", Some(sessions)),
            ("arn:AWS:iam:eu-west-1:1111-2222-3333:assumed-role/ci/", Some(sessions)),
            (
                "arn:aws:iam::111122223333:user/\u{430}lice ",
                Some("arn:aws:iam::111122223333:user/alice"),
            ),
            ("arn:aws:iam::11112:user/alice", None),
            ("arn:aws:iam::111122223333:root", None),
            ("arn:aws", None),
        ] {
            assert_eq!(meant_principal(written).as_deref(), expected, "{written}");
        }
    }
}
