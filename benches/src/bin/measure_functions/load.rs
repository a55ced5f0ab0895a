//! Vends through many processes of the function, with simulated latencies of AWS: what a caller waits
//! for, and how much of it is not AWS.
//!
//! A function answers one request at a time, as in Lambda. A request is sent to a process that is free.
//! If all are busy, it waits, which Lambda would not make it do: it would start another process.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sentinel_testkit::runtime_api::Function;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::subjects::{Subject, subjects};
use crate::{Failure, ms};
use sentinel_benches::aws;
use sentinel_benches::latency::{Latencies, Random};

/// Callers that take turns.
const CALLERS: u32 = 200;

/// How the load is made.
pub(crate) struct Load {
    /// Number of processes.
    pub(crate) processes: usize,
    /// Requests a second, at random times.
    pub(crate) rate: f64,
    pub(crate) requests: u32,
    /// Share of the requests that start their process first.
    pub(crate) cold: f64,
    /// The part of a processor that each process gets. `None` for all of it.
    pub(crate) quota: Option<f64>,
    /// Whether one more caller sends requests without a pause.
    pub(crate) looping: bool,
}

/// One answered request.
struct Answered {
    cold: bool,
    response: Duration,
    /// The response without the time for which AWS was waited for.
    own: Duration,
}

/// A process, and the AWS that it calls.
struct Worker {
    subject: Subject,
    latencies: Latencies,
    function: Function,
    quota: Option<Quota>,
}

impl Worker {
    async fn start(
        program: &str,
        name: &str,
        number: usize,
        load: &Load,
        random: &Arc<Random>,
    ) -> Result<Self, Failure> {
        let latencies = Latencies::new(Arc::clone(random));
        let endpoint = format!("http://{}", aws::start(Some(latencies.clone())).await?);
        let programs = [program.to_owned(), program.to_owned()];
        let mut all = subjects(&programs, &endpoint)?.into_iter();
        let subject = all.find(|subject| subject.name == name).ok_or("no such function")?;
        let function = Function::start(subject.start.clone()).await?;
        let quota = load.quota.map(|part| Quota::new(number, part)).transpose()?;
        let mut worker = Self { subject, latencies, function, quota };
        worker.limit()?;
        worker.subject.invoke(&mut worker.function).await?;
        Ok(worker)
    }

    fn limit(&self) -> Result<(), Failure> {
        match &self.quota {
            Some(quota) => quota.add(self.function.id()?),
            None => Ok(()),
        }
    }

    async fn serve(&mut self, cold: bool, caller: &str) -> Result<Answered, Failure> {
        self.latencies.waited();
        let begun = Instant::now();
        if cold {
            self.function = Function::start(self.subject.start.clone()).await?;
            self.limit()?;
        }
        self.subject.invoke_as(&mut self.function, caller).await?;
        let response = begun.elapsed();
        let own = response.saturating_sub(self.latencies.waited());
        Ok(Answered { cold, response, own })
    }
}

/// Runs the load, and returns a line of a table.
pub(crate) async fn run(program: &str, name: &'static str, load: Load) -> Result<String, Failure> {
    let random = Arc::new(Random::new(20_261_129));
    let (free, waiting) = mpsc::channel(load.processes.max(1));
    for number in 0..load.processes {
        let worker = Worker::start(program, name, number, &load, &random).await?;
        free.send(worker).await.map_err(|_| "no process")?;
    }
    let waiting = Arc::new(Mutex::new(waiting));
    let mut looping: JoinSet<Result<(), String>> = JoinSet::new();
    if load.looping {
        let (free, waiting) = (free.clone(), Arc::clone(&waiting));
        looping.spawn(async move {
            loop {
                let worker = waiting.lock().await.recv().await;
                let mut worker = worker.ok_or("no process")?;
                worker.serve(false, "caller-in-a-loop").await.map_err(|error| error.to_string())?;
                free.send(worker).await.map_err(|_| "no process")?;
            }
        });
    }
    let mut requests = JoinSet::new();
    let mut next = Instant::now();
    for number in 0..load.requests {
        next += Duration::from_secs_f64(-random.fraction().max(1e-9).ln() / load.rate);
        tokio::time::sleep_until(next.into()).await;
        let cold = random.fraction() < load.cold;
        let (free, waiting) = (free.clone(), Arc::clone(&waiting));
        requests.spawn(async move {
            let mut worker = waiting.lock().await.recv().await.ok_or("no process")?;
            let answered = worker
                .serve(cold, &format!("caller-{}", number % CALLERS))
                .await
                .map_err(|error| error.to_string());
            free.send(worker).await.ok();
            answered
        });
    }
    let mut answered = Vec::new();
    while let Some(one) = requests.join_next().await {
        answered.push(one??);
    }
    // The loop ends only with an error.
    if let Some(ended) = looping.try_join_next() {
        ended??;
    }
    looping.shutdown().await;
    drop(free);
    while let Ok(mut worker) = waiting.lock().await.try_recv() {
        // A control group can be removed when its process has ended.
        worker.function.terminate().await?;
    }
    Ok(line(name, &load, &answered))
}

/// The quantiles of the responses and of what is not AWS.
fn line(name: &str, load: &Load, answered: &[Answered]) -> String {
    let mut text = format!("{name:<12}{:>9}", answered.len());
    let warm = || answered.iter().filter(|one| !one.cold);
    let mut of = |times: &mut Vec<Duration>| {
        times.sort();
        for part in [0.5, 0.99, 0.999] {
            write!(text, "{:>9.2}", ms(quantile(times, part))).ok();
        }
    };
    of(&mut answered.iter().map(|one| one.response).collect());
    of(&mut warm().map(|one| one.response).collect());
    of(&mut warm().map(|one| one.own).collect());
    let quota = load.quota.map_or_else(|| "-".to_owned(), |part| format!("{part:.3}"));
    write!(text, "{quota:>9}{:>9}", if load.looping { "yes" } else { "no" }).ok();
    text
}

fn quantile(sorted: &[Duration], part: f64) -> Duration {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index of a list of some thousands"
    )]
    let index = (sorted.len() as f64 * part) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// A control group that limits the processor time of a process, as Lambda does.
struct Quota {
    folder: PathBuf,
}

impl Quota {
    /// Lambda accounts in periods of 20 ms.
    const PERIOD: f64 = 20_000.0;

    fn new(number: usize, part: f64) -> Result<Self, Failure> {
        static RUNS: AtomicU32 = AtomicU32::new(0);

        let one = Path::new("/sys/fs/cgroup/cpu");
        let two = Path::new("/sys/fs/cgroup");
        let quota = (Self::PERIOD * part).round();
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let name = format!("sentinel-{}-{run}-{number}", std::process::id());
        let folder = if two.join("cgroup.controllers").exists() { two } else { one }.join(name);
        std::fs::create_dir(&folder)?;
        if folder.join("cpu.max").exists() {
            std::fs::write(folder.join("cpu.max"), format!("{quota} {}", Self::PERIOD))?;
        } else {
            std::fs::write(folder.join("cpu.cfs_period_us"), Self::PERIOD.to_string())?;
            std::fs::write(folder.join("cpu.cfs_quota_us"), quota.to_string())?;
        }
        Ok(Self { folder })
    }

    fn add(&self, process: u32) -> Result<(), Failure> {
        std::fs::write(self.folder.join("cgroup.procs"), process.to_string())
            .map_err(|error| format!("cannot limit the processor time: {error}").into())
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // It fails if the process has not ended. The group then remains, without effect.
        std::fs::remove_dir(&self.folder).ok();
    }
}
