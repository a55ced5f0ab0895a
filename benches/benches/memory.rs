//! Allocations of a decision, and memory of a policy, counted by a global allocator. It fails if a
//! decision allocates.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::hint::black_box;
use std::process::ExitCode;

use allocation_counter::{AllocationInfo, measure};
use sentinel_benches::workload::Workload;
use sentinel_benches::{SIZES, checked, documents, facts, now};

fn main() -> ExitCode {
    let allocations = SIZES.into_iter().map(allocations).sum::<u64>();
    println!("allocations of a decision, all workloads: {allocations}");
    println!();
    println!("{:<24}{:>14}{:>20}{:>20}", "document", "text", "compiled", "peak");
    for (name, bytes) in [("4 KB", 4_096), ("64 KB", 65_536), ("1 MiB", 1_048_576)] {
        memory(name, &documents::ordinary(bytes));
    }
    for workload in Workload::ordinary(10_000) {
        memory(&format!("10,000 rules, {}", workload.name), &workload.text);
    }
    ExitCode::from(u8::from(allocations > 0))
}

/// The allocations of one decision of each question over policies with that number of rules.
fn allocations(rules: usize) -> u64 {
    let (facts, now) = (facts(), now());
    let workloads = Workload::ordinary(rules).into_iter().chain(Workload::adversarial(rules));
    workloads
        .map(|workload| {
            let policy = workload.policy();
            let requests: Vec<_> =
                workload.questions.iter().map(|question| question.request()).collect();
            let counted = measure(|| {
                for request in &requests {
                    black_box(policy.decide(black_box(request), &facts, now));
                }
            });
            if counted.count_total > 0 {
                println!("{}, {rules} rules: {} allocations", workload.name, counted.count_total);
            }
            counted.count_total
        })
        .sum()
}

/// What a document needs while it is read, checked and compiled, and what its policy keeps.
#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn memory(name: &str, text: &str) {
    let mut policy = None;
    let AllocationInfo { bytes_current, bytes_max, .. } =
        measure(|| policy = Some(checked(text).compile()));
    let ratio = |bytes: f64| format!("{:.0} KB ({:.1}×)", bytes / 1e3, bytes / text.len() as f64);
    println!(
        "{name:<24}{:>11.0} KB{:>20}{:>20}",
        text.len() as f64 / 1e3,
        ratio(bytes_current as f64),
        ratio(bytes_max as f64),
    );
    drop(black_box(policy));
}
