//! The environment, and a TVM with an invalid environment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sentinel_broker::{CallerRate, Home};
use sentinel_store::memory::MemorySink;
use sentinel_store::{Record, SessionKeys};
use sentinel_tvm::{Config, ConfigError, Invocation, Tvm};
use serde_json::{Value, json};

fn read(variables: &[(&str, &str)]) -> Result<Config, Vec<ConfigError>> {
    Config::read(|name| {
        variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_parameter_alone_is_enough() {
    let config = read(&[("SENTINEL_POLICY_PARAMETER", "/sentinel/policies/production")]).unwrap();
    let settings = config.settings;
    assert_eq!(settings.policy_root.as_str(), "/sentinel/policies");
    assert_eq!(settings.policy_cache_ttl, Duration::from_secs(30));
    assert_eq!(settings.policy_max_age, Duration::from_secs(300));
    assert_eq!(settings.max_duration, Duration::from_secs(3600));
    assert_eq!(settings.caller_rate, CallerRate::parse("60/1m"));
    assert_eq!(config.session_table, None);
    assert!(config.origin_secret.is_none());
}

#[test]
fn every_error_is_reported_by_name_and_without_the_value() {
    let secret = "too-short-and-secret";
    let errors = read(&[
        ("SENTINEL_POLICY_CACHE_TTL", "30"),
        ("SENTINEL_TRUSTED_ACCOUNTS", "111122223333,12"),
        ("SENTINEL_SESSION_NAME_ROLES", "*"),
        ("SENTINEL_OPERATORS", "arn:aws:iam::111122223333:user/*"),
        ("SENTINEL_ROLE_ARN_TEMPLATE", "arn:aws:iam::111122223333:role/one-for-all"),
        ("SENTINEL_MAX_DURATION", "0s"),
        ("SENTINEL_CALLER_RATE", "60"),
        ("SENTINEL_SOURCE_IDENTITY_SEPARATOR", ":"),
        ("SENTINEL_ORIGIN_SECRET", secret),
        ("SENTINEL_GENERATION", "-1"),
        ("SENTINEL_SESSION_TABLE", "two words"),
        ("SENTINEL_POLICY_TABLE", "ab"),
    ])
    .unwrap_err();
    let named: Vec<_> = errors.iter().map(|error| error.variable).collect();
    assert_eq!(
        named,
        [
            "SENTINEL_POLICY_PARAMETER",
            "SENTINEL_POLICY_CACHE_TTL",
            "SENTINEL_TRUSTED_ACCOUNTS",
            "SENTINEL_SESSION_NAME_ROLES",
            "SENTINEL_OPERATORS",
            "SENTINEL_ROLE_ARN_TEMPLATE",
            "SENTINEL_MAX_DURATION",
            "SENTINEL_CALLER_RATE",
            "SENTINEL_SOURCE_IDENTITY_SEPARATOR",
            "SENTINEL_SESSION_TABLE",
            "SENTINEL_POLICY_TABLE",
            "SENTINEL_GENERATION",
            "SENTINEL_ORIGIN_SECRET",
        ]
    );
    assert!(!format!("{errors:?}").contains(secret));
}

#[test]
fn an_operator_that_matches_no_caller_is_an_error() {
    for (operator, good) in [
        ("arn:aws:sts::111122223333:assumed-role/ci/build-7", false),
        ("arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_A_0123456789abcdef/carol", true),
        ("arn:aws:iam::111122223333:role/oncall", true),
        ("arn:aws:iam::111122223333:user/carol", true),
    ] {
        let variables =
            [("SENTINEL_POLICY_PARAMETER", "/p/main"), ("SENTINEL_OPERATORS", operator)];
        assert_eq!(read(&variables).is_ok(), good, "{operator}");
    }
}

#[test]
fn an_invalid_session_key_is_an_error_without_its_value() {
    let parameter = ("SENTINEL_POLICY_PARAMETER", "/p/main");
    let key = "k".repeat(32);
    let config = read(&[parameter, ("SENTINEL_SESSION_KEY", &key)]).unwrap();
    assert_eq!(config.settings.session_keys, SessionKeys::parse(&key));
    assert!(!format!("{config:?}").contains("kkkk"));
    let errors = read(&[parameter, ("SENTINEL_SESSION_KEY", "too-short-and-secret")]).unwrap_err();
    assert_eq!(errors[0].variable, "SENTINEL_SESSION_KEY");
    assert!(!format!("{errors:?}").contains("too-short-and-secret"));
}

#[test]
fn zero_disables_caching_and_stale_copies() {
    let config = read(&[
        ("SENTINEL_POLICY_PARAMETER", "/p/main"),
        ("SENTINEL_POLICY_CACHE_TTL", "0s"),
        ("SENTINEL_POLICY_MAX_AGE", "0s"),
    ])
    .unwrap();
    assert_eq!(config.settings.policy_cache_ttl, Duration::ZERO);
    assert_eq!(config.settings.policy_max_age, Duration::ZERO);
}

#[test]
fn a_caller_rate_is_a_number_and_a_duration_or_zero() {
    let rate = |value| {
        let variables = [("SENTINEL_POLICY_PARAMETER", "/p/main"), ("SENTINEL_CALLER_RATE", value)];
        read(&variables).map(|config| config.settings.caller_rate)
    };
    assert_eq!(rate("5/10s").unwrap(), CallerRate::parse("5/10s"));
    assert_eq!(rate("0").unwrap(), None);
    // Not set.
    assert_eq!(rate("").unwrap(), Some(CallerRate::default()));
    for wrong in ["0/1m", "00", "-1", "60", "60/0s", "60/25h", "60/minute", "1m", "off", " 60/1m"] {
        let errors = rate(wrong).unwrap_err();
        let [error] = errors.as_slice() else { panic!("{wrong}: {errors:?}") };
        assert_eq!(error.variable, "SENTINEL_CALLER_RATE", "{wrong}");
        assert!(error.problem.contains("`60/1m`"), "{error}");
    }
}

#[tokio::test]
async fn a_misconfigured_tvm_answers_every_event_with_config_error_and_counts_it() {
    let sink = Arc::new(MemorySink::new());
    let tvm = Tvm::misconfigured().with_metrics(sink.clone());
    let home = Home::from_arn("arn:aws:lambda:us-east-1:111122223333:function:f").unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let invocation = Invocation::new("runtime-1", home, deadline);
    for event in [json!({}), json!("no event"), json!({ "requestContext": { "requestId": "x" } })] {
        let response = tvm.handle(&event, &invocation).await;
        assert_eq!(response.status_code, 500);
        let body: Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(body["Code"], "CONFIG_ERROR");
        assert_eq!(body["RequestId"], "runtime-1");
    }
    assert_eq!(sink.records().len(), 3);
    assert!(sink.records().iter().all(|record| matches!(
        record,
        Record::Metrics(metrics) if metrics.values.contains(&("Errors", 1))
    )));
}

fn warnings(variables: &[(&str, &str)]) -> Vec<String> {
    let value = |name: &str| {
        variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let set = variables.iter().map(|(name, _)| (*name).to_owned());
    Config::warnings(value, set).iter().map(ToString::to_string).collect()
}

#[test]
fn a_listed_role_without_an_account_is_a_warning() {
    let roles = |value| warnings(&[("SENTINEL_SESSION_NAME_ROLES", value)]);
    assert_eq!(roles("111122223333:people,444455556666:AWSReservedSSO_*"), [""; 0]);
    let found = roles("111122223333:people,people,AWSReservedSSO_*");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("SENTINEL_SESSION_NAME_ROLES: `people` names no account"));
    assert!(found[1].contains("`AWSReservedSSO_*`") && found[1].contains("`account:RoleName`"));
    // The default is one of them.
    let found = warnings(&[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("`AWSReservedSSO_*_????????????????` (the default)"), "{found:?}");
}

#[test]
fn a_caller_rate_without_a_session_table_is_a_warning() {
    let roles = ("SENTINEL_SESSION_NAME_ROLES", "111122223333:people");
    let table = ("SENTINEL_SESSION_TABLE", "sentinel-sessions");
    let found = warnings(&[roles, ("SENTINEL_CALLER_RATE", "5/1m")]);
    let [warning] = found.as_slice() else { panic!("{found:?}") };
    assert!(warning.starts_with("SENTINEL_CALLER_RATE: has no effect"), "{warning}");
    for variables in [
        &[roles][..],
        &[roles, ("SENTINEL_CALLER_RATE", "0")],
        &[roles, table, ("SENTINEL_CALLER_RATE", "5/1m")],
    ] {
        assert_eq!(warnings(variables), [""; 0], "{variables:?}");
    }
}

#[test]
fn a_variable_that_has_no_effect_is_a_warning_without_its_value() {
    let found = warnings(&[
        ("SENTINEL_SESSION_NAME_ROLES", "111122223333:people"),
        ("SENTINEL_POLICY_PARAMETER", "/p/main"),
        ("SENTINEL_POLICY_PARAM", "/p/secret"),
        ("SENTINEL_MDM_API_TOKEN", "secret"),
        ("SENTINEL_AUTHORIZER_RESPONSE", "secret"),
        ("PATH", "/bin"),
    ]);
    let [authorizer, go, unknown] = found.as_slice() else { panic!("{found:?}") };
    assert!(authorizer.starts_with("SENTINEL_AUTHORIZER_RESPONSE: has no effect: the authorizer"));
    assert!(go.starts_with("SENTINEL_MDM_API_TOKEN: has no effect: a variable of the Go project"));
    assert!(unknown.ends_with("did you mean `SENTINEL_POLICY_PARAMETER`?"), "{unknown}");
    assert!(!found.concat().contains("secret"));
}

/// The authorizer must recognize the variables of the TVM.
#[test]
fn every_variable_that_the_tvm_reads_is_one_that_the_authorizer_recognizes() {
    let names = sentinel_function::Function::Tvm.variables();
    let set = names.iter().map(|name| (*name).to_owned());
    let unread: Vec<_> = Config::warnings(|_| None, set).into_iter().skip(1).collect();
    // Read once session ids have a key.
    assert!(unread.iter().all(|it| it.variable == "SENTINEL_SESSION_KEY"), "{unread:?}");
    let read = std::cell::RefCell::new(Vec::new());
    drop(Config::read(|name| {
        read.borrow_mut().push(name.to_owned());
        None
    }));
    for name in read.into_inner() {
        assert!(names.contains(&&*name), "{name}");
    }
}
