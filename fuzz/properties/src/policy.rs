//! Documents of any form.

use chrono::{DateTime, Utc};
use sentinel_policy::reference::Evaluator;
use sentinel_policy::{CheckedPolicy, Facts, GroupMembers, Limits, Mode, Principal, Request};

use crate::diagnostics;

/// Any bytes as a document: it is refused with diagnostics, or it is compiled, and both evaluators return
/// the same for requests of its words.
pub fn policy(bytes: &[u8]) {
    let limits = Limits::default();
    match CheckedPolicy::parse(bytes, &limits) {
        Err(errors) => diagnostics::check(&errors, bytes, &limits),
        Ok(checked) => {
            let findings = [
                checked.warnings(),
                checked.warnings_in_server(),
                checked.usable_in_server().err(),
                checked.usable_for_one_profile().err(),
            ];
            for findings in findings.into_iter().flatten() {
                diagnostics::check(&findings, bytes, &limits);
            }
            agree(&checked, bytes);
        }
    }
    if let Err(errors) = GroupMembers::parse(bytes, &limits) {
        diagnostics::check(&errors, bytes, &limits);
    }
}

fn agree(checked: &CheckedPolicy, source: &[u8]) {
    let policy = checked.clone().compile();
    let reference = Evaluator::new(checked);
    let text = String::from_utf8_lossy(source);
    let is_part = |c: char| c.is_alphanumeric() || "-_.@/:".contains(c);
    let words: Vec<&str> = text.split(|c| !is_part(c)).filter(|word| !word.is_empty()).collect();
    let word = |index: usize| words.get(index % words.len().max(1)).copied().unwrap_or("alice");
    // A Friday evening in Europe.
    let now: DateTime<Utc> = DateTime::from_timestamp(1_790_359_200, 0).unwrap();
    for step in 0..6 {
        let user = word(step * 7 + source.len());
        let principal = Principal::new(user).with_account(word(step * 5)).with_arn(word(step * 3));
        let request = Request::new(principal, word(step * 11 + 1))
            .with_mode(Mode::ALL.get(step % 4).copied())
            .with_session_table((step % 2 == 0).then_some("sentinel-sessions"));
        let facts = Facts::default();
        let decision = policy.decide(&request, &facts, now);
        assert_eq!(decision, reference.decide(&request, &facts, now), "{request:?}");
        let explanation = policy.explain(&request, &facts, now);
        assert_eq!(explanation, reference.explain(&request, &facts, now), "{request:?}");
        let until = policy.valid_until(&request, &facts, now);
        assert_eq!(until, reference.valid_until(&request, &facts, now), "{request:?}");
    }
}
