//! The JSON of requests and responses. Its keys are the interface of clients.

use std::fmt::Debug;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::prelude::*;
use sentinel_wire::{
    AccountId, CallerKey, Credentials, ErrorBody, ErrorCode, GateView, ProfileList, ProfileName,
    ProfileView, ReinstateBody, RevokeBody, Secret, SessionHandle, SessionList, SessionState,
    SessionView, Whoami, rfc3339,
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

/// Checks the JSON of a value, and that the JSON is read as the value, with and without a key that
/// this version does not have.
fn is_written_and_read<T>(value: &T, expected: Value)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    assert_eq!(serde_json::to_value(value).unwrap(), expected);
    assert_eq!(&serde_json::from_value::<T>(expected.clone()).unwrap(), value);
    let mut newer = expected;
    newer.as_object_mut().unwrap().insert("added_later".to_owned(), json!([1]));
    assert_eq!(&serde_json::from_value::<T>(newer).unwrap(), value);
}

#[test]
fn responses_have_the_documented_keys() {
    is_written_and_read(
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
        &ProfileList::new(vec![ProfileView::new("production", "/p/main")], "/p"),
        json!({ "profiles": [{ "name": "production", "policy_path": "/p/main" }], "root": "/p" }),
    );
    is_written_and_read(
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
    is_written_and_read(&view, listed.clone());
    is_written_and_read(&SessionList::new(vec![view]), json!({ "sessions": [listed] }));
    is_written_and_read(
        &SessionList::new(Vec::new()).with_unreadable(2).with_next("next".to_owned()),
        json!({ "sessions": [], "unreadable": 2, "next": "next" }),
    );
    let gate = GateView::new(CallerKey::parse("alice").unwrap(), 3);
    is_written_and_read(&gate, json!({ "user": "alice", "epoch": 3 }));
    is_written_and_read(
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

#[test]
fn request_bodies_have_only_the_keys_that_are_set() {
    for (body, expected) in [
        (RevokeBody::session(handle(), "abroad"), json!({ "session": HANDLE, "reason": "abroad" })),
        (
            RevokeBody::user("mallory", "stolen").with_profile("p".to_owned()).with_seconds(60),
            json!({ "user": "mallory", "profile": "p", "reason": "stolen", "for_s": 60 }),
        ),
    ] {
        assert_eq!(serde_json::to_value(&body).unwrap(), expected);
        assert_eq!(serde_json::from_value::<RevokeBody>(expected).unwrap(), body);
    }
    let body = ReinstateBody::user("mallory", "found");
    assert_eq!(
        serde_json::to_value(&body).unwrap(),
        json!({ "user": "mallory", "reason": "found" })
    );
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
