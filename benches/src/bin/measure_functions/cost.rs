//! What a warm request costs a function: processor time, and instructions under valgrind.
//!
//! The processor time is what Lambda's quota limits, and depends on the machine and its load. The
//! number of instructions hardly does, and does not include the kernel, which sends and receives.

use std::path::Path;
use std::time::Duration;

use sentinel_testkit::runtime_api::{Function, Start};

use crate::Failure;
use crate::subjects::Subject;

/// Requests before the measured ones. They open connections, and read and compile the policy.
const BEFORE: u32 = 50;
/// Requests of a function under callgrind that may fail.
const FIRST: u32 = 3;
/// Requests whose instructions are counted.
const COUNTED: u32 = 200;

/// What one request costs.
pub(crate) struct Cost {
    /// Time on a processor, in user and kernel mode.
    pub(crate) time: Duration,
    /// Instructions in user mode. `None` if they were not counted.
    pub(crate) instructions: Option<u64>,
}

/// Measures `requests` warm requests, one after the other. Callgrind writes what it counts to the folder
/// `callgrind`, for `callgrind_annotate`.
pub(crate) async fn measure(
    subject: &Subject,
    requests: u32,
    callgrind: Option<&Path>,
) -> Result<Cost, Failure> {
    let mut function = Function::start(subject.start.clone()).await?;
    send(subject, &mut function, BEFORE).await?;
    let before = function.processor_time()?;
    send(subject, &mut function, requests).await?;
    let time = function.processor_time()?.saturating_sub(before) / requests.max(1);
    drop(function);
    let instructions = match callgrind {
        None => None,
        Some(folder) => {
            let less = instructions(subject, BEFORE, folder).await?;
            let more = instructions(subject, BEFORE + COUNTED, folder).await?;
            Some(more.saturating_sub(less) / u64::from(COUNTED))
        }
    };
    Ok(Cost { time, instructions })
}

async fn send(subject: &Subject, function: &mut Function, requests: u32) -> Result<(), Failure> {
    for _ in 0..requests {
        subject.invoke(function).await?;
    }
    Ok(())
}

/// The instructions of a process that starts and answers this number of requests.
async fn instructions(subject: &Subject, requests: u32, folder: &Path) -> Result<u64, Failure> {
    let output = folder.join(format!("{}.{requests}.callgrind", subject.name));
    let mut function = Function::start(under_callgrind(&subject.start, &output)).await?;
    // Under callgrind, the first request can take longer than the timeouts of its calls.
    for _ in 0..FIRST {
        function.invoke(&subject.event).await?;
    }
    send(subject, &mut function, requests).await?;
    // Callgrind writes its results when the process ends.
    function.terminate().await?;
    let output = std::fs::read_to_string(output)?;
    let totals = output.lines().rev().find_map(|line| line.strip_prefix("totals:"));
    Ok(totals.ok_or("callgrind wrote no total")?.trim().parse()?)
}

fn under_callgrind(start: &Start, output: &Path) -> Start {
    let output = format!("--callgrind-out-file={}", output.display());
    start.clone().under(["valgrind".to_owned(), "--tool=callgrind".to_owned(), output])
}
