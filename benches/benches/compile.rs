//! Cost of a document until it can decide: reading, checking and compiling, without anything that an
//! earlier document left behind.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use sentinel_benches::documents;
use sentinel_policy::{CheckedPolicy, Limits, Policy};

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
        .configure_from_args();
    for (name, bytes) in [("4 KB", 4_096), ("64 KB", 65_536), ("1 MiB", 1_048_576)] {
        let text = documents::ordinary(bytes);
        let mut group = criterion.benchmark_group("compile");
        group.throughput(Throughput::Bytes(u64::try_from(text.len()).unwrap_or(u64::MAX)));
        assert!(text.parse::<Policy>().is_ok(), "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(&text).parse::<Policy>());
        });
        group.finish();
    }
    let mut group = criterion.benchmark_group("hostile");
    group.sample_size(10);
    for document in documents::hostile() {
        group.bench_function(document.name, |bencher| {
            bencher.iter(|| {
                let bytes = black_box(document.text.as_bytes());
                CheckedPolicy::parse(bytes, &Limits::default()).map(CheckedPolicy::compile)
            });
        });
    }
    group.finish();
    criterion.final_summary();
}
