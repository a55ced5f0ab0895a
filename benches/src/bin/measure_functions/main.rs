//! Starts, answers, memory and cost of the functions and of an empty one, in one run. The functions
//! are started in turn, so that other load on the machine affects all of them equally.
//!
//! `measure-functions [--starts N] [--requests N] [--instructions FOLDER] EMPTY TVM AUTHORIZER`
//! `measure-functions [--starts N] [--requests N] --memory-only TVM AUTHORIZER`
//! `measure-functions --load [--requests N] [--rate N] [--processes N] TVM AUTHORIZER`
//!
//! It fails if a function starts more than 2 ms later than the empty one (medians), or uses more
//! than 20 MB after its requests. `scripts/functions.py` runs it.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod cost;
mod load;
mod subjects;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sentinel_benches::aws;
use sentinel_testkit::runtime_api::Function;

use crate::load::Load;
use crate::subjects::{EMPTY, Subject, subjects};

pub(crate) type Failure = Box<dyn Error>;

/// Maximum delay of the first poll, compared with the empty function's.
const LATER: Duration = Duration::from_millis(2);
/// Maximum memory of a function after its requests, in bytes.
const MEMORY: u64 = 20_000_000;

struct Arguments {
    starts: usize,
    requests: u32,
    /// Whether times are only shown, without being checked.
    memory_only: bool,
    /// Where callgrind writes the instructions that it counts. `None` if it does not.
    callgrind: Option<PathBuf>,
    /// Whether the functions are measured under load.
    load: bool,
    /// Requests a second, and processes, under load.
    rate: f64,
    processes: usize,
    programs: Vec<String>,
}

fn arguments() -> Result<Arguments, Failure> {
    let mut read = Arguments {
        starts: 60,
        requests: 1_000,
        memory_only: false,
        callgrind: None,
        load: false,
        rate: 40.0,
        processes: 50,
        programs: Vec::new(),
    };
    let mut rest = std::env::args().skip(1);
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{argument} requires a value"));
        match argument.as_str() {
            "--starts" => read.starts = value()?.parse()?,
            "--requests" => read.requests = value()?.parse()?,
            "--rate" => read.rate = value()?.parse()?,
            "--processes" => read.processes = value()?.parse()?,
            "--instructions" => read.callgrind = Some(value()?.into()),
            "--memory-only" => read.memory_only = true,
            "--load" => read.load = true,
            _ => read.programs.push(argument),
        }
    }
    Ok(read)
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// The starts of one program.
#[derive(Default)]
struct Starts {
    polls: Vec<Duration>,
    first_answers: Vec<Duration>,
}

/// Starts each program in turn.
async fn start_all(subjects: &[Subject], rounds: usize) -> Result<Vec<Starts>, Failure> {
    let mut all: Vec<_> = subjects.iter().map(|_| Starts::default()).collect();
    for round in 0..=rounds {
        for (subject, starts) in subjects.iter().zip(&mut all) {
            let mut function = Function::start(subject.start.clone()).await?;
            let poll = function.first_poll().await?;
            let sent_at = Instant::now();
            subject.invoke(&mut function).await?;
            // The first round is not measured, because it reads the programs from the disk.
            if round > 0 {
                starts.polls.push(poll);
                starts.first_answers.push(sent_at.elapsed());
            }
        }
    }
    Ok(all)
}

/// The median time of warm answers, and the memory after them in bytes.
async fn warm(subject: &Subject, requests: u32) -> Result<(Duration, u64), Failure> {
    let mut function = Function::start(subject.start.clone()).await?;
    let mut times = Vec::new();
    for _ in 0..requests {
        let sent_at = Instant::now();
        subject.invoke(&mut function).await?;
        times.push(sent_at.elapsed());
    }
    Ok((median(&mut times), function.memory()?.resident * 1024))
}

async fn measure() -> Result<bool, Failure> {
    let arguments = arguments()?;
    if arguments.load {
        return loads(&arguments).await;
    }
    let Arguments { starts, requests, memory_only, callgrind, programs, .. } = arguments;
    let endpoint = format!("http://{}", aws::start(None).await?);
    let subjects = subjects(&programs, &endpoint)?;
    if subjects.len() < 3 && !memory_only {
        return Err("without EMPTY only memory can be judged: --memory-only".into());
    }
    let all = start_all(&subjects, starts).await?;
    println!(
        "{:<12}{:>14}{:>12}{:>18}{:>16}{:>12}",
        "", "first poll ms", "later ms", "first answer ms", "warm answer ms", "memory MB"
    );
    let mut good = true;
    // The first poll of the empty function, if it is measured.
    let mut least = None;
    for (subject, mut of) in subjects.iter().zip(all) {
        let poll = median(&mut of.polls);
        let (answer, memory) = warm(subject, requests).await?;
        if subject.name == EMPTY {
            least = Some(poll);
        }
        let later = least.map(|least| poll.saturating_sub(least));
        #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
        let megabytes = memory as f64 / 1e6;
        println!(
            "{:<12}{:>14.2}{:>12}{:>18.2}{:>16.2}{:>12.1}",
            subject.name,
            ms(poll),
            later.map_or_else(|| "-".to_owned(), |later| format!("{:.2}", ms(later))),
            ms(median(&mut of.first_answers)),
            ms(answer),
            megabytes,
        );
        if !memory_only && later.is_some_and(|later| later > LATER) {
            println!("{} starts more than {LATER:?} later than the empty function", subject.name);
            good = false;
        }
        if memory > MEMORY {
            println!("{} has more than {MEMORY} bytes after {requests} requests", subject.name);
            good = false;
        }
    }
    println!("{starts} starts each, in turn; {requests} requests each; medians");
    if !memory_only {
        costs(&subjects, requests, callgrind.as_deref()).await?;
    }
    Ok(good)
}

/// Prints what a warm request costs each function.
async fn costs(
    subjects: &[Subject],
    requests: u32,
    callgrind: Option<&Path>,
) -> Result<(), Failure> {
    println!("\n{:<12}{:>20}{:>16}", "", "processor time ms", "instructions");
    for subject in subjects {
        let cost = cost::measure(subject, requests, callgrind).await?;
        let counted = cost.instructions.map_or_else(|| "-".to_owned(), |count| count.to_string());
        println!("{:<12}{:>20.3}{counted:>16}", subject.name, ms(cost.time));
    }
    println!("of a warm request, the mean of {requests}; the time includes the kernel");
    Ok(())
}

/// Prints what callers wait for under load.
async fn loads(arguments: &Arguments) -> Result<bool, Failure> {
    let [tvm, authorizer] = arguments.programs.as_slice() else {
        return Err("the programs are TVM AUTHORIZER".into());
    };
    println!(
        "{:<12}{:>9}{:>27}{:>27}{:>27}{:>9}{:>9}",
        "", "requests", "all, ms", "warm, ms", "of it not AWS, ms", "quota", "loop"
    );
    let quantiles = "50 %    99 %  99.9 %";
    println!("{:<21}{quantiles:>27}{quantiles:>27}{quantiles:>27}", "");
    // A whole processor belongs to 1,769 MB of memory:
    // https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
    let runs = [
        (tvm, "tvm", None, false),
        (tvm, "tvm", None, true),
        (tvm, "tvm", Some(1.0 / 7.0), false),
        (authorizer, "authorizer", None, false),
        (authorizer, "authorizer", Some(1.0 / 14.0), false),
    ];
    for (program, name, quota, looping) in runs {
        let load = Load {
            processes: arguments.processes,
            rate: arguments.rate,
            requests: arguments.requests,
            cold: 0.01,
            quota,
            looping,
        };
        println!("{}", load::run(program, name, load).await?);
    }
    println!(
        "{} processes, {} requests a second at random times, 1 % of them start their process first",
        arguments.processes, arguments.rate
    );
    Ok(true)
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
