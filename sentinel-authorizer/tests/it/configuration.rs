//! The environment, and an authorizer with an invalid environment.

use std::sync::Arc;
use std::time::Duration;

use sentinel_authorizer::{Authorizer, Config, ConfigError, Invocation, ResponseFormat};
use sentinel_store::memory::MemorySink;
use sentinel_store::{Generation, Record, SessionKeys};
use serde_json::{Value, json};

use crate::world::http;

fn read(variables: &[(&str, &str)]) -> Result<Config, Vec<ConfigError>> {
    Config::read(|name| {
        variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_table_alone_is_enough() {
    let config = read(&[("SENTINEL_SESSION_TABLE", "sentinel-sessions")]).unwrap();
    assert_eq!(config.session_table, "sentinel-sessions");
    assert_eq!((config.generation, config.session_keys), (Generation(0), None));
    assert_eq!(config.format, ResponseFormat::Policy);
    let config = read(&[
        ("SENTINEL_SESSION_TABLE", "arn:aws:dynamodb:us-east-1:111122223333:table/sessions"),
        ("SENTINEL_GENERATION", "7"),
        ("SENTINEL_AUTHORIZER_RESPONSE", "simple"),
    ])
    .unwrap();
    assert_eq!((config.generation, config.format), (Generation(7), ResponseFormat::Simple));
    let config = read(&[
        ("SENTINEL_SESSION_TABLE", "sentinel-sessions"),
        ("SENTINEL_AUTHORIZER_RESPONSE", "policy"),
    ]);
    assert_eq!(config.unwrap().format, ResponseFormat::Policy);
}

#[test]
fn every_error_is_reported_by_name() {
    for table in ["", "ab", "two words", "table/sessions"] {
        let errors = read(&[
            ("SENTINEL_SESSION_TABLE", table),
            ("SENTINEL_GENERATION", "-1"),
            ("SENTINEL_AUTHORIZER_RESPONSE", "Simple"),
        ])
        .unwrap_err();
        let named: Vec<_> = errors.iter().map(|error| error.variable).collect();
        assert_eq!(
            named,
            ["SENTINEL_SESSION_TABLE", "SENTINEL_GENERATION", "SENTINEL_AUTHORIZER_RESPONSE"],
            "`{table}`"
        );
    }
}

#[test]
fn an_invalid_session_key_is_an_error_without_its_value() {
    let table = ("SENTINEL_SESSION_TABLE", "sentinel-sessions");
    let key = "k".repeat(32);
    let rotation = format!("{key},{}", "o".repeat(32));
    for good in [&key, &rotation] {
        let config = read(&[table, ("SENTINEL_SESSION_KEY", good)]).unwrap();
        assert_eq!(config.session_keys, SessionKeys::parse(good));
        assert!(!format!("{config:?}").contains("kkkk"));
    }
    let errors = read(&[table, ("SENTINEL_SESSION_KEY", "too-short-and-secret")]).unwrap_err();
    let said = format!("{errors:?} {}", errors[0]);
    assert!(said.contains("SENTINEL_SESSION_KEY: must be a key of at least 32"), "{said}");
    assert!(!said.contains("too-short-and-secret"), "{said}");
}

#[tokio::test]
async fn a_misconfigured_authorizer_refuses_and_records_it() {
    let sink = Arc::new(MemorySink::new());
    let authorizer = Authorizer::misconfigured(sink.clone()).with_format(ResponseFormat::Simple);
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    let invocation = Invocation::new("runtime-1", deadline);
    let id = "session-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbba";
    let event = http(&json!({ "x-sentinel-session-id": id }), &Value::Null);
    let answer = authorizer.handle(&event, &invocation).await.unwrap();
    assert_eq!(answer, json!({ "isAuthorized": false, "context": {} }));
    let [Record::Event(event)] = <[Record; 1]>::try_from(sink.records()).unwrap() else {
        panic!("not one event");
    };
    assert_eq!(event.code.as_deref(), Some("store_failed"));
}

fn warnings(names: &[&str]) -> Vec<String> {
    let set = names.iter().map(|name| (*name).to_owned());
    let warnings = Config::warnings(|_| Some("secret".to_owned()), set);
    warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_variable_that_has_no_effect_is_a_warning_without_its_value() {
    let found = warnings(&[
        "SENTINEL_SESSION_TABLE",
        "SENTINEL_POLICY_PARAMETER",
        "SENTINEL_GENERATIONS",
        "SENTINEL_LOG_SIGNING_KEY",
        "PATH",
    ]);
    assert_eq!(
        found,
        [
            "SENTINEL_GENERATIONS: has no effect: unknown to the authorizer; did you mean \
             `SENTINEL_GENERATION`?",
            "SENTINEL_LOG_SIGNING_KEY: has no effect: a variable of the Go project of the same \
             name; records are not signed: protect the log with IAM; see docs/migrating.md",
            "SENTINEL_POLICY_PARAMETER: has no effect: the TVM reads it, the authorizer does not",
        ]
    );
}

/// The TVM must recognize the variables of the authorizer.
#[test]
fn every_variable_that_the_authorizer_reads_is_one_that_the_tvm_recognizes() {
    let names = sentinel_function::Function::Authorizer.variables();
    // Read once session ids have a key.
    assert!(warnings(names).iter().all(|it| it.starts_with("SENTINEL_SESSION_KEY: ")));
    let read = std::cell::RefCell::new(Vec::new());
    drop(Config::read(|name| {
        read.borrow_mut().push(name.to_owned());
        None
    }));
    for name in read.into_inner() {
        assert!(names.contains(&&*name), "{name}");
    }
}
