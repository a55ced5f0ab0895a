//! `sentinel sessions --table`: revokes while the TVM is not reachable.

use std::process::Command;

use chrono::{TimeDelta, Utc};
use sentinel_store::dynamodb::DynamoSessions;
use sentinel_store::{
    AccountId, CallerKey, Epochs, Generation, ProfileName, Session, SessionFields, SessionHandle,
    SessionId, SessionSecret, SessionStore, verify_session,
};
use sentinel_testkit::emulator::Kind;
use sentinel_testkit::sts::{Setup, StandIn};
use serde_json::{Value, json};

use super::Account;
use crate::running::{CommandOutput, run};

const CAROL: &str = "arn:aws:iam::111122223333:user/carol";

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";

/// An STS with credentials for Carol.
fn carol() -> Setup {
    let caller = json!({
        "arn": CAROL, "access_key_id": KEY, "secret_access_key": KEY, "policies": [],
    });
    serde_json::from_value(json!({ "callers": [caller], "roles": [] })).unwrap()
}

fn as_carol<'a>(command: &'a mut Command, sts: &str) -> &'a mut Command {
    command
        .env("AWS_ENDPOINT_URL_STS", sts)
        .env("AWS_ACCESS_KEY_ID", KEY)
        .env("AWS_SECRET_ACCESS_KEY", KEY)
}

fn session(caller: &str, secret: &SessionSecret) -> Session {
    let caller = CallerKey::parse(caller).unwrap();
    Session::new(SessionFields {
        handle: SessionHandle::new(caller.hash(), [7; 10]),
        secret_digest: secret.digest(),
        user: caller.to_string(),
        caller,
        profile: ProfileName::parse("production").unwrap(),
        account: AccountId::parse("111122223333").unwrap(),
        principal: "arn:aws:iam::111122223333:user/alice".to_owned(),
        source_identity: "sentinel-alice-abcdefgh".to_owned(),
        request_id: "req-1".to_owned(),
        created: Utc::now(),
        expires: Utc::now() + TimeDelta::hours(1),
        epochs: Epochs::default(),
        generation: Generation(3),
    })
}

#[test]
fn an_operator_can_revoke_through_the_table_while_the_tvm_is_unreachable() {
    // moto accepts any access key, including Carol's.
    let account = Account::new(Kind::Moto, "direct");
    let sts = account.runtime.block_on(StandIn::start(&carol())).unwrap();
    let bootstrap = account.run("bootstrap");
    assert_eq!(bootstrap.status, 0, "{}", bootstrap.stderr);
    let store = DynamoSessions::new(&account.config(), account.table("sessions"));
    let id = {
        let secret = SessionSecret::new([9; 16]);
        let session = session("alice", &secret);
        account.runtime.block_on(store.create_session(&session)).unwrap();
        SessionId::new(session.handle, secret)
    };
    let verify = || {
        let (id, now) = (id.reveal(), Utc::now());
        let verified = verify_session(&store, &id, None, Generation(3), &now);
        account.runtime.block_on(verified).is_ok()
    };
    assert!(verify());

    let table = account.table("sessions");
    let direct = |words: &str| -> CommandOutput {
        let words = format!("{words} --table {table} --generation 3");
        let mut command = account.command(&words);
        // No TVM is named, and no TVM is running.
        run(as_carol(&mut command, &sts.url()).env_remove("SENTINEL_TVM_URL"))
    };
    let states = |output: &CommandOutput| -> Vec<Value> {
        assert_eq!(output.status, 0, "{}", output.stderr);
        let list = output.json()["sessions"].as_array().unwrap().clone();
        list.into_iter().map(|session| session["state"].clone()).collect()
    };
    assert_eq!(states(&direct("sessions list --format json")), ["active"]);
    assert_eq!(states(&direct("sessions list --user alice --format json")), ["active"]);

    let output = direct("sessions revoke --user alice --reason stolen --format json");
    assert_eq!(output.status, 0, "{}", output.stderr);
    assert_eq!(
        output.json(),
        json!({
            "user": "alice", "profile": null, "epoch": 1, "blocked_until": null, "known": true,
        })
    );
    let record =
        output.stderr.lines().find_map(|line| serde_json::from_str::<Value>(line).ok()).unwrap();
    assert_eq!(
        (&record["event"], &record["by"]),
        (&json!("revocation"), &json!("carol")),
        "{record}"
    );
    assert_eq!(
        (&record["user"], &record["reason"]),
        (&json!("alice"), &json!("stolen")),
        "{record}"
    );

    assert!(!verify(), "the authorizer still lets it through");
    assert_eq!(states(&direct("sessions list --format json")), ["revoked"]);
    // A misspelled table is not treated as an empty one.
    let mut wrong = account.command("sessions list --table no-such-table");
    let output = run(as_carol(&mut wrong, &sts.url()));
    assert_eq!(output.status, 3, "{}", output.stderr);
}
