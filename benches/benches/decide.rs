//! Cost of a decision with ten, a thousand and ten thousand rules, in comparison with a floor
//! (hashing and looking up user and profile) and with the plain evaluator, which reads the rules
//! one by one.

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use foldhash::fast::FixedState;
use sentinel_benches::{SIZES, checked, facts, now, questions};
use sentinel_policy::reference::Evaluator;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    floor(&mut criterion);
    decide(&mut criterion);
    criterion.final_summary();
}

/// Two lookups of the names in a request. No index by name can be faster.
fn floor(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("floor");
    for rules in SIZES {
        let table = |kind: &str| -> HashMap<String, usize, FixedState> {
            (0..=rules).map(|i| (format!("{kind}-{i}"), i)).collect()
        };
        let (users, profiles) = (table("user"), table("profile"));
        for question in questions(rules) {
            group.bench_function(BenchmarkId::new(question.name, rules), |bencher| {
                bencher.iter(|| {
                    let question = black_box(&question);
                    (users.get(&question.user), profiles.get(&question.profile))
                });
            });
        }
    }
    group.finish();
}

/// The compiled policy, the duration for which its answer is valid, and the plain evaluator.
fn decide(criterion: &mut Criterion) {
    let (facts, now) = (facts(), now());
    for rules in SIZES {
        let checked = checked(rules);
        let policy = checked.clone().compile();
        for question in questions(rules) {
            let request = question.request();
            let id = || BenchmarkId::new(question.name, rules);
            let mut group = criterion.benchmark_group("decide");
            group.bench_function(id(), |bencher| {
                bencher.iter(|| policy.decide(black_box(&request), &facts, now));
            });
            group.finish();
            let mut group = criterion.benchmark_group("valid_until");
            group.bench_function(id(), |bencher| {
                bencher.iter(|| policy.valid_until(black_box(&request), &facts, now));
            });
            group.finish();
            let mut group = criterion.benchmark_group("plain");
            group.bench_function(id(), |bencher| {
                let plain = Evaluator::new(&checked);
                bencher.iter(|| plain.decide(black_box(&request), &facts, now));
            });
            group.finish();
        }
        let mut group = criterion.benchmark_group("compile");
        group.sample_size(10);
        group.bench_function(BenchmarkId::from_parameter(rules), |bencher| {
            bencher.iter_batched(
                || checked.clone(),
                |checked| checked.compile(),
                criterion::BatchSize::LargeInput,
            );
        });
        group.finish();
    }
}
