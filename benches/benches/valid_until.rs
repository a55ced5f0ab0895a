//! Cost of the time until which a decision is valid, next to the plain evaluator, which decides again
//! at every instant at which a window opens or closes.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use sentinel_benches::workload::Workload;
use sentinel_benches::{checked, facts, now};
use sentinel_policy::reference::Evaluator;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(50)
        .configure_from_args();
    let (facts, now) = (facts(), now());
    let mut names = Workload::names(10_000);
    names.name = "no window, 10,000 rules";
    for workload in
        [names, Workload::three_windows_of_hundred(), Workload::hundred_windows_without_change()]
    {
        let Some(question) = workload.questions.first() else { continue };
        let checked = checked(&workload.text);
        let policy = checked.clone().compile();
        let plain = Evaluator::new(&checked);
        let request = question.request();
        let until = policy.valid_until(&request, &facts, now);
        assert_eq!(until, plain.valid_until(&request, &facts, now), "{}", workload.name);
        assert_eq!(until.is_some(), workload.name.starts_with('3'), "{}", workload.name);
        let mut group = criterion.benchmark_group("valid_until");
        group.bench_function(workload.name, |bencher| {
            bencher.iter(|| policy.valid_until(black_box(&request), &facts, now));
        });
        group.finish();
        let mut group = criterion.benchmark_group("valid_until, reference");
        group.sample_size(10);
        group.bench_function(workload.name, |bencher| {
            bencher.iter(|| plain.valid_until(black_box(&request), &facts, now));
        });
        group.finish();
    }
    criterion.final_summary();
}
