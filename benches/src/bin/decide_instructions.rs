//! Decides every question `rounds` times over a policy of `rules` rules, and nothing else, under an
//! instruction counter. The difference between two numbers of rounds is the cost of the decisions
//! alone.

use std::hint::black_box;
use std::process::ExitCode;

use sentinel_benches::{facts, now, policy, questions};

fn main() -> ExitCode {
    let numbers: Vec<usize> =
        std::env::args().skip(1).map_while(|argument| argument.parse().ok()).collect();
    let [rules, rounds] = numbers.as_slice() else {
        return ExitCode::from(2);
    };
    let (policy, questions, facts, now) = (policy(*rules), questions(*rules), facts(), now());
    let requests: Vec<_> = questions.iter().map(|question| question.request()).collect();
    for _ in 0..*rounds {
        for request in &requests {
            black_box(policy.decide(black_box(request), &facts, now));
        }
    }
    ExitCode::SUCCESS
}
