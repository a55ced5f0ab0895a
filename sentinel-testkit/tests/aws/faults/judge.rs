//! What must hold in every row, for every fault.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sentinel_store::dynamodb::DynamoPolicies;
use sentinel_store::ssm::SsmPolicies;
use sentinel_store::{PolicyPath, PolicyStore, Record};
use sentinel_testkit::proxy::Fault;
use sentinel_tvm::Response;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::class::Class;
use super::connection::ConnectionFault;
use super::place::{Recorded, RequestKind};
use super::table::{Injection, Row, Sees};
use super::world::{POLICIES, Service, Setting, Shared, TvmRequest, World};

/// The guide's timeouts of the functions.
pub(crate) const TVM_TIMEOUT: Duration = Duration::from_secs(30);
pub(crate) const AUTHORIZER_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum time until the functions answer.
pub(crate) const TVM_WITHIN: Duration = Duration::from_secs(25);
pub(crate) const AUTHORIZER_WITHIN: Duration = Duration::from_secs(4);

/// The time that a service that does not answer may cost, and an allowance for this machine.
fn within(row: &Row) -> Duration {
    if row.place.request_kind == RequestKind::Authorize {
        return AUTHORIZER_WITHIN;
    }
    let seconds = match row.place.service {
        Service::Ssm => 6,
        Service::DynamoDb => 3,
        Service::Sts => 10,
    };
    TVM_WITHIN.min(Duration::from_secs(seconds + 5))
}

/// Maximum number of attempts of a call.
const ATTEMPTS: usize = 3;

impl RequestKind {
    pub(crate) fn request(self, session: &str) -> TvmRequest {
        let get = |user, path, query: &str| TvmRequest {
            user,
            method: "GET",
            path,
            query: query.to_owned(),
            body: None,
        };
        let post = |path, body: Value| TvmRequest {
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
            Self::Authorize => panic!("is a request to the authorizer"),
        }
    }
}

/// Checks all rows concurrently, as far as one machine can. A row that waits for a service that
/// does not answer uses no CPU, so it has a separate world. The other rows about one call run one
/// after another.
pub(crate) async fn judge(rows: Vec<Row>) {
    let shared = Shared::new().await;
    let busy = Semaphore::new(4);
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    for row in &rows {
        let alike = |group: &&mut Vec<&Row>| {
            let first = group[0];
            first.place.name == row.place.name
                && first.place.request_kind == row.place.request_kind
                && !needs_own_world(first)
                && group.len() < ROWS_IN_ONE_WORLD
        };
        match groups.iter_mut().find(alike).filter(|_| !needs_own_world(row)) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    let judged = groups.iter().map(|group| judge_group(&shared, group, &busy));
    let mut wrong = Vec::new();
    for (row, found) in join_all(judged).await.into_iter().flatten() {
        // If only time limits were exceeded, the row is checked again alone, because a busy machine
        // may be the cause.
        let again = found.iter().all(|wrong| wrong.is_of_time);
        let found =
            if again { judge_group(&shared, &[row], &busy).await } else { vec![(row, found)] };
        for (Row { place, fault, .. }, found) in found {
            let found: Vec<_> = found.into_iter().map(|wrong| wrong.what).collect();
            let place = format!("{:?}, {} {:?}", place.chapter, place.name, place.request_kind);
            wrong.push(format!("{place}, {fault}: {}", found.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// A check that failed.
struct Wrong {
    what: String,
    /// The cause may be a busy machine.
    is_of_time: bool,
}

/// Number of rows that share a world. After many failures, the SDK retries less often or not at
/// all.
const ROWS_IN_ONE_WORLD: usize = 20;

/// The failed checks of some rows about one call.
async fn judge_group<'a>(
    shared: &Shared,
    rows: &[&'a Row],
    busy: &Semaphore,
) -> Vec<(&'a Row, Vec<Wrong>)> {
    let mut permit = Some(busy.acquire().await.unwrap());
    let first = rows[0];
    let unnamed = matches!(first.injection, Injection::Unnamed).then(|| first.place.service.word());
    let mut world = World::new(shared, Setting { unnamed, ..first.place.setting }).await;
    let session = prepare(&world, first).await;
    let mut wrong = Vec::new();
    for row in rows {
        prepare_again(&mut world, row).await;
        let active = world.active("alice").await;
        drop(world.sink().take());
        world.faulted_calls();
        set(&world, row).await;
        if needs_own_world(row) {
            permit = None;
        }
        let started = Instant::now();
        let answer = send(&world, row.place.request_kind, &session).await;
        let took = started.elapsed();
        if permit.is_none() {
            permit = Some(busy.acquire().await.unwrap());
        }
        let found = judge_one(&world, row, (answer, took), (&session, active)).await;
        if !found.is_empty() {
            wrong.push((*row, found));
        }
    }
    drop(permit);
    wrong
}

async fn set(world: &World, row: &Row) {
    let service = row.place.service;
    match &row.injection {
        Injection::Call(fault) => world.inject(service, row.place.rule(fault.clone())),
        Injection::First(count, fault) => {
            world.inject(service, row.place.attempts(*count, fault.clone()));
        }
        Injection::Connection(cut) => world.cut(service, *cut).await,
        Injection::Unnamed => {}
    }
}

/// The failed checks of a row.
async fn judge_one(
    world: &World,
    row: &Row,
    (answer, took): (Answer, Duration),
    (session, active): (&str, usize),
) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut check = |good: bool, what: String| {
        if !good {
            wrong.push(Wrong { what, is_of_time: false });
        }
    };
    check(answer.sees == row.sees, format!("saw {:?} ({})", answer.sees, answer.text));
    if row.sees != Sees::Done {
        for word in ["ASIA", "AccessKeyId", "SecretAccessKey", "\"isAuthorized\":true"] {
            check(!answer.text.contains(word), format!("`{word}` in the answer"));
        }
        check(!answer.has_session, "a session id in the answer".to_owned());
    }
    let retry_after = answer.retry_after;
    check(retry_after == expected_retry_after(row.sees), format!("Retry-After {retry_after:?}"));
    let faulted = world.faulted_calls();
    let injected = match row.injection {
        Injection::Call(_) | Injection::First(..) => faulted > 0,
        Injection::Connection(_) | Injection::Unnamed => true,
    };
    check(injected, "the fault was injected into no call".to_owned());
    check(faulted <= ATTEMPTS * row.place.calls, format!("{faulted} attempts"));
    records(world, row, &mut check);
    let mut check_in_time = |good: bool, what: String| {
        if !good {
            wrong.push(Wrong { what, is_of_time: true });
        }
    };
    check_in_time(took <= within(row), format!("took {took:?}"));
    if row.sees != Sees::Done {
        let now = world.active("alice").await;
        check_in_time(now == active, format!("{now} sessions are active, {active} before"));
    }
    if !matches!(row.injection, Injection::Unnamed) {
        world.clear_faults().await;
        let again = send(world, row.place.request_kind, session).await;
        check_in_time(again.sees == Sees::Done, format!("then {:?} ({})", again.sees, again.text));
    }
    wrong
}

/// Whether the row mostly waits, or needs a separate world.
fn needs_own_world(row: &Row) -> bool {
    let fault = match &row.injection {
        Injection::Call(fault) => fault,
        Injection::First(..) => return true,
        Injection::Connection(cut) => return matches!(cut, ConnectionFault::NotRead),
        Injection::Unnamed => return true,
    };
    row.class == Class::Gone
        || matches!(
            fault,
            Fault::SlowBefore(_) | Fault::SlowAfter(_) | Fault::Silent | Fault::Stalled
        )
}

/// Prepares a world for its rows. Returns a session id of alice's.
async fn prepare(world: &World, row: &Row) -> String {
    let reads_policies = row.place.service == Service::Ssm || row.place.setting.policy_table;
    if reads_policies || matches!(row.injection, Injection::Unnamed) {
        return String::new();
    }
    // Gates that exist, with an epoch that differs from that of a missing gate.
    for caller in ["alice", "bob"] {
        world.change(caller, true).await;
        world.change(caller, false).await;
    }
    let mut ids = Vec::new();
    for user in ["bob", "alice", "alice"] {
        ids.push(world.vend(user).await);
    }
    let [bobs, other, id] = ids.as_slice() else { panic!("{}", ids.len()) };
    // The answers about other callers that the proxy may return.
    match row.place.request_kind {
        RequestKind::Authorize => {
            for id in [bobs, other] {
                let answer = world.authorize(id, AUTHORIZER_TIMEOUT).await.unwrap();
                assert_eq!(answer["isAuthorized"], true, "{answer}");
            }
        }
        RequestKind::OwnSessions => {
            let request = TvmRequest { user: "bob", ..RequestKind::OwnSessions.request("") };
            assert_eq!(world.send(&request, TVM_TIMEOUT).await.status_code, 200);
        }
        RequestKind::Vend(_)
        | RequestKind::Profiles
        | RequestKind::AllSessions
        | RequestKind::Revoke
        | RequestKind::RevokeSession
        | RequestKind::Reinstate => {}
    }
    id.clone()
}

/// Prepares the world again, after another row.
async fn prepare_again(world: &mut World, row: &Row) {
    if row.place.service == Service::Ssm || row.place.setting.policy_table {
        // A new function has no cached copies.
        world.restart();
    }
    match (row.class, row.place.service) {
        (Class::Mistaken, Service::Ssm) => {
            let ssm = aws_sdk_ssm::Client::new(world.config());
            let put = ssm.put_parameter().name("/sentinel/other/x").value("x");
            let put = put.r#type(aws_sdk_ssm::types::ParameterType::String).overwrite(true);
            put.send().await.unwrap();
            let others = SsmPolicies::new(world.proxied());
            others.list(&PolicyPath::new("/sentinel/other"), None).await.unwrap();
            for name in ["main", "billing"] {
                let path = PolicyPath::new(&format!("/sentinel/policies/{name}"));
                others.policy(&path).await.unwrap();
            }
        }
        (Class::Mistaken, Service::DynamoDb) if row.place.setting.policy_table => {
            let others = DynamoPolicies::new(world.proxied(), POLICIES);
            others.policy(&PolicyPath::new("/sentinel/policies/payroll")).await.unwrap();
        }
        _ => {}
    }
    match row.place.request_kind {
        RequestKind::Reinstate => world.change("alice", true).await,
        RequestKind::Vend(_)
        | RequestKind::Profiles
        | RequestKind::OwnSessions
        | RequestKind::AllSessions
        | RequestKind::Revoke
        | RequestKind::RevokeSession
        | RequestKind::Authorize => {}
    }
}

/// The answer to a request.
pub(crate) struct Answer {
    pub(crate) sees: Sees,
    pub(crate) text: String,
    pub(crate) has_session: bool,
    pub(crate) retry_after: Option<String>,
}

impl Answer {
    pub(crate) fn of(response: &Response) -> Self {
        let body: Value = serde_json::from_str(&response.body).unwrap();
        let known =
            sentinel_broker::ErrorCode::ALL.iter().find(|code| body["Code"] == code.as_str());
        let sees = match known {
            Some(code) => {
                assert_eq!(code.status(), response.status_code);
                Sees::Refused(*code)
            }
            None => {
                assert_eq!(response.status_code, 200, "{}", response.body);
                match body["unreadable"].as_u64() {
                    Some(_) => Sees::Omitted,
                    None => Sees::Done,
                }
            }
        };
        Self {
            sees,
            // A successful answer may contain credentials.
            text: if sees == Sees::Done { String::new() } else { response.body.clone() },
            has_session: response.headers.contains_key("x-sentinel-session-id"),
            retry_after: response.headers.get("retry-after").cloned(),
        }
    }
}

pub(crate) async fn send(world: &World, request_kind: RequestKind, session: &str) -> Answer {
    if request_kind != RequestKind::Authorize {
        let handle = session.strip_prefix("session-").and_then(|id| id.get(..42));
        let request = request_kind.request(handle.unwrap_or_default());
        return Answer::of(&world.send(&request, TVM_TIMEOUT).await);
    }
    let id = if session.is_empty() { PARSABLE_SESSION_ID } else { session };
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
const PARSABLE_SESSION_ID: &str =
    "session-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbba";

/// Why the authorizer refused, according to its last event.
fn refusal(world: &World) -> &'static str {
    let records = world.sink().records();
    let codes = records.iter().rev().find_map(|record| {
        let Record::Event(event) = record else { return None };
        event.code.clone()
    });
    match codes.as_deref() {
        Some("store_failed") => "store_failed",
        Some("unknown") => "unknown",
        Some("revoked") => "revoked",
        _ => "?",
    }
}

fn expected_retry_after(sees: Sees) -> Option<String> {
    use sentinel_broker::ErrorCode;
    match sees {
        Sees::Refused(ErrorCode::RateLimited) => Some("2".to_owned()),
        Sees::Refused(ErrorCode::StoreUnavailable) => Some("5".to_owned()),
        Sees::Refused(_) | Sees::Done | Sees::Omitted | Sees::Forbidden(_) => None,
    }
}

/// Checks that there is exactly one record, with the code of the answer.
fn records(world: &World, row: &Row, check: &mut impl FnMut(bool, String)) {
    let records = world.sink().records();
    let code = match row.sees {
        Sees::Done | Sees::Omitted => "OK",
        Sees::Refused(code) => code.as_str(),
        Sees::Forbidden(code) => code,
    };
    let mut decisions = Vec::new();
    let mut events = Vec::new();
    for record in &records {
        if let Record::Decision(decision) = record {
            decisions.push(decision.code.as_str());
        }
        if let Record::Event(event) = record {
            events.push((event.event, event.code.as_deref()));
        }
    }
    match row.place.recorded {
        Recorded::Decision => {
            check(decisions == [code], format!("decisions {decisions:?}"));
            check(events.is_empty(), format!("events {events:?}"));
        }
        Recorded::Event(kind) => {
            check(decisions.is_empty(), format!("decisions {decisions:?}"));
            let recorded: Vec<_> = events.iter().filter(|(of, _)| *of == kind).collect();
            let refused: Vec<_> = recorded.iter().filter_map(|(_, code)| *code).collect();
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
