//! The JSON of requests and responses. Its keys are the interface of clients.

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use sentinel_wire::{
    AccountId, CallerKey, CommentView, Credentials, ErrorBody, ErrorCode, GateView, GrantList,
    GrantState, GrantView, GrantViewFields, ProfileList, ProfileName, ProfileView, ReinstateBody,
    RequestAction, RequestDecisionView, RequestList, RequestState, RequestView, RequestViewFields,
    RevokeBody, Secret, SessionHandle, SessionList, SessionState, SessionView, Whoami, rfc3339,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const HANDLE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn handle() -> SessionHandle {
    HANDLE.parse().unwrap()
}

/// Checks that a value is written as the last version wrote it, and that today's code reads what every
/// version wrote. `tests/golden` has a folder for each version whose JSON differs from that of the
/// version before; its files are never changed. With `NEW_GOLDEN=1`, a missing file of the last folder
/// is written. See "Stored forms" in CONTRIBUTING.md.
fn is_frozen<T: DeserializeOwned>(name: &str, expected: &Value) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort_by_key(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        name.split('.').map(|number| number.parse().unwrap()).collect::<Vec<u64>>()
    });
    let files = folders.iter().map(|folder| folder.join(format!("{name}.json")));
    let last = files.clone().next_back().unwrap();
    if std::env::var_os("NEW_GOLDEN").is_some() && !last.exists() {
        fs::write(&last, serde_json::to_string_pretty(expected).unwrap() + "\n").unwrap();
    }
    let texts: Vec<String> = files.filter_map(|file| fs::read_to_string(file).ok()).collect();
    for text in &texts {
        serde_json::from_str::<T>(text).unwrap();
    }
    let frozen: Value = serde_json::from_str(texts.last().unwrap()).unwrap();
    assert_eq!(frozen, *expected, "`{name}` is written in another form");
}

/// Checks the JSON of a value, and that the JSON is read as the value, with and without a key that
/// this version does not have.
fn is_written_and_read<T>(name: &str, value: &T, expected: Value)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    is_frozen::<T>(name, &expected);
    assert_eq!(serde_json::to_value(value).unwrap(), expected);
    assert_eq!(&serde_json::from_value::<T>(expected.clone()).unwrap(), value);
    let mut newer = expected;
    newer.as_object_mut().unwrap().insert("added_later".to_owned(), json!([1]));
    assert_eq!(&serde_json::from_value::<T>(newer).unwrap(), value);
}

#[test]
fn responses_have_the_documented_keys() {
    is_written_and_read(
        "credentials",
        &Credentials {
            access_key_id: "ASIAEXAMPLE".to_owned(),
            secret_access_key: Secret::new("secret"),
            session_token: Secret::new("token"),
            expiration: at(),
        },
        json!({
            "AccessKeyId": "ASIAEXAMPLE",
            "SecretAccessKey": "secret",
            "Token": "token",
            "Expiration": "2027-01-15T08:00:00Z",
        }),
    );
    is_written_and_read(
        "profile-list",
        &ProfileList::new(vec![ProfileView::new("production", "/p/main")], "/p"),
        json!({ "profiles": [{ "name": "production", "policy_path": "/p/main" }], "root": "/p" }),
    );
    is_written_and_read(
        "whoami",
        &Whoami::new("alice", "alice", "111122223333", "arn:aws:iam::111122223333:user/alice")
            .with_operator(true),
        json!({
            "user": "alice",
            "caller": "alice",
            "account": "111122223333",
            "principal": "arn:aws:iam::111122223333:user/alice",
            "operator": true,
        }),
    );
    is_written_and_read(
        "error",
        &ErrorBody::new("POLICY_DENY", "denied", "r-1"),
        json!({ "Code": "POLICY_DENY", "Message": "denied", "RequestId": "r-1" }),
    );
}

#[test]
fn lists_and_gates_leave_out_what_they_do_not_have() {
    let view = SessionView::new(
        handle(),
        ProfileName::parse("production").unwrap(),
        AccountId::parse("111122223333").unwrap(),
        SessionState::Active,
    )
    .with_user("alice", "arn:aws:iam::111122223333:user/alice")
    .with_source_identity("alice-1")
    .with_lifetime(at(), at() + TimeDelta::milliseconds(1500));
    let listed = json!({
        "session": HANDLE,
        "user": "alice",
        "profile": "production",
        "account": "111122223333",
        "principal": "arn:aws:iam::111122223333:user/alice",
        "source_identity": "alice-1",
        "created": "2027-01-15T08:00:00Z",
        "expires": "2027-01-15T08:00:01.500Z",
        "state": "active",
    });
    is_written_and_read("session", &view, listed.clone());
    is_written_and_read(
        "session-list",
        &SessionList::new(vec![view]),
        json!({ "sessions": [listed] }),
    );
    is_written_and_read(
        "session-list-unreadable",
        &SessionList::new(Vec::new()).with_unreadable(2).with_next("next".to_owned()),
        json!({ "sessions": [], "unreadable": 2, "next": "next" }),
    );
    let gate = GateView::new(CallerKey::parse("alice").unwrap(), 3);
    is_written_and_read("gate", &gate, json!({ "user": "alice", "epoch": 3 }));
    is_written_and_read(
        "gate-revoked",
        &gate
            .with_profile(ProfileName::parse("production").unwrap())
            .with_blocked_until(at())
            .with_known(false),
        json!({
            "user": "alice",
            "profile": "production",
            "epoch": 3,
            "blocked_until": "2027-01-15T08:00:00Z",
            "known": false,
        }),
    );
}

/// What a response reveals about another person. `docs/threats.md` lists it: a new key belongs there.
#[test]
fn requests_and_grants_have_these_keys_and_no_other() {
    let arn = "arn:aws:iam::111122223333:user/bob";
    let role = "arn:aws:iam::111122223333:role/SentinelProtected-production";
    let id = format!("request-{HANDLE}");
    let request = RequestView::new(RequestViewFields {
        id: id.parse().unwrap(),
        user: "bob".to_owned(),
        profile: ProfileName::parse("production").unwrap(),
        reason: "deploy".to_owned(),
        duration_s: 1800,
        state: RequestState::Approved,
        created: at(),
        deadline: at() + TimeDelta::hours(1),
        account: AccountId::parse("111122223333").unwrap(),
        principal: arn.to_owned(),
        role_arn: role.to_owned(),
    })
    .with_ticket("OPS-1".to_owned())
    .with_not_before(at())
    .with_decided(vec![RequestDecisionView::new(
        "alice",
        at(),
        RequestAction::Approve,
        Some("ok".to_owned()),
    )])
    .with_valid_until(at())
    .with_source_ip("192.0.2.7".to_owned())
    .with_rule("leads".to_owned(), 0);
    let shown = json!({
        "id": id,
        "user": "bob",
        "profile": "production",
        "reason": "deploy",
        "ticket": "OPS-1",
        "duration_s": 1800,
        "state": "approved",
        "created": "2027-01-15T08:00:00Z",
        "deadline": "2027-01-15T09:00:00Z",
        "not_before": "2027-01-15T08:00:00Z",
        "decided": [{
            "by": "alice",
            "at": "2027-01-15T08:00:00Z",
            "decision": "approve",
            "comment": "ok",
        }],
        "valid_until": "2027-01-15T08:00:00Z",
        "account": "111122223333",
        "principal": arn,
        "source_ip": "192.0.2.7",
        "role_arn": role,
        "rule": "leads",
        "missing": 0,
        "via": "iam",
    });
    is_written_and_read("request", &request, shown.clone());
    is_written_and_read(
        "request-list",
        &RequestList::new(vec![request]),
        json!({ "requests": [shown] }),
    );
    let id = format!("grant-{HANDLE}");
    let note = CommentView::new("carol", at(), None);
    let grant = GrantView::new(GrantViewFields {
        id: id.parse().unwrap(),
        user: "bob".to_owned(),
        profile: ProfileName::parse("production").unwrap(),
        reason_code: "incident".to_owned(),
        justification: "database is down".to_owned(),
        state: GrantState::Closed,
        created: at(),
        expires: at() + TimeDelta::hours(1),
        account: AccountId::parse("111122223333").unwrap(),
        principal: arn.to_owned(),
        role_arn: role.to_owned(),
        rule: "incidents".to_owned(),
        overrides_deny: false,
    })
    .with_source_ip("192.0.2.7".to_owned())
    .with_closed(note.clone())
    .with_review(at(), note);
    let note = json!({ "by": "carol", "at": "2027-01-15T08:00:00Z", "comment": null });
    let shown = json!({
        "id": id,
        "user": "bob",
        "profile": "production",
        "reason_code": "incident",
        "justification": "database is down",
        "state": "closed",
        "created": "2027-01-15T08:00:00Z",
        "expires": "2027-01-15T09:00:00Z",
        "account": "111122223333",
        "principal": arn,
        "source_ip": "192.0.2.7",
        "role_arn": role,
        "rule": "incidents",
        "overrides_deny": false,
        "closed": note,
        "review_due": "2027-01-15T08:00:00Z",
        "reviewed": note,
        "via": "iam",
    });
    is_written_and_read("grant", &grant, shown.clone());
    is_written_and_read("grant-list", &GrantList::new(vec![grant]), json!({ "grants": [shown] }));
}

#[test]
fn request_bodies_have_only_the_keys_that_are_set() {
    for (name, body, expected) in [
        (
            "revoke-session",
            RevokeBody::session(handle(), "abroad"),
            json!({ "session": HANDLE, "reason": "abroad" }),
        ),
        (
            "revoke-user",
            RevokeBody::user("mallory", "stolen").with_profile("p".to_owned()).with_seconds(60),
            json!({ "user": "mallory", "profile": "p", "reason": "stolen", "for_s": 60 }),
        ),
    ] {
        assert_eq!(serde_json::to_value(&body).unwrap(), expected);
        is_frozen::<RevokeBody>(name, &expected);
        assert_eq!(serde_json::from_value::<RevokeBody>(expected).unwrap(), body);
    }
    let body = ReinstateBody::user("mallory", "found");
    let expected = json!({ "user": "mallory", "reason": "found" });
    assert_eq!(serde_json::to_value(&body).unwrap(), expected);
    is_frozen::<ReinstateBody>("reinstate", &expected);
    // A misspelled `profile` would revoke the caller as a whole.
    let misspelled = json!({ "user": "mallory", "profil": "p", "reason": "stolen" });
    assert!(serde_json::from_value::<RevokeBody>(misspelled).is_err());
}

#[test]
fn an_error_code_of_a_newer_tvm_is_kept_as_text() {
    let newer = json!({ "Code": "NEW_CODE", "Message": "m" });
    let body: ErrorBody = serde_json::from_value(newer).unwrap();
    assert_eq!((body.code.as_str(), body.known_code()), ("NEW_CODE", None));
    assert_eq!(body.request_id, "");
}

#[test]
fn every_error_code_and_session_state_is_read_from_its_word() {
    for code in ErrorCode::ALL {
        assert_eq!(code.to_string().parse(), Ok(*code));
        assert!((400..=599).contains(&code.status()), "{code}");
        let value = serde_json::to_value(code).unwrap();
        assert_eq!(value, json!(code.as_str()));
        assert_eq!(serde_json::from_value::<ErrorCode>(value).unwrap(), *code);
    }
    for state in SessionState::ALL {
        assert_eq!(state.to_string().parse(), Ok(state));
        assert_eq!(serde_json::to_value(state).unwrap(), json!(state.as_str()));
    }
    assert!("Active".parse::<SessionState>().is_err());
}

#[test]
fn invariant_6_debug_output_of_credentials_shows_no_secret() {
    let credentials = Credentials {
        access_key_id: "ASIAEXAMPLE".to_owned(),
        secret_access_key: Secret::new("wJalrXUtnFEMI"),
        session_token: Secret::new("IQoJb3JpZ2lu"),
        expiration: at(),
    };
    let shown = format!("{credentials:?}");
    assert!(shown.contains("ASIAEXAMPLE"), "{shown}");
    assert!(!shown.contains("wJalrXUtnFEMI") && !shown.contains("IQoJb3JpZ2lu"), "{shown}");
}

proptest! {
    /// Each form of a time is read as the time, cut off at its precision.
    #[test]
    fn a_time_is_read_as_it_was_written(seconds in 0_i64..4_102_444_800, nanos in 0_u32..1_000_000_000) {
        let at = DateTime::from_timestamp(seconds, nanos).unwrap();
        for (text, precision) in [
            (rfc3339::seconds(at), 1_000_000_000),
            (rfc3339::milliseconds(at), 1_000_000),
            (rfc3339::exact(at), 1),
        ] {
            let read = DateTime::parse_from_rfc3339(&text).unwrap().to_utc();
            let expected = DateTime::from_timestamp(seconds, nanos / precision * precision).unwrap();
            prop_assert_eq!(read, expected, "{}", text);
            prop_assert!(text.ends_with('Z'));
        }
    }
}
