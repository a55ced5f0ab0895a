//! The comparison of the compiled evaluator with the plain one. Property tests,
//! `examples/differential.rs` and a fuzz target use it.

use std::fmt::Debug;

use chrono::{DateTime, Utc};
use sentinel_policy::reference::Evaluator;
use sentinel_policy::{Decision, Explanation, Policy};

use crate::generated::Question;

/// The decision, `valid_until` and the explanation.
pub(crate) type Agreed<'p> = (Decision<'p>, Option<DateTime<Utc>>, Explanation<'p>);

/// Evaluates a question with both. Returns the results, or the first that differs.
pub(crate) fn compare<'p>(
    policy: &'p Policy,
    reference: &Evaluator<'_>,
    question: &Question,
) -> Result<Agreed<'p>, String> {
    let (request, facts, now) = (question.request(), &question.facts, question.now);
    let decision = policy.decide(&request, facts, now);
    same("decision", &decision, &reference.decide(&request, facts, now))?;
    let valid_until = policy.valid_until(&request, facts, now);
    same("valid_until", &valid_until, &reference.valid_until(&request, facts, now))?;
    let explanation = policy.explain(&request, facts, now);
    same("explanation", &explanation, &reference.explain(&request, facts, now))?;
    Ok((decision, valid_until, explanation))
}

fn same<T: Debug + PartialEq>(name: &str, compiled: &T, plain: &T) -> Result<(), String> {
    if compiled == plain {
        return Ok(());
    }
    Err(format!("{name}: compiled {compiled:?}\n{name}: reference {plain:?}"))
}
