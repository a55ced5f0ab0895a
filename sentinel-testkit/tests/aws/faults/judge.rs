//! What must hold in every row, whatever is wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sentinel_store::{DynamoPolicies, PolicyPath, PolicyStore, Record, SsmPolicies};
use sentinel_testkit::emulator::{Emulator, Kind};
use sentinel_testkit::proxy::Fault;
use sentinel_tvm::Response;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::line::Cut;
use super::table::{Ask, Class, Harm, Recorded, Row, Sees};
use super::world::{Asked, POLICIES, Service, Setting, World};

/// The guide's time-outs of the functions.
pub(crate) const TVM_TIMEOUT: Duration = Duration::from_secs(30);
pub(crate) const AUTHORIZER_TIMEOUT: Duration = Duration::from_secs(5);

/// By when they answer.
pub(crate) const TVM_WITHIN: Duration = Duration::from_secs(25);
pub(crate) const AUTHORIZER_WITHIN: Duration = Duration::from_secs(4);

/// What a service that does not answer may cost, and what this machine may.
fn within(row: &Row) -> Duration {
    if row.place.ask == Ask::Authorize {
        return AUTHORIZER_WITHIN;
    }
    let patience = match row.place.service {
        Service::Ssm => 6,
        Service::DynamoDb => 3,
        Service::Sts => 10,
    };
    let contended = if row.class == Class::Contended { 17 } else { 0 };
    TVM_WITHIN.min(Duration::from_secs(patience + contended + 5))
}

/// No call is tried more often.
const ATTEMPTS: usize = 3;

impl Ask {
    pub(crate) fn asked(self, session: &str) -> Asked {
        let get = |user, path, query: &str| Asked {
            user,
            method: "GET",
            path,
            query: query.to_owned(),
            body: None,
        };
        let post = |path, body: Value| Asked {
            user: "carol",
            method: "POST",
            path,
            query: String::new(),
            body: Some(body),
        };
        let alice = json!({ "user": "alice", "profile": "production", "reason": "a test" });
        match self {
            Self::Vend(profile) => get("alice", "/", &format!("profile={profile}")),
            Self::Profiles => get("alice", "/profiles", ""),
            Self::OwnSessions => get("alice", "/sessions", ""),
            Self::AllSessions => get("carol", "/sessions", ""),
            Self::Revoke => post("/sessions/revoke", alice),
            Self::RevokeSession => {
                post("/sessions/revoke", json!({ "session": session, "reason": "a test" }))
            }
            Self::Reinstate => post("/sessions/reinstate", alice),
            Self::Authorize => panic!("is asked of the authorizer"),
        }
    }
}

/// Judges all rows at the same time, as far as one machine can: a service that
/// does not answer costs nothing meanwhile.
pub(crate) async fn judge(rows: Vec<Row>) {
    let emulator = Emulator::start(Kind::Ministack).await.unwrap();
    let busy = Arc::new(Semaphore::new(4));
    let judged = rows.iter().map(|row| judge_one(&emulator, row, &busy));
    let wrong: Vec<String> = join_all(judged).await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// What is wrong with a row.
async fn judge_one(emulator: &Emulator, row: &Row, busy: &Semaphore) -> Option<String> {
    let permit = busy.acquire().await.unwrap();
    let unnamed = matches!(row.harm, Harm::Unnamed).then(|| row.place.service.word());
    let setting = Setting { unnamed, ..row.place.setting };
    let world = World::new(emulator, setting).await;
    let session = prepare(&world, row).await;
    drop(world.sink().take());
    let before = world.sessions("alice").await.len();

    match &row.harm {
        Harm::Call(fault) => world.harm(row.place.service, row.place.rule(fault.clone())),
        Harm::Once(fault) => world.harm(row.place.service, row.place.once(fault.clone())),
        Harm::Line(cut) => world.cut(row.place.service, *cut).await,
        Harm::Unnamed => {}
    }
    let waits = is_slow(row);
    let permit = if waits {
        drop(permit);
        None
    } else {
        Some(permit)
    };
    let started = Instant::now();
    let answer = ask(&world, row.place.ask, &session).await;
    let took = started.elapsed();
    let _permit = match permit {
        Some(permit) => permit,
        None => busy.acquire().await.unwrap(),
    };

    let mut wrong = Vec::new();
    let mut check = |good: bool, what: String| {
        if !good {
            wrong.push(what);
        }
    };
    check(answer.sees == row.sees, format!("saw {:?} ({})", answer.sees, answer.text));
    if row.sees != Sees::Done {
        for word in ["ASIA", "AccessKeyId", "SecretAccessKey", "\"isAuthorized\":true"] {
            check(!answer.text.contains(word), format!("`{word}` in the answer"));
        }
        check(!answer.has_session, "a session id in the answer".to_owned());
    }
    check(answer.retry_after == retry_after(row.sees), format!("Retry-After {:?}", answer.retry_after));
    check(took <= within(row), format!("took {took:?}"));
    let harmed = world.harmed();
    let met = match row.harm {
        Harm::Call(_) | Harm::Once(_) => !harmed.is_empty(),
        Harm::Line(_) | Harm::Unnamed => true,
    };
    check(met, "no call met the fault".to_owned());
    let most = if row.class == Class::Contended { usize::MAX } else { ATTEMPTS };
    check(harmed.len() <= most, format!("{} attempts", harmed.len()));
    records(&world, row, &mut check);
    if row.sees != Sees::Done {
        let made = world.sessions("alice").await;
        let active = made.iter().filter(|session| session.ended.is_none()).count();
        // Those that were made to prepare it are active still.
        check(active <= before, format!("{active} sessions are active, {before} before"));
    }

    if unnamed.is_none() {
        world.heal().await;
        let again = ask(&world, row.place.ask, &session).await;
        check(again.sees == Sees::Done, format!("then {:?} ({})", again.sees, again.text));
    }
    let Row { place, fault, .. } = row;
    (!wrong.is_empty()).then(|| {
        let place = format!("{:?}, {} {:?}", place.chapter, place.name, place.ask);
        format!("{place}, {fault}: {}", wrong.join("; "))
    })
}

/// Whether the row mostly waits.
fn is_slow(row: &Row) -> bool {
    let fault = match &row.harm {
        Harm::Call(fault) | Harm::Once(fault) => fault,
        Harm::Line(cut) => return matches!(cut, Cut::Deaf),
        Harm::Unnamed => return true,
    };
    row.class == Class::Contended
        || matches!(
            fault,
            Fault::SlowBefore(_) | Fault::SlowAfter(_) | Fault::Silent | Fault::Stalled
        )
}

/// Brings the world to where the row begins; gives a session id of alice's.
async fn prepare(world: &World, row: &Row) -> String {
    match row.place.service {
        Service::Ssm => {
            // So that there is an answer about something else; the function
            // itself must not have asked yet.
            if row.class == Class::Mistaken {
                let ssm = aws_sdk_ssm::Client::new(world.config());
                let put = ssm.put_parameter().name("/sentinel/other/x").value("x");
                put.r#type(aws_sdk_ssm::types::ParameterType::String).send().await.unwrap();
                let others = SsmPolicies::new(world.proxied());
                others.names(&PolicyPath::new("/sentinel/other"), None).await.unwrap();
                for name in ["main", "billing"] {
                    let path = PolicyPath::new(&format!("/sentinel/policies/{name}"));
                    others.policy(&path).await.unwrap();
                }
            }
            return String::new();
        }
        Service::DynamoDb | Service::Sts => {}
    }
    if matches!(row.harm, Harm::Unnamed) {
        return String::new();
    }
    if row.place.setting.policy_table {
        let others = DynamoPolicies::new(world.proxied(), POLICIES);
        others.policy(&PolicyPath::new("/sentinel/policies/payroll")).await.unwrap();
        return String::new();
    }
    // Gates that are there, of an epoch that is not that of none.
    for caller in ["alice", "bob"] {
        world.change(caller, true).await;
        world.change(caller, false).await;
    }
    let mut ids = Vec::new();
    for user in ["bob", "alice", "alice"] {
        let asked = Asked { user, ..Ask::Vend("production").asked("") };
        let response = world.ask(&asked, TVM_TIMEOUT).await;
        assert_eq!(response.status_code, 200, "{}: {:?}", response.body, world.issued());
        ids.push(response.headers["x-sentinel-session-id"].clone());
    }
    let [bobs, other, id] = ids.as_slice() else { panic!("{}", ids.len()) };
    // The answers about others that the proxy may give.
    match row.place.ask {
        Ask::Authorize => {
            let others = if row.class == Class::Mistaken { vec![bobs, other] } else { vec![bobs] };
            for other in others {
                let answer = world.authorize(other, AUTHORIZER_TIMEOUT).await.unwrap();
                assert_eq!(answer["isAuthorized"], true, "{answer}");
            }
        }
        Ask::OwnSessions => {
            let asked = Asked { user: "bob", ..Ask::OwnSessions.asked("") };
            assert_eq!(world.ask(&asked, TVM_TIMEOUT).await.status_code, 200);
        }
        Ask::Reinstate => world.change("alice", true).await,
        Ask::Vend(_) | Ask::Profiles | Ask::AllSessions | Ask::Revoke | Ask::RevokeSession => {}
    }
    id.clone()
}

/// What was answered.
pub(crate) struct Answer {
    pub(crate) sees: Sees,
    pub(crate) text: String,
    pub(crate) has_session: bool,
    pub(crate) retry_after: Option<String>,
}

impl Answer {
    pub(crate) fn of(response: &Response) -> Self {
        let body: Value = serde_json::from_str(&response.body).unwrap();
        let known = sentinel_broker::Code::ALL.iter().find(|code| body["Code"] == code.as_str());
        let sees = match known {
            Some(code) => {
                assert_eq!(code.status(), response.status_code);
                Sees::Refused(*code)
            }
            None => {
                assert_eq!(response.status_code, 200, "{}", response.body);
                Sees::Done
            }
        };
        Self {
            sees,
            // What was done may be credentials.
            text: if sees == Sees::Done { String::new() } else { response.body.clone() },
            has_session: response.headers.contains_key("x-sentinel-session-id"),
            retry_after: response.headers.get("retry-after").cloned(),
        }
    }
}

pub(crate) async fn ask(world: &World, ask: Ask, session: &str) -> Answer {
    if ask != Ask::Authorize {
        let handle = session.strip_prefix("session-").and_then(|id| id.get(..42));
        let asked = ask.asked(handle.unwrap_or_default());
        return Answer::of(&world.ask(&asked, TVM_TIMEOUT).await);
    }
    let id = if session.is_empty() { A_SESSION } else { session };
    let answer = world.authorize(id, AUTHORIZER_TIMEOUT).await.unwrap();
    let text = answer.to_string();
    let sees = match answer["isAuthorized"].as_bool() {
        Some(true) => Sees::Done,
        Some(false) | None => {
            assert_eq!(answer, json!({ "isAuthorized": false, "context": {} }));
            Sees::Forbidden(refusal(world))
        }
    };
    Answer { sees, text, has_session: false, retry_after: None }
}

/// A session id that parses.
const A_SESSION: &str = "session-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbba";

/// Why the authorizer refused, as its last event says.
fn refusal(world: &World) -> &'static str {
    let records = world.sink().records();
    let codes = records.iter().rev().find_map(|record| match record {
        Record::Event(event) => event.code.clone(),
        Record::Decision(_) | Record::Metrics(_) => None,
    });
    match codes.as_deref() {
        Some("store_failed") => "store_failed",
        Some("unknown") => "unknown",
        Some("revoked") => "revoked",
        _ => "?",
    }
}

fn retry_after(sees: Sees) -> Option<String> {
    use sentinel_broker::Code;
    match sees {
        Sees::Refused(Code::RateLimited) => Some("2".to_owned()),
        Sees::Refused(Code::StoreUnavailable) => Some("5".to_owned()),
        Sees::Refused(_) | Sees::Done | Sees::Forbidden(_) => None,
    }
}

/// Exactly one record, with the code that was answered.
fn records(world: &World, row: &Row, check: &mut impl FnMut(bool, String)) {
    let records = world.sink().records();
    let code = match row.sees {
        Sees::Done => "OK",
        Sees::Refused(code) => code.as_str(),
        Sees::Forbidden(code) => code,
    };
    let mut decisions = Vec::new();
    let mut events = Vec::new();
    for record in &records {
        match record {
            Record::Decision(decision) => decisions.push(decision.code.as_str()),
            Record::Event(event) => events.push((event.event, event.code.as_deref())),
            Record::Metrics(_) => {}
        }
    }
    match row.place.recorded {
        Recorded::Decision => {
            check(decisions == [code], format!("decisions {decisions:?}"));
            check(events.is_empty(), format!("events {events:?}"));
        }
        Recorded::Event(kind) => {
            check(decisions.is_empty(), format!("decisions {decisions:?}"));
            let told: Vec<_> = events.iter().filter(|(of, _)| *of == kind).collect();
            let refused: Vec<_> = told.iter().filter_map(|(_, code)| *code).collect();
            if row.sees == Sees::Done {
                check(refused.is_empty(), format!("events {events:?}"));
            } else {
                check(refused == [code], format!("events {events:?}"));
            }
        }
        Recorded::Nothing => {
            check(decisions.is_empty(), format!("decisions {decisions:?}"));
            check(row.sees == Sees::Done || events.is_empty(), format!("events {events:?}"));
        }
    }
}
