//! The compiled evaluator against the plain one.

use sentinel_policy::reference::Evaluator;

use crate::compared::compare;
use crate::{generated, made};

/// Number of requests to a policy.
const REQUESTS: usize = 2;

/// Both evaluators return the same decision, the same `valid_until` and the same explanation. Policies
/// and requests are those of the property tests, whose choices the bytes are.
pub fn evaluate(bytes: &[u8]) {
    made(bytes, |u| {
        let text = if u.ratio(1, 16)? {
            generated::crowded_policy(u)?
        } else {
            generated::policy(u, 1..=6, 0..=1)?
        };
        let checked = generated::check(&text);
        let policy = checked.clone().compile();
        let reference = Evaluator::new(&checked);
        for _ in 0..REQUESTS {
            let question = generated::question(u)?;
            if let Err(difference) = compare(&policy, &reference, &question) {
                panic!("{text}\n{question:#?}\n{difference}");
            }
        }
        Ok(())
    });
}
