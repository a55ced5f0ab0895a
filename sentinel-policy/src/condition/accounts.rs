//! `accounts`: ids of AWS accounts, compared whole.

use std::convert::Infallible;

use chrono::{DateTime, Utc};

use super::{AnyOf, Condition, Entry, Name, Saw, texts};
use crate::Request;
use crate::diagnostic::{Finding, Subject};
use crate::document::Node;
use crate::read::{Field, Reader};

pub(crate) struct Accounts;

impl Condition for Accounts {
    type Given = AnyOf<String>;
    /// Account ids have no patterns.
    type Compiled = Infallible;

    const KEY: &'static str = "accounts";

    fn read<'n>(reader: &mut Reader<'n>, field: Field<'n>) -> Option<Self::Given> {
        reader.each(field, account)
    }

    fn matches(pattern: &Infallible, _: &Request<'_>, _: DateTime<Utc>) -> bool {
        match *pattern {}
    }

    fn saw(_: &Self::Given, request: &Request<'_>, _: DateTime<Utc>) -> Saw {
        Saw::text("account", request.principal.account)
    }

    fn wanted(accounts: &Self::Given, _: &str) -> Vec<String> {
        texts(accounts, String::clone)
    }
}

impl Name for Accounts {
    fn of<'a>(request: &Request<'a>) -> Option<&'a str> {
        request.principal.account
    }

    fn entries(accounts: &Self::Given) -> Vec<Entry<'_, Infallible>> {
        accounts.iter().map(|account| Entry::Written(&account.value)).collect()
    }
}

fn account<'n>(reader: &mut Reader<'n>, key: &'static str, node: &'n Node<'n>) -> Option<String> {
    let value = reader.exact_text(Subject::EntryOf(key), node)?;
    if is_account_id(value) {
        return Some(value.to_owned());
    }
    reader.findings.report(node.span, Finding::InvalidAccount { value });
    None
}

/// Whether a text is the id of an AWS account.
pub(crate) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}
