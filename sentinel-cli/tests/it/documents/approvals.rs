//! `docs/approvals.md`: its policies are valid, and its tables list every state.

use sentinel_policy::{CheckedPolicy, Limits};
use sentinel_wire::{GrantState, RequestState};

use super::{blocks, quoted, table, text};

const DOCUMENT: &str = "docs/approvals.md";

#[test]
fn every_policy_in_approvals_is_valid() {
    let blocks = blocks(&text(DOCUMENT));
    let mut policies = 0;
    for block in blocks.iter().filter(|block| block.language() == "yaml") {
        let checked = CheckedPolicy::parse(block.text.as_bytes(), &Limits::default());
        if let Err(found) = checked {
            panic!("{DOCUMENT}:{}: {found}", block.line);
        }
        policies += 1;
    }
    assert!(policies > 2);
}

#[test]
fn every_state_of_requests_and_grants_is_in_approvals() {
    let document = text(DOCUMENT);
    let listed = |heading: &str| -> Vec<String> {
        table(&document, heading).iter().flat_map(|row| quoted(&row[0])).collect()
    };
    assert_eq!(listed("## Requests"), RequestState::ALL.map(RequestState::as_str));
    assert_eq!(listed("## Break-glass grants"), GrantState::ALL.map(GrantState::as_str));
}
