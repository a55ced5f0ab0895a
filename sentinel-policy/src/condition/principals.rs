//! `principals`: patterns over the ARNs of principals.

use chrono::{DateTime, Utc};

use super::{AnyOf, Condition, Entry, Name, Saw, texts};
use crate::diagnostic::{Finding, Subject};
use crate::document::Node;
use crate::name::{matches_a_caller, meant_principal, session_of_any_role};
use crate::read::{Field, Reader};
use crate::{Pattern, Request};

pub(crate) struct Principals;

impl Condition for Principals {
    type Given = AnyOf<Pattern>;
    type Compiled = Pattern;

    const KEY: &'static str = "principals";

    fn read<'n>(reader: &mut Reader<'n>, field: Field<'n>) -> Option<Self::Given> {
        reader.each(field, principal)
    }

    fn matches(pattern: &Pattern, request: &Request<'_>, _: DateTime<Utc>) -> bool {
        request.principal.arn.is_some_and(|arn| pattern.matches(arn))
    }

    fn saw(_: &Self::Given, request: &Request<'_>, _: DateTime<Utc>) -> Saw {
        Saw::text("principal", request.principal.arn)
    }

    fn wanted(principals: &Self::Given, _: &str) -> Vec<String> {
        texts(principals, |principal| principal.as_str().to_owned())
    }
}

impl Name for Principals {
    fn of<'a>(request: &Request<'a>) -> Option<&'a str> {
        request.principal.arn
    }

    fn entries(principals: &Self::Given) -> Vec<Entry<'_, Pattern>> {
        principals.iter().map(|principal| Entry::new(&principal.value)).collect()
    }
}

/// A pattern that can match an ARN. It may have wildcards anywhere.
pub(super) fn principal<'n>(
    reader: &mut Reader<'n>,
    key: &'static str,
    node: &'n Node<'n>,
) -> Option<Pattern> {
    let what = Subject::EntryOf(key);
    let value = reader.text(what, node)?;
    if !some_arn_matches(value) {
        reader.findings.report(node.span, Finding::InvalidPrincipal { value });
        return None;
    }
    if !matches_a_caller(value) {
        let finding = Finding::UnmatchedPrincipal { what, value, meant: meant_principal };
        reader.findings.report(node.span, finding);
    } else if let Some(session) = session_of_any_role(value) {
        let finding = Finding::SessionOfAnyRole { what, value, session };
        reader.findings.report(node.span, finding);
    }
    Some(Pattern::new(value))
}

/// Whether a text of the form `arn:…:…:…:…:…`, which every ARN has, can match this
/// pattern.
fn some_arn_matches(pattern: &str) -> bool {
    let mut rest = pattern.chars();
    for expected in "arn:".chars() {
        match rest.next() {
            Some('*') => return true,
            Some(c) if c == expected || c == '?' => {}
            Some(_) | None => return false,
        }
    }
    let rest = rest.as_str();
    rest.contains('*') || rest.chars().filter(|c| matches!(c, ':' | '?')).count() >= 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_patterns_that_no_arn_can_match_are_refused() {
        for (pattern, expected) in [
            ("*", true),
            ("?rn:*", true),
            ("arn:*", true),
            ("a*", true),
            ("*:assumed-role/Admins/*", true),
            ("arn:aws:iam::111122223333:user/alice", true),
            ("arn:aws:iam::????????????:user/*", true),
            ("arn?aws?iam??111122223333?user", true),
            ("arn:aws:iam", false),
            ("arn", false),
            ("alice", false),
            ("alice*", false),
            ("AROA*", false),
            ("group:oncall", false),
            ("ARN:aws:iam::111122223333:user/alice", false),
        ] {
            assert_eq!(some_arn_matches(pattern), expected, "{pattern}");
        }
    }
}
