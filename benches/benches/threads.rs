//! Two threads that decide with one shared policy, compared with two threads that only compute. On a
//! machine with other load, or with cores that share their units, two threads are never twice as
//! fast as one. The control shows how much faster they can be.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sentinel_benches::workload::Workload;
use sentinel_benches::{facts, now};

/// The length of one measurement. The four kinds take turns, so that other load affects all.
const SLICE: Duration = Duration::from_millis(40);
const ROUNDS: usize = 50;
/// Repetitions between two looks at the flag that ends a measurement.
const BATCH: u32 = 256;

fn main() {
    let workload = Workload::windows(1_000);
    let (policy, facts, now) = (workload.policy(), facts(), now());
    let requests: Vec<_> = workload.questions.iter().map(|question| question.request()).collect();
    let decide = || {
        for request in &requests {
            black_box(policy.decide(black_box(request), &facts, now));
        }
    };
    let spin = || {
        let mut bits = black_box(1_u64);
        for _ in 0..40 {
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        black_box(bits);
    };
    let (mut deciding, mut spinning) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        deciding.push(rate(2, &decide) / rate(1, &decide));
        spinning.push(rate(2, &spin) / rate(1, &spin));
    }
    let (deciding, spinning) = (median(deciding), median(spinning));
    println!("two threads compared with one, medians of {ROUNDS} rounds:");
    println!("  decisions on one shared policy   {deciding:.2}×");
    println!("  control: computing only          {spinning:.2}×");
    println!("  decisions compared with control  {:.2}", deciding / spinning);
}

/// Repetitions per second of that number of threads together.
fn rate(threads: usize, work: &(impl Fn() + Sync)) -> f64 {
    let (barrier, ended) = (Barrier::new(threads + 1), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    let (start, mut done) = (Instant::now(), 0.0);
                    while !ended.load(Ordering::Relaxed) {
                        (0..BATCH).for_each(|_| work());
                        done += f64::from(BATCH);
                    }
                    done / start.elapsed().as_secs_f64()
                })
            })
            .collect();
        barrier.wait();
        std::thread::sleep(SLICE);
        ended.store(true, Ordering::Relaxed);
        handles.into_iter().map(|handle| handle.join().unwrap_or_default()).sum()
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
