//! Everything that a run writes is searched for every secret in it.

use std::fmt::Write as _;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use sentinel_broker::{
    Broker, Home, LocalIssuer, Parts, Random, RandomError, SessionTable, Settings,
};
use sentinel_store::conformance::{
    Faults, FaultySink, Hook, HookedSessions, Phase, StoreCall, StoreOperation,
};
use sentinel_store::memory::{MemoryPolicies, MemorySessions, MemorySink};
use sentinel_store::{PolicyPath, Secret, StoreError};
use sentinel_tvm::{Invocation, Response, Tvm};
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::world::{ORIGIN, body, http};

const KEY: [u8; 32] = *b"the-local-issuers-signing-key-32";

/// Everything that is printed.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The same bytes each time, so that the secrets of a run are known in advance.
#[derive(Debug)]
struct Known;

impl Random for Known {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        for (index, byte) in buffer.iter_mut().enumerate() {
            *byte = 0x5a ^ u8::try_from(index).map_err(RandomError::new)?;
        }
        Ok(())
    }
}

/// Panics or fails at one operation.
#[derive(Debug)]
struct Breaking {
    operation: Option<StoreOperation>,
    panics: bool,
}

#[async_trait]
impl Hook for Breaking {
    fn begin(&self, operation: StoreOperation) -> StoreCall {
        StoreCall::new(operation, 0)
    }

    async fn at(&self, call: StoreCall, moment: Phase) -> Result<(), StoreError> {
        if self.operation != Some(call.operation) || moment == Phase::Before {
            return Ok(());
        }
        assert!(!self.panics, "injected");
        Err(StoreError::Unavailable("injected".into()))
    }
}

/// One run: its responses, and everything that it writes (records, and the `Debug` of
/// the parts).
async fn run(
    events: &[Value],
    operation: Option<StoreOperation>,
    panics: bool,
) -> (Vec<Response>, String) {
    let parameter = PolicyPath::new("/sentinel/policies/main");
    let policies = MemoryPolicies::new();
    policies.put(&parameter, "version: \"1\"\nrules:\n- { name: all, effect: allow, conditions: { profiles: [production] } }\n");
    let clock: Arc<DateTime<Utc>> = Arc::new("2026-03-02T10:00:00Z".parse().unwrap());
    let sink = Arc::new(MemorySink::new());
    let hook = Arc::new(Breaking { operation, panics });
    let faults = Faults::new();
    if operation == Some(StoreOperation::Write) {
        let every = sentinel_store::conformance::CallSelector::All;
        faults.fail(every, Phase::Before, sentinel_store::conformance::StoreErrorKind::Unavailable);
    }
    let store = Arc::new(HookedSessions::new(MemorySessions::new(), hook));
    let issuer = LocalIssuer::new(KEY, clock.clone(), Arc::new(Known));
    let faulty = FaultySink::new(sink.clone(), faults);
    let parts = Parts::new(Arc::new(policies), Arc::new(issuer), Arc::new(faulty))
        .with_sessions(SessionTable::new("sessions", store))
        .with_clock(clock)
        .with_random(Arc::new(Known));
    let broker = Broker::new(Settings::new(parameter), parts);
    let tvm = Tvm::new(broker, Some(Secret::new(ORIGIN)));
    let home = Home::from_arn("arn:aws:lambda:us-east-1:111122223333:function:tvm").unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let invocation = Invocation::new("runtime-1", home, deadline);
    let mut left = String::new();
    let mut answers = Vec::new();
    for event in events {
        let answer = tvm.handle(event, &invocation).await;
        write!(left, "{answer:?}\n{answer:#?}").unwrap();
        if answer.status_code != 200 {
            left.push_str(&serde_json::to_string(&answer).unwrap());
        }
        answers.push(answer);
    }
    write!(left, "{tvm:?}\n{tvm:#?}").unwrap();
    for record in sink.records() {
        write!(left, "{record:?}\n{}", serde_json::to_string(&record).unwrap()).unwrap();
    }
    (answers, left)
}

fn good(query: &str) -> Value {
    let mut event = http("alice", "GET", "/", query);
    event["stageVariables"] = json!({ "sentinelOrigin": ORIGIN });
    event
}

/// The forms in which a secret can appear.
fn forms(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    vec![
        secret.to_owned(),
        BASE64.encode(bytes),
        BASE64_NOPAD.encode(bytes),
        BASE64URL_NOPAD.encode(bytes),
        HEXLOWER.encode(bytes),
        format!("{bytes:?}"),
    ]
}

/// A run whose secrets are all known (the issuer's key, the origin secret, and
/// what a vend returns: secret key, token, session id and its secret half), with
/// each call of the session store and of the sink failing and panicking in turn,
/// and everything that it prints at the finest level, responses other than the
/// credentials, records, `Debug` and panic messages searched.
#[test]
fn invariant_6_no_secret_is_left_behind_panics_included() {
    let heard = Heard::default();
    let writer = heard.clone();
    let subscriber = tracing_subscriber::registry().with(
        tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone()),
    );
    std::panic::set_hook(Box::new({
        let heard = heard.clone();
        move |info| {
            let trace = std::backtrace::Backtrace::force_capture();
            // A hook that cannot write has no way to report it.
            writeln!(heard.clone(), "{info}\n{trace}").ok();
        }
    }));
    use io::Write as _;

    let mut secrets = vec![String::from_utf8(KEY.to_vec()).unwrap(), ORIGIN.to_owned()];
    let mut left = String::new();
    let mut answered = Vec::new();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        tracing::subscriber::with_default(subscriber, || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let mut forged = good("profile=production");
            forged["stageVariables"] = json!({ "sentinelOrigin": format!("{ORIGIN}x") });
            let (answers, behind) =
                runtime.block_on(run(&[good("profile=production")], None, false));
            left.push_str(&behind);
            let vended = body(&answers[0]);
            for name in ["SecretAccessKey", "Token"] {
                secrets.push(vended[name].as_str().unwrap().to_owned());
            }
            let id = answers[0].headers["x-sentinel-session-id"].clone();
            secrets.push(id.split_at(50).1.to_owned());
            secrets.push(id.clone());
            // The client may send any of them in the wrong place.
            let mut astray = good("profile=production");
            astray["body"] = json!(format!("{{\"profile\":\"{id}\""));
            astray["headers"]["x-sentinel-session-id"] = json!(id);
            let events = [
                forged,
                astray,
                good(&format!("profile={id}")),
                good(&format!("profile=production&duration={id}")),
                good("profile=production"),
            ];
            for operation in [
                StoreOperation::Gate,
                StoreOperation::CreateSession,
                StoreOperation::EndSession,
                StoreOperation::Write,
            ] {
                for panics in [false, true] {
                    let (answers, behind) = runtime.block_on(run(&events, Some(operation), panics));
                    left.push_str(&behind);
                    answered.extend(answers.iter().map(|answer| answer.status_code));
                }
            }
        })
    }));
    drop(std::panic::take_hook());
    let heard = heard.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let heard = String::from_utf8_lossy(&heard);
    assert!(outcome.is_ok(), "{heard}");
    left.push_str(&heard);

    // The search would find them: it covers panics and logs.
    assert!(left.contains("injected") && left.contains("a panic was caught"));
    assert!(answered.contains(&500) && answered.contains(&503) && answered.contains(&403));
    for (number, secret) in secrets.iter().enumerate() {
        for form in forms(secret) {
            assert!(!left.contains(&form), "secret {number} is left behind");
        }
    }
}
