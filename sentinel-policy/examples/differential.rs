//! Compares the compiled evaluator with the plain one on random pairs of a policy and a
//! request: the decision, `valid_until` and the explanation.
//!
//! ```text
//! make differential                        one million pairs, with a new seed
//! make differential PAIRS=1000 SEED=7      fewer pairs, with that seed
//! ```
//!
//! The output counts what the pairs reached, so that a reader sees that they are not all
//! denied for the same reason. A difference ends the run with exit status 1, and with the
//! command that repeats it.
#![expect(clippy::disallowed_methods, reason = "the crate does no I/O; its examples do")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's output")]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the generator of the tests, of which every policy must be valid"
)]

#[path = "../tests/it/compared.rs"]
mod compared;
#[path = "../tests/it/generated.rs"]
mod generated;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use arbitrary::Unstructured;
use sentinel_policy::reference::Evaluator;
use sentinel_policy::{Facts, StepOutcome, Verdict};

use crate::compared::{Agreed, compare};
use crate::generated::{Question, check, crowded_policy, policy, question};

/// Number of requests to each policy, most of whose cost is generating and compiling it.
const REQUESTS: u64 = 8;
/// Of that many policies, one has many rules, so that its index has several blocks, and one has many rules
/// that share conditions.
const LARGE: u64 = 100;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}\nusage: differential [--pairs N] [--seed N] [--policy N]");
            return ExitCode::from(2);
        }
    };
    let begin = Instant::now();
    println!("seed {}", options.seed);
    match run(&options) {
        Ok(tally) => {
            let seconds = begin.elapsed().as_secs_f64();
            print!("{tally}");
            println!(
                "{} pairs agree, {:.0} a second on {} threads in {seconds:.1} s",
                tally.pairs,
                tally.pairs as f64 / seconds,
                options.threads
            );
            ExitCode::SUCCESS
        }
        Err(difference) => {
            eprintln!("{difference}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug)]
struct Options {
    seed: u64,
    /// The numbers of the policies. Each has its bytes from the seed and its number.
    policies: std::ops::Range<u64>,
    threads: usize,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut pairs, mut seed, mut policy) = (1_000_000, None, None);
        while let Some(name) = arguments.next() {
            let value = arguments.next().and_then(|value| value.parse().ok());
            let value: u64 = value.ok_or_else(|| format!("`{name}` takes a number"))?;
            match &*name {
                "--pairs" => pairs = value,
                "--seed" => seed = Some(value),
                "--policy" => policy = Some(value),
                _ => return Err(format!("unknown option `{name}`")),
            }
        }
        let seed = seed.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            now.map_or(0, |now| u64::from(now.subsec_nanos()))
        });
        let policies = match policy {
            Some(number) => number..number + 1,
            None => 0..pairs.div_ceil(REQUESTS),
        };
        let threads = std::thread::available_parallelism().map_or(1, Into::into);
        Ok(Self { seed, policies, threads })
    }
}

/// Compares all pairs. Returns what they reached, or the first difference that a thread found.
fn run(options: &Options) -> Result<Tally, String> {
    let next = AtomicU64::new(options.policies.start);
    let is_over = AtomicBool::new(false);
    let work = || {
        let mut tally = Tally::default();
        while !is_over.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= options.policies.end {
                break;
            }
            if let Err(difference) = one_policy(options.seed, number, &mut tally) {
                is_over.store(true, Ordering::Relaxed);
                return Err(difference);
            }
        }
        Ok(tally)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads).map(|_| scope.spawn(work)).collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results.sum::<Result<Tally, String>>()
    })
}

/// Compares the requests to one policy.
fn one_policy(seed: u64, number: u64, tally: &mut Tally) -> Result<(), String> {
    let bytes = random(seed, number);
    let mut u = Unstructured::new(&bytes);
    let text = match number % LARGE {
        0 => policy(&mut u, 1..=11, 0..=159).unwrap(),
        1 => crowded_policy(&mut u).unwrap(),
        _ => policy(&mut u, 1..=11, 0..=1).unwrap(),
    };
    let describe = |problem: &str| {
        format!("{text}\n{problem}\nrepeat with: make differential SEED={seed} POLICY={number}")
    };
    let all = catch_unwind(AssertUnwindSafe(|| {
        let checked = check(&text);
        let policy = checked.clone().compile();
        let reference = Evaluator::new(&checked);
        for _ in 0..REQUESTS {
            let question = question(&mut u).unwrap();
            let agreed = compare(&policy, &reference, &question)
                .map_err(|difference| describe(&format!("{question:#?}\n{difference}")))?;
            tally.count(&agreed, &question);
        }
        Ok(())
    }));
    all.unwrap_or_else(|_| Err(describe("a panic, described above")))
}

/// Enough bytes for a policy of eleven rules and its requests, by SplitMix64.
fn random(seed: u64, number: u64) -> Vec<u8> {
    let mix = |state: u64| {
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let start = mix(seed ^ mix(number));
    let states = (1..=384_u64).map(|i| start.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    states.flat_map(|state| mix(state).to_le_bytes()).collect()
}

/// What the pairs reached.
#[derive(Debug, Default)]
struct Tally {
    pairs: u64,
    counts: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn count(&mut self, agreed: &Agreed<'_>, question: &Question) {
        let (decision, valid_until, explanation) = agreed;
        self.pairs += 1;
        self.add(match decision.verdict {
            Verdict::Allow => "verdict allow",
            Verdict::Deny => "verdict deny",
            Verdict::RequireApproval => "verdict require_approval",
        });
        self.add(if decision.rule.is_some() { "a rule matched" } else { "no rule matched" });
        self.add_if(valid_until.is_some(), "valid_until within eight days");
        self.add_if(decision.max_duration.is_some(), "a limit of the duration");
        for missing in decision.requires.iter() {
            self.add(match missing {
                "approval" => "missing approval",
                "server_mode" => "missing server mode",
                _ => "missing session",
            });
        }
        let Facts { approval, grant, .. } = question.facts;
        self.add_if(approval.is_some() || grant.is_some(), "an approval or a grant");
        let mut seen = Vec::new();
        for step in &explanation.steps {
            let outcome = match &step.outcome {
                StepOutcome::Matched => continue,
                StepOutcome::Excluded => "a rule was excluded by unless",
                StepOutcome::Unmet(unmet) => unmet.condition.as_str(),
            };
            if !seen.contains(&outcome) {
                seen.push(outcome);
                self.add(outcome);
            }
        }
    }

    fn add(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn add_if(&mut self, condition: bool, what: &'static str) {
        if condition {
            self.add(what);
        }
    }
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |mut sum, tally| {
            sum.pairs += tally.pairs;
            for (what, count) in tally.counts {
                *sum.counts.entry(what).or_default() += count;
            }
            sum
        })
    }
}

/// The share of the pairs for each, in which a condition by name is one that did not hold.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in &self.counts {
            let is_condition = !what.contains(' ') && *what != "valid_until";
            let text = if is_condition { format!("unmet {what}") } else { (*what).to_owned() };
            let share = 100.0 * *count as f64 / self.pairs as f64;
            writeln!(f, "{text:<34}{count:>10}{share:>7.1} %")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The evaluators agree, and the pairs are not vacuous: each kind of result is at least one in two
    /// hundred.
    #[test]
    fn random_pairs_agree_and_reach_every_kind_of_result() {
        let options = Options { seed: 14, policies: 0..250, threads: 2 };
        let tally = run(&options).unwrap_or_else(|difference| panic!("{difference}"));
        assert_eq!(tally.pairs, 2_000);
        let conditions = sentinel_policy::ConditionKind::ALL.map(|kind| kind.as_str());
        let kinds = [
            "verdict allow",
            "verdict deny",
            "verdict require_approval",
            "a rule matched",
            "no rule matched",
            "valid_until within eight days",
            "a limit of the duration",
            "missing approval",
            "missing server mode",
            "missing session",
            "a rule was excluded by unless",
        ];
        for kind in conditions.iter().chain(&kinds) {
            let count = tally.counts.get(kind).copied().unwrap_or(0);
            assert!(count >= tally.pairs / 200, "{kind}: {count} of {tally}");
        }
    }
}
