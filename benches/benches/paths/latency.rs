//! Backends that take a simulated time for each call, and the sum of the waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sentinel_benches::world::Backends;
use sentinel_broker::{AssumeRole, IssueError, Issued, Issuer};
use sentinel_store::StoreError;
use sentinel_store::conformance::{
    Hook, HookedPolicies, HookedSessions, Phase, StoreCall, StoreOperation,
};

/// The median and the 99th percentile of a log-normal distribution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogNormal {
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
}

/// The calls to AWS.
#[derive(Debug)]
pub(crate) struct Calls {
    sts: LogNormal,
    stores: LogNormal,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    begun: usize,
    /// State of the generator of latencies.
    seed: u64,
    waits: Vec<(Instant, Instant)>,
}

impl State {
    /// A number in (0, 1), by the generator SplitMix64.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    fn uniform(&mut self) -> f64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.seed;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 + f64::EPSILON
    }

    /// A time from the log-normal distribution with that median and 99th percentile.
    fn log_normal(&mut self, LogNormal { median, p99 }: LogNormal) -> Duration {
        // The 99th percentile of the normal distribution.
        let sigma = (p99.as_secs_f64() / median.as_secs_f64()).ln() / 2.326_347_9;
        let normal =
            (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos();
        Duration::from_secs_f64(median.as_secs_f64() * (sigma * normal).exp())
    }
}

impl Calls {
    /// Calls that take these times.
    pub(crate) fn new(sts: LogNormal, stores: LogNormal) -> Arc<Self> {
        Arc::new(Self { sts, stores, state: Mutex::default() })
    }

    /// The same backends, of which each call takes a time.
    pub(crate) fn delay(self: &Arc<Self>, backends: Backends) -> Backends {
        let Backends { policies, sessions, issuer } = backends;
        Backends {
            policies: Arc::new(HookedPolicies::new(policies, self.clone())),
            sessions: Arc::new(HookedSessions::new(sessions, self.clone())),
            issuer: Arc::new(SlowIssuer { inner: issuer, calls: self.clone() }),
        }
    }

    /// Removes and returns the time that was spent waiting for AWS since the last call: the length of
    /// the union of all waits.
    pub(crate) fn take_waited(&self) -> Duration {
        let mut waits = std::mem::take(&mut self.state().waits);
        waits.sort_unstable();
        let mut total = Duration::ZERO;
        let mut covered: Option<Instant> = None;
        for (from, to) in waits {
            let from = covered.map_or(from, |covered| covered.max(from));
            if from < to {
                total += to - from;
                covered = Some(to);
            }
        }
        total
    }

    async fn wait(&self, latency: LogNormal) {
        let time = self.state().log_normal(latency);
        let from = Instant::now();
        tokio::time::sleep(time).await;
        self.state().waits.push((from, Instant::now()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Hook for Calls {
    fn begin(&self, operation: StoreOperation) -> StoreCall {
        let mut state = self.state();
        state.begun += 1;
        StoreCall::new(operation, state.begun - 1)
    }

    async fn at(&self, _: StoreCall, phase: Phase) -> Result<(), StoreError> {
        if phase == Phase::Before {
            self.wait(self.stores).await;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct SlowIssuer {
    inner: Arc<dyn Issuer>,
    calls: Arc<Calls>,
}

#[async_trait]
impl Issuer for SlowIssuer {
    async fn assume_role(&self, request: &AssumeRole) -> Result<Issued, IssueError> {
        self.calls.wait(self.calls.sts).await;
        self.inner.assume_role(request).await
    }
}
