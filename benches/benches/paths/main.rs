//! The whole way of a vend and of an authorizer's check, from the bytes of the event to the bytes of
//! the response, through the public API of both functions.
//!
//! - With backends in memory: everything that a function does except for AWS's work and the AWS SDKs.
//! - With a simulated time for each call to AWS: the time of the response, and what is left of it
//!   without the time that was spent waiting for AWS.
//!
//! Percentiles matter here, so every request is timed on its own. Criterion shows none.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod latency;

use std::sync::Arc;
use std::time::{Duration, Instant};

use sentinel_benches::latency::{Latencies, Random};
use sentinel_benches::workload::Workload;
use sentinel_benches::world::{Backends, Failure, World, vend_event};
use sentinel_broker::OsRandom;
use sentinel_store::SystemClock;

const WARM_UP: usize = 1_000;
const REQUESTS: usize = 20_000;
const SIMULATED_WARM_UP: usize = 10;
const SIMULATED_REQUESTS: usize = 1_000;

fn main() -> Result<(), Failure> {
    // Arguments of other benches, which `cargo bench` passes to all, have no meaning here.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(measure())
}

/// A world whose policy has 1,000 rules, each with a window, and the two events.
async fn world(
    delay: impl FnOnce(Backends) -> Backends,
) -> Result<(World, Vec<u8>, Vec<u8>), Failure> {
    let workload = Workload::always_open(1_000);
    let clock = Arc::new(SystemClock);
    let backends = delay(Backends::in_memory(&workload.text, clock.clone()));
    let world = World::new(backends, clock, Arc::new(OsRandom))?;
    let vend = vend_event(workload.questions.last().ok_or("no question")?);
    let authorize = world.session(&vend).await?;
    Ok((world, vend, authorize))
}

async fn measure() -> Result<(), Failure> {
    println!("{:<44}{:>10}{:>10}{:>10}", "", "p50", "p99", "p99.9");
    let (world, vend, authorize) = world(|backends| backends).await?;
    let (mut vends, mut checks) = (Vec::new(), Vec::new());
    println!("bytes of the state of a vend: {}", size_of_val(&world.vend(&vend)));
    for i in 0..WARM_UP + REQUESTS {
        let start = Instant::now();
        let response = world.vend(&vend).await?;
        let vended = start.elapsed();
        ensure(&response, "\"statusCode\":200")?;
        let start = Instant::now();
        let response = world.authorize(&authorize).await?;
        let checked = start.elapsed();
        ensure(&response, "\"Allow\"")?;
        if i >= WARM_UP {
            vends.push(vended);
            checks.push(checked);
        }
    }
    show("vend, in memory", vends);
    show("authorize, in memory", checks);
    simulate().await
}

async fn simulate() -> Result<(), Failure> {
    let latencies = Latencies::new(Arc::new(Random::new(20_261_129)));
    let (world, vend, authorize) = world(|backends| latency::delayed(&latencies, backends)).await?;
    for (name, event) in [("vend", &vend), ("authorize", &authorize)] {
        let (mut whole, mut own) = (Vec::new(), Vec::new());
        for i in 0..SIMULATED_WARM_UP + SIMULATED_REQUESTS {
            latencies.waited();
            let start = Instant::now();
            let response =
                if name == "vend" { world.vend(event).await } else { world.authorize(event).await };
            let elapsed = start.elapsed();
            ensure(&response?, if name == "vend" { "\"statusCode\":200" } else { "\"Allow\"" })?;
            if i >= SIMULATED_WARM_UP {
                whole.push(elapsed);
                own.push(elapsed.saturating_sub(latencies.waited()));
            }
        }
        show(&format!("{name}, simulated AWS"), whole);
        show(&format!("{name}, simulated AWS, Sentinel's own share"), own);
    }
    Ok(())
}

fn ensure(response: &[u8], part: &str) -> Result<(), Failure> {
    let text = std::str::from_utf8(response)?;
    if text.contains(part) { Ok(()) } else { Err(format!("refused: {text}").into()) }
}

fn show(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |per_mille: usize| {
        let index = (times.len() * per_mille).div_ceil(1_000).saturating_sub(1);
        times.get(index).copied().unwrap_or_default().as_secs_f64() * 1e6
    };
    println!("{name:<44}{:>7.1} µs{:>7.1} µs{:>7.1} µs", at(500), at(990), at(999));
}
