//! Does one kind of work a fixed number of times, for an instruction counter. Only the function
//! [`counted`] is counted, by its name.
//!
//! `count-instructions WORK` does the work, and `count-instructions` lists the kinds with the number of
//! repetitions. Nothing that is counted depends on time, randomness, or the order of a hash map.
#![expect(clippy::print_stdout, reason = "it prints the kinds of work")]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use sentinel_benches::workload::Workload;
use sentinel_benches::world::{Backends, Counter, Failure, World, vend_event};
use sentinel_benches::{documents, facts, now};
use sentinel_policy::Policy;

/// A kind of work.
struct Work {
    name: &'static str,
    /// How often it is done, by how much its total count is divided.
    times: u32,
    run: fn(u32) -> Result<(), Failure>,
}

const WORK: &[Work] = &[
    Work { name: "evaluate-10", times: 300, run: |times| evaluate(&Workload::names(10), times) },
    Work {
        name: "evaluate-10000",
        times: 300,
        run: |times| evaluate(&Workload::names(10_000), times),
    },
    Work {
        name: "evaluate-patterns",
        times: 300,
        run: |times| evaluate(&Workload::patterns(100), times),
    },
    Work {
        name: "evaluate-networks",
        times: 300,
        run: |times| evaluate(&Workload::networks(100), times),
    },
    Work {
        name: "evaluate-windows",
        times: 300,
        run: |times| evaluate(&Workload::windows(100), times),
    },
    Work {
        name: "valid-until-3-windows",
        times: 100,
        run: |times| valid_until(&Workload::three_windows_of_hundred(), times),
    },
    Work {
        name: "valid-until-100-windows",
        times: 10,
        run: |times| valid_until(&Workload::hundred_windows_without_change(), times),
    },
    Work { name: "parse-4-kb", times: 10, run: parse },
    Work { name: "vend", times: 100, run: |times| functions(times, false) },
    Work { name: "authorize", times: 100, run: |times| functions(times, true) },
];

fn main() -> Result<ExitCode, Failure> {
    let Some(name) = std::env::args().nth(1) else {
        for work in WORK {
            println!("{} {}", work.name, work.times);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let Some(work) = WORK.iter().find(|work| work.name == name) else {
        return Ok(ExitCode::from(2));
    };
    (work.run)(work.times)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the work that is counted. Its name is part of the command of the counter.
#[inline(never)]
fn counted(work: &mut dyn FnMut() -> Result<(), Failure>) -> Result<(), Failure> {
    work()
}

/// Decides every question of a workload in turn.
fn evaluate(workload: &Workload, times: u32) -> Result<(), Failure> {
    let (policy, facts, now) = (workload.policy(), facts(), now());
    let requests: Vec<_> = workload.questions.iter().map(|question| question.request()).collect();
    let mut requests = requests.iter().cycle();
    counted(&mut || {
        for request in requests.by_ref().take(times as usize) {
            black_box(policy.decide(black_box(request), &facts, now));
        }
        Ok(())
    })
}

fn valid_until(workload: &Workload, times: u32) -> Result<(), Failure> {
    let (policy, facts, now) = (workload.policy(), facts(), now());
    let question = workload.questions.first().ok_or("no question")?;
    let request = question.request();
    counted(&mut || {
        for _ in 0..times {
            black_box(policy.valid_until(black_box(&request), &facts, now));
        }
        Ok(())
    })
}

/// Reads, checks and compiles a document.
fn parse(times: u32) -> Result<(), Failure> {
    let text = documents::ordinary(4_096);
    counted(&mut || {
        for _ in 0..times {
            black_box(black_box(&text).parse::<Policy>()?);
        }
        Ok(())
    })
}

/// Vends, or authorizes, from event to response. A session exists and the policy is compiled.
fn functions(times: u32, authorize: bool) -> Result<(), Failure> {
    let workload = Workload::windows(100);
    let clock = Arc::new(now());
    let backends = Backends::in_memory(&workload.text, clock.clone());
    let world = World::new(backends, clock, Arc::new(Counter::default()))?;
    let vend = vend_event(workload.questions.first().ok_or("no question")?);
    // The clock of the runtime is stopped.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let check = runtime.block_on(world.session(&vend))?;
    counted(&mut || {
        runtime.block_on(async {
            for _ in 0..times {
                let response = if authorize {
                    world.authorize(black_box(&check)).await
                } else {
                    world.vend(black_box(&vend)).await
                };
                black_box(response?);
            }
            Ok(())
        })
    })
}
