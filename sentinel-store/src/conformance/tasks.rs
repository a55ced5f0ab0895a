//! Concurrent calls, and lists that may lag.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::Barrier,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::report::{Checked, Stop, ensure_eq};

/// Starts tasks at the same time. Returns their results, sorted.
pub(super) async fn concurrently<T, F>(count: u16, task: impl Fn(u16) -> F) -> Result<Vec<T>, Stop>
where
    T: Ord + Send + 'static,
    F: Future<Output = Result<T, Stop>> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(usize::from(count)));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (barrier, task) = (Arc::clone(&barrier), task(number));
        tasks.spawn(async move {
            barrier.wait().await;
            task.await
        });
    }
    let mut results = Vec::new();
    while let Some(done) = tasks.join_next().await {
        results.push(done??);
    }
    results.sort();
    Ok(results)
}

/// Maximum number of concurrent writes of [`fill`]. More would wait until the timeouts
/// of the backend end them.
const CONCURRENT_WRITES: usize = 32;

/// Runs writes concurrently.
pub(super) async fn fill<F>(writes: impl IntoIterator<Item = F>) -> Checked
where
    F: Future<Output = Checked> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for write in writes {
        if tasks.len() >= CONCURRENT_WRITES
            && let Some(written) = tasks.join_next().await
        {
            written??;
        }
        tasks.spawn(write);
    }
    while let Some(written) = tasks.join_next().await {
        written??;
    }
    Ok(())
}

/// Maximum time until a write is in a list that may lag.
const LAG: Duration = Duration::from_secs(5);

/// Reads until the expected value is read.
pub(super) async fn eventually<T, F>(expected: &T, read: impl Fn() -> F) -> Checked
where
    T: PartialEq + fmt::Debug,
    F: Future<Output = Result<T, Stop>>,
{
    let deadline = Instant::now() + LAG;
    loop {
        let found = read().await?;
        if found == *expected || Instant::now() >= deadline {
            ensure_eq!(found, *expected);
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
}
