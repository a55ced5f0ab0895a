//! The compiled evaluator and the plain one return the same results.
//! `examples/differential.rs` compares them on more policies and requests.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use sentinel_policy::reference::Evaluator;

use crate::compared::compare;
use crate::generated::{Question, check};
use crate::strategies::{crowded_policy, policy, question};

fn agree(text: &str, questions: &[Question]) -> Result<(), TestCaseError> {
    let checked = check(text);
    let policy = checked.clone().compile();
    let reference = Evaluator::new(&checked);
    for question in questions {
        compare(&policy, &reference, question).map_err(TestCaseError::fail)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// For any policy and any request, at any time, the decision, the time until which
    /// it is valid, and the explanation agree.
    #[test]
    fn invariant_8_the_compiled_and_the_reference_evaluator_agree(
        text in policy(1..=11, 0..=1),
        questions in vec(question(), 8),
    ) {
        agree(&text, &questions)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// They also agree if the rules fill many blocks of the index, with gaps.
    #[test]
    fn invariant_8_they_agree_on_policies_of_many_rules(
        text in policy(10..=11, 0..=159),
        questions in vec(question(), 8),
    ) {
        agree(&text, &questions)?;
    }

    /// They also agree if many rules share a condition that does not hold, so that the
    /// compiled evaluator excludes them together.
    #[test]
    fn invariant_8_they_agree_on_rules_that_share_conditions(
        text in crowded_policy(),
        questions in vec(question(), 8),
    ) {
        agree(&text, &questions)?;
    }
}

/// Otherwise the last property would hold whichever rules are excluded.
#[test]
fn rules_that_follow_many_with_a_shared_condition_match_some_requests() {
    let mut runner = TestRunner::deterministic();
    let mut last = 0;
    for _ in 0..40 {
        let text = crowded_policy().new_tree(&mut runner).unwrap().current();
        let policy = check(&text).compile();
        for _ in 0..10 {
            let question = question().new_tree(&mut runner).unwrap().current();
            let decision = policy.decide(&question.request(), &question.facts, question.now);
            last += usize::from(decision.rule.is_some_and(|rule| rule.index >= 66));
        }
    }
    assert!(last >= 40, "{last} of 400");
}
