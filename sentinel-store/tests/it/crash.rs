//! `kill -9` at random times: acknowledged writes are durable.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Mutex,
    thread,
    time::Duration,
};

use sentinel_store::redb::RedbSessions;
use sentinel_store::{
    Epoch, Scope, SessionStore, StoreError,
    conformance::{Schedule, Seeded},
};

use crate::fixtures::{caller, id, revoke, session};

const NAME: &str = "crash::kill_9_at_any_time_loses_no_acknowledged_write";
const FILE: &str = "SENTINEL_TEST_CRASH_FILE";
const ROUND: &str = "SENTINEL_TEST_CRASH_ROUND";
const KILLS: u32 = 50;
const WRITERS: u32 = 4;

/// The acknowledged writes: sessions by writer and number, epochs by writer.
#[derive(Default)]
struct Acknowledged {
    sessions: Vec<(u32, u32)>,
    epochs: BTreeMap<u32, u64>,
}

#[test]
fn kill_9_at_any_time_loses_no_acknowledged_write() {
    // This test is also the program that it kills.
    if let Ok(file) = env::var(FILE) {
        return write(Path::new(&file), env::var(ROUND).unwrap().parse().unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sentinel.redb");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut random = Seeded::new(20_260_125);
    let mut all = Acknowledged::default();
    let mut killed_early = 0;
    for round in 0..KILLS {
        // Sometimes before the first acknowledgment, while the file is created or
        // repaired.
        let early = round % 5 == 0;
        let wait = random.choose(if early { 30_000 } else { 60_000 });
        let new = run_and_kill(&file, round, early, Duration::from_micros(wait as u64));
        killed_early += u32::from(new.sessions.is_empty());
        all.epochs.extend(&new.epochs);
        let store = RedbSessions::open(&file).unwrap();
        runtime.block_on(check(&store, &new.sessions, &all.epochs));
        all.sessions.extend(new.sessions);
    }
    let store = RedbSessions::open(&file).unwrap();
    runtime.block_on(check(&store, &all.sessions, &all.epochs));
    assert!(all.sessions.len() > 200, "only {} sessions", all.sessions.len());
    assert_eq!(all.epochs.len(), WRITERS as usize);
    assert!(killed_early < KILLS / 2, "{killed_early} were killed before they began");
}

/// Runs a program that writes, kills it, and returns what it acknowledged.
fn run_and_kill(file: &Path, round: u32, early: bool, wait: Duration) -> Acknowledged {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(FILE, file)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged = Vec::new();
    if !early {
        acknowledged.extend(lines.by_ref().find(|line| line.starts_with("ack ")));
        // While it runs, no other process can open the file.
        assert!(matches!(RedbSessions::open(file), Err(StoreError::Refused(_))));
    }
    thread::sleep(wait);
    // SIGKILL on Unix.
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(!status.success(), "it ended before it was killed");
    acknowledged.extend(lines);
    parse(&acknowledged)
}

fn parse(lines: &[String]) -> Acknowledged {
    let mut acknowledged = Acknowledged::default();
    for line in lines {
        // A line ends in a period, so that a truncated line is not read as a smaller
        // number.
        let Some(line) = line.strip_prefix("ack ").and_then(|line| line.strip_suffix('.')) else {
            continue;
        };
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["session", writer, number] => {
                acknowledged.sessions.push((writer.parse().unwrap(), number.parse().unwrap()));
            }
            ["epoch", writer, epoch] => {
                let epoch = epoch.parse().unwrap();
                acknowledged.epochs.insert(writer.parse().unwrap(), epoch);
            }
            _ => unreachable!("{line}"),
        }
    }
    acknowledged
}

async fn check(store: &RedbSessions, sessions: &[(u32, u32)], epochs: &BTreeMap<u32, u64>) {
    for &(writer, number) in sessions {
        let caller = caller(&format!("writer-{writer}"));
        let (found, _) = store.session(&id(&caller, number).handle).await.unwrap();
        assert!(found == session(&caller, number), "{writer} {number}");
    }
    for (&writer, &epoch) in epochs {
        let gate = store.gate(&caller(&format!("writer-{writer}"))).await.unwrap();
        // The last write may have taken effect without its acknowledgment.
        assert!(gate.whole.epoch >= Epoch(epoch), "{writer}: {:?} < {epoch}", gate.whole.epoch);
        assert!(gate.whole.block.is_some());
    }
}

/// The program that is killed. It writes sessions and revocations concurrently, and
/// prints each one that the store acknowledged.
fn write(file: &Path, round: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let store = RedbSessions::open(file).unwrap();
    // The test harness has begun a line.
    let out = Mutex::new(std::io::stdout());
    let print_line = |line: String| out.lock().unwrap().write_all(line.as_bytes()).unwrap();
    print_line("\n".to_owned());
    runtime.block_on(async {
        let writer = async |writer: u32| {
            let caller = caller(&format!("writer-{writer}"));
            // Limited, in case the test that kills it has ended.
            for number in 0..20_000 {
                let number = round * 100_000 + number;
                store.create_session(&session(&caller, number)).await.unwrap();
                print_line(format!("ack session {writer} {number}.\n"));
                if number.is_multiple_of(3) {
                    let gate =
                        store.change_gate(&caller, &revoke(Scope::Caller, None)).await.unwrap();
                    print_line(format!("ack epoch {writer} {}.\n", gate.whole.epoch.0));
                }
            }
        };
        tokio::join!(writer(0), writer(1), writer(2), writer(3));
    });
}
