//! Simulated latencies of AWS, and how long each request waited.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Quantiles of a latency, with milliseconds. Between them, the logarithm is interpolated.
///
/// AWS publishes averages only: "single-digit milliseconds" for `GetItem` and `PutItem`
/// (<https://repost.aws/knowledge-center/dynamodb-high-latency>, read in November 2026), and nothing for
/// STS and SSM. The averages here are at the upper end of that, and the tails are assumptions.
type Quantiles = [(f64, f64); 5];

const DYNAMODB: Quantiles = [(0.0, 2.0), (0.5, 5.0), (0.9, 9.0), (0.99, 20.0), (1.0, 100.0)];
const STS: Quantiles = [(0.0, 15.0), (0.5, 35.0), (0.9, 60.0), (0.99, 110.0), (1.0, 250.0)];
const SSM: Quantiles = [(0.0, 5.0), (0.5, 15.0), (0.9, 30.0), (0.99, 60.0), (1.0, 200.0)];

/// A service whose latency is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "this crate is never published")]
pub enum Service {
    /// Reads and writes of items.
    DynamoDb,
    /// `AssumeRole`.
    Sts,
    /// Reads of policies.
    Ssm,
}

impl Service {
    fn draw(self, random: &Random) -> Duration {
        let quantiles = match self {
            Self::DynamoDb => DYNAMODB,
            Self::Sts => STS,
            Self::Ssm => SSM,
        };
        Duration::from_secs_f64(at(&quantiles, random.fraction()) / 1000.0)
    }
}

fn at(quantiles: &Quantiles, fraction: f64) -> f64 {
    let between = quantiles.iter().zip(quantiles.iter().skip(1));
    let found = between.into_iter().find(|(_, (upper, _))| fraction <= *upper);
    found.map_or(0.0, |((from, low), (to, high))| {
        let part = (fraction - from) / (to - from);
        (low.ln() + part * (high.ln() - low.ln())).exp()
    })
}

/// Random numbers of a fixed seed, so that runs draw the same latencies (xorshift64*).
#[derive(Debug)]
pub struct Random(Mutex<u64>);

impl Random {
    /// Numbers that depend on the seed only.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed | 1))
    }

    /// A number from 0 to 1.
    pub fn fraction(&self) -> f64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        let bits = state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        #[expect(clippy::cast_precision_loss, reason = "32 bits")]
        let number = bits as f64;
        number / f64::from(u32::MAX)
    }
}

/// The latencies of the calls of one function, and of its current request.
#[derive(Clone, Debug)]
pub struct Latencies {
    random: Arc<Random>,
    calls: Arc<Mutex<Vec<Call>>>,
}

/// One call: from its arrival until its response is sent.
#[derive(Clone, Copy, Debug)]
struct Call {
    from: Instant,
    to: Instant,
}

impl Latencies {
    /// Latencies that are drawn with these numbers.
    #[must_use]
    pub fn new(random: Arc<Random>) -> Self {
        Self { random, calls: Arc::default() }
    }

    /// Waits as long as a call of the service takes.
    pub async fn wait(&self, service: Service) {
        let from = Instant::now();
        tokio::time::sleep(service.draw(&self.random)).await;
        let call = Call { from, to: Instant::now() };
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    /// The time for which the request waited for AWS: the union of its calls, since those that are
    /// sent concurrently are awaited together. Forgets the calls.
    pub fn waited(&self) -> Duration {
        let mut calls =
            std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner));
        calls.sort_by_key(|call| call.from);
        let mut waited = Duration::ZERO;
        let mut end: Option<Instant> = None;
        for call in calls {
            let from = end.map_or(call.from, |end| call.from.max(end));
            waited += call.to.saturating_duration_since(from);
            end = Some(end.map_or(call.to, |end| end.max(call.to)));
        }
        waited
    }
}
