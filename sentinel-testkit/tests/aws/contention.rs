//! Two hundred concurrent vends for one caller, and operators who revoke and reinstate that caller
//! at the same time, through DynamoDB.
//!
//! The assertions use the calls that the proxies recorded. Each sandbox serves one request at a
//! time and has a separate proxy. So the test can determine, for every vend, when its second read
//! of the gate began, and for every change of the gate, when its write began and when it was
//! acknowledged. The gate is a register: a read sees the last write that was acknowledged before
//! the read began, or a write that was in progress during the read. A vend *should have seen* a
//! revocation if none of the writes that its second read may have seen leaves its session in force.
//! Then the answer must not contain credentials.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use sentinel_store::SessionId;
use sentinel_store::aws::Timing;
use sentinel_testkit::call::RecordedCall;
use sentinel_testkit::emulator::Kind;
use sentinel_testkit::proxy::{Fault, Rule};
use sentinel_tvm::StsIssuer;
use sentinel_tvm::lambda::Timings;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::deployed::{Answer, AuthorizerSandbox, Sandbox, World};

/// Number of concurrent vends, each in a separate sandbox.
const SANDBOXES: usize = 200;

/// Number of vends of each sandbox in a round, unless a vend is blocked earlier.
const VENDS: usize = 3;

/// The round's revocations start after one in this many of them has an answer.
const TENTH: usize = 10;

/// Maximum delay of the answer to a session's write. It differs for each sandbox, so that for many
/// of them a revocation comes between the two reads.
const DELAY: Duration = Duration::from_millis(800);

/// DynamoDB answers this many requests in a few milliseconds. An emulator answers one after
/// another, and the stand-in shares this process with its clients, so that 200 vends wait for
/// seconds. This test does not measure their duration.
const LONG_TIMEOUTS: Timings = Timings::new(
    Timing::DYNAMODB.with_attempt(LONG_TIMEOUT).with_operation(LONG_TIMEOUT),
    StsIssuer::TIMING.with_attempt(LONG_TIMEOUT).with_operation(LONG_TIMEOUT),
);

const LONG_TIMEOUT: Duration = Duration::from_secs(20);

const PROFILE: &str = "production";

/// The operators, who revoke at the same time.
const OPERATORS: [&str; 3] = ["carol", "dave", "erin"];

/// What is revoked in each round.
#[derive(Clone, Copy, Debug)]
enum Round {
    OnProfile,
    Caller,
    Session,
}

const ROUNDS: [Round; 3] = [Round::OnProfile, Round::Caller, Round::Session];

/// The epochs of the caller as a whole and of the caller on the profile.
type Epochs = (u64, u64);

/// A write of the gate that was acknowledged.
#[derive(Clone, Copy, Debug)]
struct Write {
    revision: u64,
    epochs: Epochs,
    blocked: bool,
    start_us: u64,
    end_us: u64,
}

/// A vend, as the client and the proxy observed it.
#[derive(Debug)]
struct Vend {
    answer: Answer,
    /// Its decision record.
    record: Value,
    /// The epochs of the session that it wrote, if it wrote one.
    epochs: Option<Epochs>,
    /// Start and end of its last reads of the gate before and after that write.
    first: Option<(u64, u64)>,
    second: Option<(u64, u64)>,
}

fn number(value: &Value) -> u64 {
    value["N"].as_str().unwrap().parse().unwrap()
}

fn key(call: &RecordedCall, at: &str) -> String {
    call.parameters[at]["sk"]["S"].as_str().unwrap_or_default().to_owned()
}

fn writes(calls: &[RecordedCall]) -> Vec<Write> {
    let gates = calls.iter().filter(|call| {
        call.operation == "PutItem" && key(call, "Item") == "gate" && call.status == Some(200)
    });
    gates
        .map(|call| {
            let record = &call.parameters["Item"]["record"]["M"];
            let (whole, profiles) = (&record["whole"]["M"], &record["profiles"]["M"]);
            let profile = &profiles[PROFILE]["M"];
            let epoch = |of: &Value| if of.is_null() { 0 } else { number(&of["epoch"]) };
            let blocked = |of: &Value| of["block"]["M"].is_object();
            Write {
                revision: number(&call.parameters["Item"]["revision"]),
                epochs: (epoch(whole), epoch(profile)),
                blocked: blocked(whole) || blocked(profile),
                start_us: call.start_us,
                end_us: call.end_us,
            }
        })
        .collect()
}

/// Creates the vend from its answer, its record, and the calls of its sandbox since it began.
fn vend(answer: Answer, mut records: Vec<Value>, calls: &[RecordedCall]) -> Vend {
    assert_eq!(records.len(), 1, "one record a request: {records:?}");
    let record = records.remove(0);
    assert_eq!(record["request_id"], answer.request_id.as_str());
    let write = calls.iter().rfind(|call| {
        let of = &call.parameters["Item"]["record"]["M"]["request_id"]["S"];
        call.operation == "PutItem" && *of == answer.request_id.as_str()
    });
    let reads =
        || calls.iter().filter(|call| call.operation == "GetItem" && key(call, "Key") == "gate");
    let span = |call: &RecordedCall| (call.start_us, call.end_us);
    let ended = write.map_or(u64::MAX, |write| write.end_us);
    let epochs = write.map(|write| {
        let epochs = &write.parameters["Item"]["record"]["M"]["epochs"]["M"];
        (number(&epochs["caller"]), number(&epochs["profile"]))
    });
    Vend {
        answer,
        record,
        epochs,
        first: reads().rfind(|call| call.start_us < ended).map(span),
        second: reads().rfind(|call| call.start_us >= ended).map(span),
    }
}

/// What a read may have seen: the epochs, and whether there was a block.
fn visible(writes: &[Write], (start, end): (u64, u64)) -> Vec<(Epochs, bool)> {
    let last = writes.iter().filter(|write| write.end_us < start).max_by_key(|it| it.revision);
    let revision = last.map_or(0, |last| last.revision);
    let meanwhile = writes.iter().filter(|write| write.revision > revision && write.start_us < end);
    let mut visible: Vec<_> = meanwhile.map(|write| (write.epochs, write.blocked)).collect();
    visible.push(last.map_or(((0, 0), false), |last| (last.epochs, last.blocked)));
    visible
}

/// A revocation: the epochs after it, and the list that followed it.
struct Revoked {
    epochs: Epochs,
    listed: Vec<(String, String)>,
}

/// Sends a request that must succeed on the first attempt.
async fn done(
    sandbox: &Sandbox,
    user: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> Answer {
    let answer = sandbox.ask(user, method, path, body).await;
    assert_eq!(answer.status, 200, "{user} {method} {path}: {answer:?}");
    answer
}

/// All pages of a list.
async fn list(sandbox: &Sandbox, user: &str) -> Vec<(String, String)> {
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/sessions?user=alice{cursor}");
        let answer = done(sandbox, user, "GET", &path, None).await;
        let text = |of: &Value| of.as_str().unwrap().to_owned();
        for session in answer.body["sessions"].as_array().unwrap() {
            listed.push((text(&session["session"]), text(&session["state"])));
        }
        match answer.body["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return listed,
        }
    }
}

fn body(round: Round, handle: &str) -> Value {
    match round {
        Round::OnProfile => json!({ "user": "alice", "profile": PROFILE, "reason": "a test" }),
        Round::Caller => json!({ "user": "alice", "reason": "a test" }),
        Round::Session => json!({ "session": handle, "reason": "a test" }),
    }
}

/// The state that the vending sandboxes and the operators share.
struct Stage {
    /// The number of rounds that have begun, and the total number of rounds.
    round: watch::Sender<usize>,
    rounds: usize,
    /// The number of answers that a round waits for.
    first: usize,
    /// The number of vends that were answered, and the session ids in the answers.
    answered: AtomicUsize,
    ids: Mutex<Vec<String>>,
}

impl Stage {
    /// Begins the next round, and waits for its first answers.
    async fn begin(&self) {
        let before = self.answered.load(Ordering::SeqCst);
        self.round.send_modify(|round| *round += 1);
        while self.answered.load(Ordering::SeqCst) < before + self.first {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Vends in every round.
async fn vend_in_rounds(sandbox: Sandbox, stage: &Stage) -> Vec<Vend> {
    let mut vends = Vec::new();
    let mut begun = stage.round.subscribe();
    for round in 1..=stage.rounds {
        begun.wait_for(|begun| *begun >= round).await.unwrap();
        // The last round has no revocations.
        let times = if round == stage.rounds { 1 } else { VENDS };
        for _ in 0..times {
            let answer = sandbox.vend("alice", PROFILE).await;
            stage.ids.lock().unwrap().extend(answer.session.clone());
            stage.answered.fetch_add(1, Ordering::SeqCst);
            let vend = vend(answer, sandbox.records(), &sandbox.calls());
            let blocked = vend.epochs.is_none();
            vends.push(vend);
            if blocked {
                break;
            }
        }
    }
    vends
}

/// Revokes repeatedly, with several operators concurrently, then lists and reinstates.
async fn operate(
    rounds: &[Round],
    operators: &[Sandbox],
    authorizer_sandbox: &AuthorizerSandbox,
    stage: &Stage,
) -> Vec<Revoked> {
    let mut revoked = Vec::new();
    for round in rounds {
        stage.begin().await;
        let shown = stage.ids.lock().unwrap().last().unwrap().clone();
        let handle = SessionId::parse(&shown).unwrap().handle.to_string();
        let answers = join_all(operators.iter().zip(OPERATORS).map(|(sandbox, user)| {
            done(sandbox, user, "POST", "/sessions/revoke", Some(body(*round, &handle)))
        }))
        .await;
        let epochs: BTreeSet<_> =
            answers.iter().map(|answer| answer.body["epoch"].as_u64().unwrap()).collect();
        assert_eq!(epochs.len(), operators.len(), "each revocation counts: {answers:?}");
        let last = gate_writes(operators).into_iter().max_by_key(|write| write.revision).unwrap();
        let (refused, listed) = tokio::join!(
            authorizer_sandbox.admits(Some(&shown), None),
            list(&operators[0], OPERATORS[0])
        );
        assert_eq!(refused, Some(false), "a revoked session was admitted");
        revoked.push(Revoked { epochs: last.epochs, listed });
        let body = body(*round, &handle);
        done(&operators[1], OPERATORS[1], "POST", "/sessions/reinstate", Some(body)).await;
    }
    // Some vends use the last epochs.
    stage.begin().await;
    revoked
}

/// All writes of the gate so far.
fn gate_writes(operators: &[Sandbox]) -> Vec<Write> {
    let calls: Vec<RecordedCall> =
        operators.iter().flat_map(|sandbox| sandbox.data.calls()).collect();
    writes(&calls)
}

/// Sandboxes that have already read the policy. Another test covers cold starts.
async fn warmed(world: &World, count: usize) -> Vec<Sandbox> {
    stream::iter(0..count)
        .map(|_| async {
            let sandbox = world
                .tvm_with_timings(&[("SENTINEL_POLICY_CACHE_TTL", "10m")], LONG_TIMEOUTS)
                .await;
            done(&sandbox, "bob", "GET", "/whoami", None).await;
            sandbox.calls();
            sandbox.records();
            sandbox
        })
        .buffer_unordered(8)
        .collect()
        .await
}

async fn contend(kind: Kind, sandboxes: usize, rounds: &[Round]) {
    let world = World::start(kind).await;
    let operators = warmed(&world, OPERATORS.len()).await;
    let authorizer_sandbox = world.authorizer().await;
    let stage = Arc::new(Stage {
        round: watch::Sender::new(0),
        rounds: rounds.len() + 1,
        first: sandboxes.div_ceil(TENTH),
        answered: AtomicUsize::new(0),
        ids: Mutex::default(),
    });
    let mut vending = Vec::new();
    for (number, sandbox) in (0..).zip(warmed(&world, sandboxes).await) {
        let delay = DELAY * number / u32::try_from(sandboxes).unwrap();
        sandbox.data.inject(Rule::operation("dynamodb", "PutItem", Fault::SlowAfter(delay)));
        let stage = Arc::clone(&stage);
        vending.push(tokio::spawn(async move { vend_in_rounds(sandbox, &stage).await }));
    }
    let revoked = operate(rounds, &operators, &authorizer_sandbox, &stage).await;
    let mut vends = Vec::new();
    for sandbox in vending {
        vends.extend(sandbox.await.unwrap());
    }
    let writes = gate_writes(&operators);
    every_write_counts(&writes, rounds);
    check_that_every_answer_is_right(&vends, &writes);
    every_session_is_in_the_list_that_follows(&vends, &revoked);
    every_session_is_accounted_for(&world, &vends).await;
    check_the_authorizer(&authorizer_sandbox, &vends, &writes).await;
    assert!(vends.len() >= sandboxes * (rounds.len() + 1), "a caller did not vend");
    let withheld = vends.iter().filter(|vend| vend.record["withheld"] == true).count();
    let good = vends.iter().filter(|vend| vend.answer.status == 200).count();
    assert!(withheld > 0, "no vend was in progress during a revocation: the test checked nothing");
    assert!(vends.len() > good + withheld, "no vend began during a block");
}

/// No change of the gate was lost: the number of revisions equals the number of acknowledged
/// changes, and the revisions are consecutive.
fn every_write_counts(writes: &[Write], rounds: &[Round]) {
    let mut revisions: Vec<_> = writes.iter().map(|write| write.revision).collect();
    revisions.sort_unstable();
    let count = rounds.len() * (OPERATORS.len() + 1);
    assert_eq!(revisions, (1..=count as u64).collect::<Vec<_>>());
    let last = writes.iter().max_by_key(|write| write.revision).unwrap();
    let whole = rounds.iter().filter(|round| matches!(round, Round::Caller)).count();
    let expected = (whole * OPERATORS.len(), (rounds.len() - whole) * OPERATORS.len());
    assert_eq!(last.epochs, (expected.0 as u64, expected.1 as u64));
    assert!(!last.blocked);
}

fn check_that_every_answer_is_right(vends: &[Vend], writes: &[Write]) {
    for vend in vends {
        let code = vend.answer.code();
        assert!(["OK", "SESSION_REVOKED"].contains(&code), "failed for contention: {vend:?}");
        assert_eq!(vend.record["code"], code);
        assert_eq!(vend.record["effect"], if code == "OK" { "allow" } else { "deny" });
        let withheld = vend.record["withheld"] == true;
        match (vend.second, vend.epochs) {
            (Some(read), Some(epochs)) => {
                let visible = visible(writes, read);
                let good = visible.contains(&(epochs, false));
                let bad = visible.iter().any(|seen| *seen != (epochs, false));
                if code == "OK" {
                    assert!(good, "it must be affected by a revocation: {vend:?}, {visible:?}");
                } else {
                    assert!(bad, "no revocation could affect it: {vend:?}, {visible:?}");
                    assert!(withheld, "{vend:?}");
                }
            }
            // Refused at its first read, before anything was written.
            (None, None) => {
                let visible = visible(writes, vend.first.unwrap());
                assert!(code != "OK" && !withheld, "no second read: {vend:?}");
                assert!(visible.iter().any(|(_, blocked)| *blocked), "{vend:?}, {visible:?}");
            }
            (_, _) => panic!("a session without a second read, or the other way: {vend:?}"),
        }
    }
}

/// Every vend that answered with credentials under epochs from before a revocation has its session
/// in the list that followed the revocation, with the state `revoked`. This holds even if the vend
/// was answered after that list was begun.
fn every_session_is_in_the_list_that_follows(vends: &[Vend], revoked: &[Revoked]) {
    for vend in vends.iter().filter(|vend| vend.answer.status == 200) {
        let (epochs, handle) = (vend.epochs.unwrap(), vend.answer.handle().unwrap());
        for Revoked { epochs: after, listed } in revoked {
            if epochs.0 < after.0 || epochs.1 < after.1 {
                let found = listed.iter().find(|(listed, _)| *listed == handle);
                let (_, state) = found.unwrap_or_else(|| panic!("not listed: {vend:?}"));
                assert_eq!(state, "revoked", "{vend:?}");
            }
        }
    }
}

/// Each answer with credentials has one session in the table. Each withheld vend has one too, which
/// has ended or has old epochs. There are no other sessions.
async fn every_session_is_accounted_for(world: &World, vends: &[Vend]) {
    let stored = world.sessions_of("alice").await;
    let written = vends.iter().filter(|vend| vend.epochs.is_some()).count();
    assert_eq!(stored.len(), written, "a session was lost, or belongs to no vend");
    for vend in vends {
        let mut of = stored.iter().filter(|it| it.request_id == vend.answer.request_id);
        let (one, more) = (of.next(), of.next());
        assert!(more.is_none(), "two sessions of {vend:?}");
        match (one, vend.answer.handle()) {
            (Some(stored), Some(handle)) => {
                assert_eq!(stored.handle, handle);
                assert!(!stored.ended, "{vend:?}");
            }
            (None, Some(_)) => panic!("the session was lost: {vend:?}"),
            (Some(_), None) => assert_eq!(vend.record["withheld"], true, "{vend:?}"),
            (None, None) => {}
        }
    }
}

/// Of all sessions in answers, the authorizer admits only those of the last epochs.
async fn check_the_authorizer(
    authorizer_sandbox: &AuthorizerSandbox,
    vends: &[Vend],
    writes: &[Write],
) {
    let last = writes.iter().max_by_key(|write| write.revision).unwrap().epochs;
    let shown = vends.iter().filter_map(|vend| Some((vend, vend.answer.session.as_deref()?)));
    let (mut admitted, mut refused) = (0, 0);
    let mut checked = stream::iter(shown)
        .map(|(vend, id)| async move { (vend, authorizer_sandbox.admits(Some(id), None).await) })
        .buffer_unordered(4);
    while let Some((vend, admits)) = checked.next().await {
        let good = vend.epochs == Some(last);
        assert_eq!(admits, Some(good), "{vend:?}");
        if good { admitted += 1 } else { refused += 1 }
    }
    assert!(admitted > 0 && refused > 0, "{admitted} admitted, {refused} refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_concurrent_vends_respect_every_earlier_revocation() {
    contend(Kind::Ministack, SANDBOXES, &ROUNDS).await;
}

/// The same on a second implementation. That emulator takes ten times as long, so fewer vends run
/// concurrently.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_holds_on_another_emulator() {
    contend(Kind::Moto, 24, &[Round::OnProfile, Round::Caller]).await;
}
