//! How many vends a second the store of sessions in DynamoDB serves, by the number of concurrent vends.
//!
//! `measure-store [--seconds N]`
//!
//! The calls are those of a vend: the gate, a count, the session, and the gate again. They go to a
//! stand-in that answers immediately, which shows what the client itself can do, and to an emulator,
//! which `make test` installs. Neither shows the speed of AWS.
#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::error::Error;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use sentinel_benches::aws;
use sentinel_store::dynamodb::{DynamoSessions, TableDefinition};
use sentinel_store::{
    AccountId, CallerKey, Counted, Gate, Generation, ProfileName, RateWindow, Session,
    SessionFields, SessionHandle, SessionSecret, SessionStore,
};
use sentinel_testkit::emulator::{self, Emulator, Kind};
use tokio::task::JoinSet;

type Failure = Box<dyn Error + Send + Sync>;

/// Concurrent vends.
const CONCURRENT: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Callers, each with a separate gate and count, and so with a separate partition in AWS.
const CALLERS: u64 = 1_000;

/// Vends, one after the other, until the end. Returns the time of each.
async fn vends(
    store: &DynamoSessions,
    next: &AtomicU64,
    end: Instant,
) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    while Instant::now() < end {
        let begun = Instant::now();
        vend(store, next.fetch_add(1, Ordering::Relaxed)).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// The calls of one vend.
async fn vend(store: &DynamoSessions, number: u64) -> Result<(), Failure> {
    let caller = CallerKey::parse(&format!("person-{}", number % CALLERS))?;
    let profile = ProfileName::parse("production")?;
    let now: DateTime<Utc> = DateTime::from_timestamp(1_769_342_400, 0).unwrap_or_default();
    let window = RateWindow::containing(now, Duration::from_secs(60));
    let gate = store.gate(&caller).await?;
    if store.count_vend(&caller, &window, NonZeroU32::MAX).await? != Counted::WithinLimit {
        return Err("the limit of the caller is reached".into());
    }
    let mut id = [0; 10];
    if let Some(end) = id.first_chunk_mut() {
        *end = number.to_be_bytes();
    }
    let session = Session::new(SessionFields {
        handle: SessionHandle::new(caller.hash(), id),
        secret_digest: SessionSecret::new([2; 16]).digest(),
        caller: caller.clone(),
        user: caller.to_string(),
        account: AccountId::parse("111122223333")?,
        principal: format!("arn:aws:iam::111122223333:user/{caller}"),
        source_identity: "sentinel-alice-abcdefgh".to_owned(),
        request_id: "JKJaXmPLvHcESHA=".to_owned(),
        created: now,
        expires: now + TimeDelta::hours(1),
        epochs: gate.epochs(&profile),
        profile,
        generation: Generation(0),
    });
    store.create_session(&session).await?;
    let again: Gate = store.gate(&caller).await?;
    if again.epochs(&session.profile) == session.epochs {
        Ok(())
    } else {
        Err("the gate has changed".into())
    }
}

fn quantile(times: &[Duration], percent: usize) -> f64 {
    let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(index).copied().unwrap_or_default().as_secs_f64() * 1000.0
}

/// Measures one store, and prints its rows.
async fn curve(name: &str, store: DynamoSessions, seconds: u64) -> Result<(), Failure> {
    let (store, next) = (Arc::new(store), Arc::new(AtomicU64::new(0)));
    vend(&store, next.fetch_add(1, Ordering::Relaxed)).await?;
    for concurrent in CONCURRENT {
        let begun = Instant::now();
        let end = begun + Duration::from_secs(seconds);
        let mut tasks = JoinSet::new();
        for _ in 0..concurrent {
            let (store, next) = (Arc::clone(&store), Arc::clone(&next));
            tasks.spawn(async move { vends(&store, &next, end).await });
        }
        let mut times = Vec::new();
        while let Some(done) = tasks.join_next().await {
            times.extend(done??);
        }
        times.sort_unstable();
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        let rate = times.len() as f64 / begun.elapsed().as_secs_f64();
        println!(
            "{name:<12}{concurrent:>11}{rate:>12.0}{:>14.0}{:>10.2}{:>10.2}",
            rate * 4.0,
            quantile(&times, 50),
            quantile(&times, 99)
        );
    }
    Ok(())
}

async fn measure() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let seconds = match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => 5,
        (Some("--seconds"), Some(seconds)) => seconds.parse()?,
        (Some(_), _) => return Err("usage: measure-store [--seconds N]".into()),
    };
    println!(
        "{:<12}{:>11}{:>12}{:>14}{:>10}{:>10}",
        "", "concurrent", "vends/s", "calls/s", "p50 ms", "p99 ms"
    );
    let key = emulator::ROOT_KEY;
    let endpoint = format!("http://{}", aws::start(None).await?);
    let stand_in = emulator::config(&endpoint, key, key)?;
    curve("stand-in", DynamoSessions::new(&stand_in, "sessions"), seconds).await?;
    let emulator = Emulator::start(Kind::Ministack).await?;
    let config = emulator.config()?;
    let client = aws_sdk_dynamodb::Client::new(&config);
    TableDefinition::SESSIONS.create(&client, "sessions")?.send().await?;
    let store = DynamoSessions::new(&config, "sessions");
    curve("ministack", store, seconds).await?;
    println!("{seconds} s each; the stand-in runs in the same process");
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    measure().await
}
