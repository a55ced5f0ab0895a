//! Starts, answers and memory of the functions and of an empty one, in one run. The functions are
//! started in turn, so that other load on the machine affects all of them equally.
//!
//! `measure-functions [--starts N] [--requests N] EMPTY TVM AUTHORIZER`
//! `measure-functions [--starts N] [--requests N] --memory-only TVM AUTHORIZER`
//!
//! It fails if a function starts more than 2 ms later than the empty one (medians), or uses more
//! than 20 MB after its requests. `scripts/functions.py` runs it.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod aws;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sentinel_testkit::runtime_api::{Function, Start};
use serde_json::{Value, json};

type Failure = Box<dyn Error>;

/// Name of the empty function.
const EMPTY: &str = "empty";

/// Maximum delay of the first poll, compared with the empty function's.
const LATER: Duration = Duration::from_millis(2);
/// Maximum memory of a function after its requests, in bytes.
const MEMORY: u64 = 20_000_000;

/// One of the programs, and its measurements.
struct Subject {
    name: &'static str,
    start: Start,
    event: Value,
    polls: Vec<Duration>,
    first_answers: Vec<Duration>,
}

struct Arguments {
    starts: usize,
    requests: usize,
    /// Whether times are only shown, without being checked.
    memory_only: bool,
    programs: Vec<String>,
}

fn arguments() -> Result<Arguments, Failure> {
    let (mut starts, mut requests, mut memory_only) = (60, 1_000, false);
    let mut programs = Vec::new();
    let mut rest = std::env::args().skip(1);
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--starts" => starts = rest.next().ok_or("--starts requires a number")?.parse()?,
            "--requests" => {
                requests = rest.next().ok_or("--requests requires a number")?.parse()?
            }
            "--memory-only" => memory_only = true,
            _ => programs.push(argument),
        }
    }
    Ok(Arguments { starts, requests, memory_only, programs })
}

/// The programs. The empty one is first, if it is among them.
fn subjects(programs: &[String], end_point: &str) -> Result<Vec<Subject>, Failure> {
    let subject = |name, program: &String, event| {
        let start = Start::new(program)
            .with("AWS_REGION", "us-east-1")
            .with("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .with("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
            .with("AWS_ENDPOINT_URL", end_point)
            .with("SENTINEL_SESSION_TABLE", "sentinel-sessions")
            // Counts are written, and the requests are within the limit.
            .with("SENTINEL_CALLER_RATE", "1000000/1m")
            .with("SENTINEL_POLICY_PARAMETER", "/sentinel/policies/production");
        Subject { name, start, event, polls: Vec::new(), first_answers: Vec::new() }
    };
    let vend = json!({
        "version": "2.0", "routeKey": "ANY /", "rawPath": "/", "rawQueryString": "profile=production",
        "requestContext": {
            "stage": "$default", "requestId": "JKJaXmPLvHcESHA=",
            "http": { "method": "GET", "sourceIp": "203.0.113.9" },
            "authorizer": { "iam": {
                "userArn": "arn:aws:iam::111122223333:user/alice", "accountId": "111122223333",
            } },
        },
    });
    let check = json!({
        "version": "2.0", "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:us-east-1:111122223333:abc/$default/GET/sensitive",
        "headers": {
            "x-sentinel-session-id":
                "session-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbba",
        },
    });
    let functions =
        |tvm, authorizer| [subject("tvm", tvm, vend), subject("authorizer", authorizer, check)];
    match programs {
        [tvm, authorizer] => Ok(functions(tvm, authorizer).into()),
        [empty, tvm, authorizer] => {
            let empty = subject(EMPTY, empty, json!({ "empty": true }));
            Ok([empty].into_iter().chain(functions(tvm, authorizer)).collect())
        }
        _ => Err("the programs are EMPTY TVM AUTHORIZER; EMPTY may be left out".into()),
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The median time of warm answers, and the memory after them in bytes.
async fn warm(subject: &Subject, requests: usize) -> Result<(Duration, u64), Failure> {
    let mut function = Function::start(subject.start.clone()).await?;
    let mut times = Vec::new();
    for _ in 0..requests {
        let sent_at = Instant::now();
        let outcome = function.invoke(&subject.event).await?;
        times.push(sent_at.elapsed());
        let answer = outcome.response().ok_or_else(|| format!("{}: {outcome:?}", subject.name))?;
        let vended = answer.get("statusCode").is_none_or(|status| status == 200);
        if !vended {
            return Err(
                format!("{}: {answer}; its stderr: {}", subject.name, function.stderr()?).into()
            );
        }
    }
    Ok((median(&mut times), function.memory()?.resident * 1024))
}

async fn measure() -> Result<bool, Failure> {
    let Arguments { starts, requests, memory_only, programs } = arguments()?;
    let end_point = format!("http://{}", aws::start().await?);
    let mut subjects = subjects(&programs, &end_point)?;
    if subjects.len() < 3 && !memory_only {
        return Err("without EMPTY only memory can be judged: --memory-only".into());
    }
    for round in 0..=starts {
        for subject in &mut subjects {
            let mut function = Function::start(subject.start.clone()).await?;
            let poll = function.first_poll().await?;
            let sent_at = Instant::now();
            function.invoke(&subject.event).await?;
            // The first round is not measured, because it reads the programs from the disk.
            if round > 0 {
                subject.polls.push(poll);
                subject.first_answers.push(sent_at.elapsed());
            }
        }
    }
    println!(
        "{:<12}{:>14}{:>12}{:>18}{:>16}{:>12}",
        "", "first poll ms", "later ms", "first answer ms", "warm answer ms", "memory MB"
    );
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    let mut good = true;
    // The first poll of the empty function, if it is measured.
    let mut least = None;
    for subject in &mut subjects {
        let poll = median(&mut subject.polls);
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
            ms(median(&mut subject.first_answers)),
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
    Ok(good)
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
