//! `organizations`: ids of AWS organizations, compared whole. Any text is valid. A
//! text that is not the id of an organization is reported as a warning.

use std::convert::Infallible;

use chrono::{DateTime, Utc};

use super::{AnyOf, Condition, Entry, Name, Saw, texts};
use crate::Request;
use crate::diagnostic::{Finding, Subject};
use crate::document::Node;
use crate::read::{Field, Reader};

pub(crate) struct Organizations;

impl Condition for Organizations {
    type Given = AnyOf<String>;
    /// Organization ids have no patterns.
    type Compiled = Infallible;

    const KEY: &'static str = "organizations";

    fn read<'n>(reader: &mut Reader<'n>, field: Field<'n>) -> Option<Self::Given> {
        reader.each(field, organization)
    }

    fn matches(pattern: &Infallible, _: &Request<'_>, _: DateTime<Utc>) -> bool {
        match *pattern {}
    }

    fn saw(_: &Self::Given, request: &Request<'_>, _: DateTime<Utc>) -> Saw {
        Saw::text("organization", request.principal.organization)
    }

    fn wanted(organizations: &Self::Given, _: &str) -> Vec<String> {
        texts(organizations, String::clone)
    }
}

impl Name for Organizations {
    fn of<'a>(request: &Request<'a>) -> Option<&'a str> {
        request.principal.organization
    }

    fn entries(organizations: &Self::Given) -> Vec<Entry<'_, Infallible>> {
        organizations.iter().map(|organization| Entry::Written(&organization.value)).collect()
    }
}

fn organization<'n>(
    reader: &mut Reader<'n>,
    key: &'static str,
    node: &'n Node<'n>,
) -> Option<String> {
    let what = Subject::EntryOf(key);
    let value = reader.text(what, node)?;
    let possible = value
        .strip_prefix("o-")
        .is_some_and(|id| id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    if !possible {
        reader.findings.report(node.span, Finding::UnmatchedOrganization { what, value });
    }
    Some(value.to_owned())
}
