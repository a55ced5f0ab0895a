//! The stand-in itself: every limit from both sides, and the permissions of each caller.

use aws_credential_types::Credentials;
use chrono::TimeDelta;
use sentinel_testkit::sts::{Setup, StandIn};
use serde_json::{Value, json};

use crate::roles::{
    PROTECTED, SECRET, TOKEN, TVM_KEY, TVM_ROLE, USER_KEY, alice, function, role, setup, trust,
    tvm_policy,
};
use sentinel_testkit::signed::{Answer, post};

fn tvm() -> Credentials {
    Credentials::new(TVM_KEY, SECRET, Some(TOKEN.into()), None, "test")
}

fn user() -> Credentials {
    Credentials::new(USER_KEY, SECRET, None, None, "test")
}

/// A role that trusts alice and allows everything.
const OPEN: &str = "arn:aws:iam::111122223333:role/SentinelProtected-open";

fn open() -> Value {
    json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow",
        "Principal": { "AWS": ["arn:aws:iam::111122223333:user/alice", TVM_ROLE] },
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"],
    } })
}

fn with_open() -> Setup {
    let mut setup = setup();
    setup.roles.push(role(OPEN, open()));
    setup
}

/// AssumeRole of OPEN with these parameters replaced or added. The value `"(absent)"` omits a
/// parameter.
async fn assume(url: &str, who: &Credentials, changed: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", OPEN),
        ("RoleSessionName", "sentinel-alice-abcdefgh"),
    ];
    form.retain(|(name, _)| !changed.iter().any(|(other, _)| other == name));
    form.extend(changed.iter().filter(|(_, value)| *value != "(absent)"));
    post(url, who, &form).await.unwrap()
}

fn long(length: usize) -> String {
    "x".repeat(length)
}

#[tokio::test]
async fn every_limit_is_exact() {
    let stand_in = StandIn::start(&with_open()).await.unwrap();
    let arn_of = |length: usize| {
        let start = "arn:aws:iam::111122223333:role/";
        format!("{start}{}", long(length - start.len()))
    };
    let policy = |length: usize| {
        let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        format!("{policy}{}", " ".repeat(length - policy.len()))
    };
    let cases: Vec<(&str, String, &str)> = vec![
        ("RoleSessionName", "ab".into(), "200"),
        ("RoleSessionName", "a".into(), "ValidationError"),
        ("RoleSessionName", long(64), "200"),
        ("RoleSessionName", long(65), "ValidationError"),
        ("RoleSessionName", "aZ09_+=,.@-".into(), "200"),
        ("RoleSessionName", "a:b".into(), "ValidationError"),
        ("RoleSessionName", "a b".into(), "ValidationError"),
        ("RoleSessionName", "é-é".into(), "ValidationError"),
        ("RoleSessionName", "(absent)".into(), "ValidationError"),
        ("SourceIdentity", "ab".into(), "200"),
        ("SourceIdentity", "a".into(), "ValidationError"),
        ("SourceIdentity", long(64), "200"),
        ("SourceIdentity", long(65), "ValidationError"),
        ("SourceIdentity", "aZ09_+=,.@-".into(), "200"),
        ("SourceIdentity", "sentinel:alice:abc123".into(), "ValidationError"),
        ("SourceIdentity", "aws:alice".into(), "ValidationError"),
        ("SourceIdentity", "a/b".into(), "ValidationError"),
        ("RoleArn", "(absent)".into(), "ValidationError"),
        ("RoleArn", "arn:aws:iam::1:role".into(), "ValidationError"),
        ("RoleArn", "arn:aws:iam::111122223333:user/alice".into(), "ValidationError"),
        ("RoleArn", arn_of(2048), "AccessDenied"),
        ("RoleArn", arn_of(2049), "ValidationError"),
        ("DurationSeconds", "899".into(), "ValidationError"),
        ("DurationSeconds", "900".into(), "200"),
        ("DurationSeconds", "43200".into(), "200"),
        ("DurationSeconds", "43201".into(), "ValidationError"),
        ("DurationSeconds", "-900".into(), "ValidationError"),
        ("DurationSeconds", "1h".into(), "ValidationError"),
        ("ExternalId", "ab".into(), "200"),
        ("ExternalId", "a".into(), "ValidationError"),
        ("ExternalId", long(1224), "200"),
        ("ExternalId", long(1225), "ValidationError"),
        ("ExternalId", "a:/b".into(), "200"),
        ("ExternalId", "a b".into(), "ValidationError"),
        ("Policy", String::new(), "ValidationError"),
        ("Policy", policy(2048), "200"),
        ("Policy", policy(2049), "ValidationError"),
        ("Policy", policy(100).replace("12-10", "1\u{ff}-10"), "MalformedPolicyDocument"),
        ("Policy", policy(100).replace("12-10", "1\u{100}-10"), "ValidationError"),
        (
            "PolicyArns.member.1.arn",
            "arn:aws:iam::aws:policy/ReadOnlyAccess".into(),
            "ValidationError",
        ),
        ("Version", "2011-06-16".into(), "InvalidAction"),
        ("Version", "(absent)".into(), "InvalidAction"),
        ("Action", "(absent)".into(), "MissingAction"),
        ("Action", "GetSessionToken".into(), "InvalidAction"),
        ("Action", "assumerole".into(), "InvalidAction"),
    ];
    for (name, value, expected) in cases {
        let answer = assume(&stand_in.url(), &user(), &[(name, &value)]).await;
        assert_eq!(answer.outcome(), expected, "{name} {value}: {}", answer.body);
    }
}

#[tokio::test]
async fn tags_hold_to_their_limits() {
    let stand_in = StandIn::start(&with_open()).await.unwrap();
    let (key, value) = ("Tags.member.1.Key", "Tags.member.1.Value");
    let cases: Vec<(Vec<(&str, String)>, &str)> = vec![
        (vec![(key, "k".into()), (value, String::new())], "200"),
        (vec![(key, String::new()), (value, "v".into())], "ValidationError"),
        (vec![(key, "k".into())], "ValidationError"),
        (vec![(value, "v".into())], "ValidationError"),
        (vec![(key, long(128)), (value, "v".into())], "200"),
        (vec![(key, long(129)), (value, "v".into())], "ValidationError"),
        (vec![(key, "k".into()), (value, long(256))], "200"),
        (vec![(key, "k".into()), (value, long(257))], "ValidationError"),
        (vec![(key, "aZ 0_.:/=+-@é".into()), (value, "aZ 0_.:/=+-@é".into())], "200"),
        (vec![(key, "a*".into()), (value, "v".into())], "ValidationError"),
        (vec![(key, "k".into()), (value, "a,b".into())], "ValidationError"),
        (vec![(key, "aws:k".into()), (value, "v".into())], "InvalidParameterValue"),
        (
            vec![
                (key, "Key".into()),
                (value, "v".into()),
                ("Tags.member.2.Key", "kEY".into()),
                ("Tags.member.2.Value", "w".into()),
            ],
            "InvalidParameterValue",
        ),
        (
            vec![
                (key, "k".into()),
                (value, "v".into()),
                ("TransitiveTagKeys.member.1", "k".into()),
            ],
            "200",
        ),
        (
            vec![
                (key, "k".into()),
                (value, "v".into()),
                ("TransitiveTagKeys.member.1", "l".into()),
            ],
            "InvalidParameterValue",
        ),
    ];
    for (form, expected) in cases {
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = assume(&stand_in.url(), &user(), &form).await;
        assert_eq!(answer.outcome(), expected, "{form:?}: {}", answer.body);
    }
    for (count, expected) in [(50, "200"), (51, "ValidationError")] {
        let names: Vec<_> = (1..=count)
            .flat_map(|n| {
                let member = format!("Tags.member.{n}.");
                [(format!("{member}Key"), format!("k{n}")), (format!("{member}Value"), "v".into())]
            })
            .collect();
        let form: Vec<_> =
            names.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = assume(&stand_in.url(), &user(), &form).await;
        assert_eq!(answer.outcome(), expected, "{count} tags");
    }
}

#[tokio::test]
async fn policy_and_tags_share_their_space() {
    let stand_in = StandIn::start(&with_open()).await.unwrap();
    // 1,024 characters of policy and the same amount of tags: exactly full.
    let policy = |length: usize| {
        let around = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::"}}"#;
        around.replace(":::", &format!(":::{}", long(length - around.len())))
    };
    for (length, expected) in [(1024, "200"), (1025, "PackedPolicyTooLarge")] {
        let policy = policy(length);
        assert_eq!(policy.len(), length);
        let values: Vec<_> = (0..4).map(|n| (format!("Tags.member.{}.", n + 1), 251)).collect();
        let mut form = vec![("Policy".to_owned(), policy)];
        for (number, (member, size)) in values.iter().enumerate() {
            // 3 + 251 + 2 is 256, four times.
            form.push((format!("{member}Key"), format!("k-{number}")));
            form.push((format!("{member}Value"), long(*size)));
        }
        let form: Vec<_> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = assume(&stand_in.url(), &user(), &form).await;
        assert_eq!(answer.outcome(), expected, "{}", answer.body);
        if expected == "200" {
            assert_eq!(answer.element("PackedPolicySize"), Some("100"));
        }
    }
}

#[tokio::test]
async fn a_session_policy_has_iams_grammar() {
    let stand_in = StandIn::start(&with_open()).await.unwrap();
    let statement = |field: &str, value: Value| {
        let mut statement = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        if value.is_null() {
            statement.as_object_mut().unwrap().remove(field);
        } else {
            statement[field] = value;
        }
        json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
    };
    for (policy, expected) in [
        (statement("Sid", json!("A")), "200"),
        (statement("Action", json!(["s3:Get*", "sts:AssumeRole"])), "200"),
        (statement("Resource", json!("arn:aws:s3:::b/*")), "200"),
        (
            statement(
                "Condition",
                json!({ "DateGreaterThanEquals": { "aws:CurrentTime": "2026-01-31T12:00:00Z" } }),
            ),
            "200",
        ),
        ("{".to_owned(), "MalformedPolicyDocument"),
        ("[]".to_owned(), "MalformedPolicyDocument"),
        ("{}".to_owned(), "MalformedPolicyDocument"),
        (r#"{"Statement":[]}"#.to_owned(), "MalformedPolicyDocument"),
        (statement("Effect", json!("allow")), "MalformedPolicyDocument"),
        (statement("Effect", Value::Null), "MalformedPolicyDocument"),
        (statement("Action", Value::Null), "MalformedPolicyDocument"),
        (statement("Action", json!([])), "MalformedPolicyDocument"),
        (statement("Action", json!("AssumeRole")), "MalformedPolicyDocument"),
        (statement("NotAction", json!("s3:*")), "MalformedPolicyDocument"),
        (statement("Resource", Value::Null), "MalformedPolicyDocument"),
        (statement("Resource", json!("bucket")), "MalformedPolicyDocument"),
        (statement("Principal", json!("*")), "MalformedPolicyDocument"),
        (statement("Condition", json!({ "Equals": { "a": "b" } })), "MalformedPolicyDocument"),
    ] {
        let answer = assume(&stand_in.url(), &user(), &[("Policy", &policy)]).await;
        assert_eq!(answer.outcome(), expected, "{policy}: {}", answer.body);
    }
}

/// The answer to the function's AssumeRole with all stamps, for these policies of the TVM and of
/// the role's trust.
async fn stamped(policy: Value, trust: Value) -> Answer {
    let mut setup = setup();
    setup.callers[0].policies = vec![policy];
    setup.roles = vec![role(PROTECTED, trust)];
    let stand_in = StandIn::start(&setup).await.unwrap();
    let form = [
        ("RoleArn", PROTECTED),
        ("SourceIdentity", "sentinel-alice-abcdefgh"),
        ("Tags.member.1.Key", "SentinelSession"),
        ("Tags.member.1.Value", "h"),
    ];
    assume(&stand_in.url(), &tvm(), &form).await
}

/// A document without an action, in whichever statement it is.
fn without(mut document: Value, action: &str) -> Value {
    for statement in document["Statement"].as_array_mut().unwrap() {
        if let Some(actions) = statement["Action"].as_array_mut() {
            actions.retain(|other| other != action);
        }
    }
    document["Statement"].as_array_mut().unwrap().retain(|statement| statement["Action"] != action);
    document
}

#[tokio::test]
async fn each_of_the_three_actions_must_be_allowed_on_both_sides() {
    assert_eq!(stamped(tvm_policy(), trust()).await.outcome(), "200");
    for action in ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"] {
        let answer = stamped(without(tvm_policy(), action), trust()).await;
        assert_eq!((answer.outcome(), answer.status), ("AccessDenied", 403), "identity, {action}");
        let message = answer.element("Message").unwrap();
        assert!(message.contains(&format!("not authorized to perform: {action} on")), "{message}");
        assert!(message.contains("no identity-based policy"), "{message}");
        let answer = stamped(tvm_policy(), without(trust(), action)).await;
        assert_eq!(answer.outcome(), "AccessDenied", "trust, {action}");
        let message = answer.element("Message").unwrap();
        assert!(message.contains("no resource-based policy"), "{message}");
    }
}

#[tokio::test]
async fn the_source_identity_condition_is_evaluated_on_both_sides() {
    let other = |mut document: Value| {
        document["Statement"][0]["Condition"]["StringLike"]["sts:SourceIdentity"] =
            json!("sentinel:*");
        document
    };
    assert_eq!(stamped(other(tvm_policy()), trust()).await.outcome(), "AccessDenied");
    assert_eq!(stamped(tvm_policy(), other(trust())).await.outcome(), "AccessDenied");
    let exact = |name: &str| {
        let mut document = trust();
        document["Statement"][0]["Condition"] =
            json!({ "StringEquals": { "sts:SourceIdentity": name } });
        document
    };
    let answer = stamped(tvm_policy(), exact("sentinel-alice-abcdefgh")).await;
    assert_eq!(answer.outcome(), "200", "{}", answer.body);
    assert_eq!(
        stamped(tvm_policy(), exact("sentinel-bob-abcdefgh")).await.outcome(),
        "AccessDenied"
    );
    // A tag cannot be set under this condition, because TagSession does not see the key.
    let mut all_in_one = trust();
    all_in_one["Statement"][1]["Condition"] = all_in_one["Statement"][0]["Condition"].clone();
    assert_eq!(stamped(tvm_policy(), all_in_one).await.outcome(), "AccessDenied");
}

#[tokio::test]
async fn a_deny_wins_and_only_trusted_principals_are_accepted() {
    let with = |mut document: Value, statement: Value| {
        document["Statement"].as_array_mut().unwrap().push(statement);
        document
    };
    let deny = json!({ "Effect": "Deny", "Action": "sts:TagSession", "Resource": "*" });
    let answer = stamped(with(tvm_policy(), deny), trust()).await;
    assert!(answer.element("Message").unwrap().contains("explicit deny"), "{}", answer.body);
    let deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "sts:*" });
    assert_eq!(stamped(tvm_policy(), with(trust(), deny)).await.outcome(), "AccessDenied");
    for (principal, expected) in [
        (json!({ "AWS": "arn:aws:iam::111122223333:root" }), "200"),
        (json!({ "AWS": "111122223333" }), "200"),
        (json!({ "AWS": ["444455556666", TVM_ROLE] }), "200"),
        (
            json!({ "AWS": "arn:aws:sts::111122223333:assumed-role/SentinelTVMExecutionRole/sentinel-tvm" }),
            "200",
        ),
        (json!("*"), "200"),
        (json!({ "AWS": "arn:aws:iam::444455556666:root" }), "AccessDenied"),
        (json!({ "AWS": "arn:aws:iam::111122223333:role/Other" }), "AccessDenied"),
        (json!({ "Service": "lambda.amazonaws.com" }), "AccessDenied"),
    ] {
        let mut document = trust();
        for statement in document["Statement"].as_array_mut().unwrap() {
            statement["Principal"] = principal.clone();
        }
        let answer = stamped(tvm_policy(), document).await;
        assert_eq!(answer.outcome(), expected, "{principal}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_setup_with_a_document_that_iam_would_refuse_does_not_start() {
    for wrong in [
        json!({ "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole" }] }),
        json!({ "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*",
            "Principal": { "AWS": TVM_ROLE } }] }),
        json!({ "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": { "AWS": "arn:aws:iam::111122223333:role/*" } }] }),
    ] {
        let setup = Setup { roles: vec![role(PROTECTED, wrong.clone())], ..setup() };
        assert!(StandIn::start(&setup).await.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_sessions_length_is_bounded_by_the_role_and_by_chaining() {
    let mut setup = with_open();
    setup.roles[1].max_session_duration = 7200;
    let stand_in = StandIn::start(&setup).await.unwrap();
    for (who, seconds, expected) in [
        (user(), "7200", "200"),
        (user(), "7201", "MaxSessionDuration"),
        (tvm(), "3600", "200"),
        (tvm(), "3601", "role chaining"),
    ] {
        let answer = assume(
            &stand_in.url(),
            &who,
            &[("DurationSeconds", seconds), ("SourceIdentity", "sentinel-alice-abcdefgh")],
        )
        .await;
        match answer.element("Message") {
            None => assert_eq!(expected, "200", "{seconds}"),
            Some(message) => {
                assert_eq!(answer.outcome(), "ValidationError");
                assert!(message.contains(expected), "{seconds}: {message}");
            }
        }
    }
}

#[tokio::test]
async fn a_source_identity_is_inherited_unchanged() {
    let mut setup = with_open();
    setup.callers[0].source_identity = Some("sentinel-bob-abcdefgh".into());
    setup.callers[0].policies = vec![alice().policies[0].clone()];
    let stand_in = StandIn::start(&setup).await.unwrap();
    let url = stand_in.url();
    let changed = assume(&url, &tvm(), &[("SourceIdentity", "sentinel-alice-abcdefgh")]).await;
    assert_eq!(changed.outcome(), "AccessDenied");
    assert!(changed.element("Message").unwrap().contains("source identity"));
    let inherited = assume(&url, &tvm(), &[]).await;
    assert_eq!(inherited.element("SourceIdentity"), Some("sentinel-bob-abcdefgh"));
}

#[tokio::test]
async fn vended_credentials_are_unique_sign_and_end() {
    let stand_in = StandIn::start(&with_open()).await.unwrap();
    let url = stand_in.url();
    let mut keys = Vec::new();
    for _ in 0..3 {
        let answer = assume(&url, &user(), &[]).await;
        let part = |name| answer.element(name).unwrap().to_owned();
        let vended = Credentials::new(
            part("AccessKeyId"),
            part("SecretAccessKey"),
            Some(part("SessionToken")),
            None,
            "test",
        );
        let form = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
        let whoami = post(&url, &vended, &form).await.unwrap();
        assert_eq!(
            whoami.element("Arn"),
            Some(
                "arn:aws:sts::111122223333:assumed-role/SentinelProtected-open/sentinel-alice-abcdefgh"
            )
        );
        assert_eq!(whoami.element("Account"), Some("111122223333"));
        // The role denies further chaining, and so would a session policy.
        assert_eq!(assume(&url, &vended, &[]).await.outcome(), "AccessDenied");
        keys.push((part("AccessKeyId"), part("SessionToken"), vended));
    }
    assert!(keys[0].0 != keys[1].0 && keys[1].0 != keys[2].0 && keys[0].1 != keys[1].1);
    let crossed = Credentials::new(
        keys[0].0.clone(),
        keys[0].2.secret_access_key(),
        Some(keys[1].1.clone()),
        None,
        "test",
    );
    let form = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
    assert_eq!(post(&url, &crossed, &form).await.unwrap().outcome(), "InvalidClientTokenId");
    stand_in.pass(TimeDelta::seconds(3599 - 5));
    assert_eq!(post(&url, &keys[0].2, &form).await.unwrap().outcome(), "200");
    stand_in.pass(TimeDelta::seconds(6));
    assert_eq!(post(&url, &keys[0].2, &form).await.unwrap().outcome(), "ExpiredToken");
}

#[tokio::test]
async fn a_request_without_a_valid_signature_is_refused() {
    let stand_in = StandIn::start(&with_open()).await.unwrap();
    let other = |key: &str, secret: &str, token: Option<&str>| {
        Credentials::new(key, secret, token.map(str::to_owned), None, "test")
    };
    for (who, expected) in [
        (other(USER_KEY, "another-secret", None), "SignatureDoesNotMatch"),
        (other("AKIANOBODYNOBODYNOBO", SECRET, None), "InvalidClientTokenId"),
        (other(TVM_KEY, SECRET, None), "InvalidClientTokenId"),
        (other(TVM_KEY, SECRET, Some("another-token")), "InvalidClientTokenId"),
        (other(USER_KEY, SECRET, Some(TOKEN)), "InvalidClientTokenId"),
    ] {
        let answer = assume(&stand_in.url(), &who, &[]).await;
        assert_eq!((answer.outcome(), answer.status), (expected, 403), "{who:?}");
    }
    assert!(
        stand_in.requests().iter().all(|request| request.caller.is_none() && request.status == 403)
    );
}

#[tokio::test]
async fn the_journal_contains_each_request_and_no_secret() {
    let stand_in = StandIn::start(&with_open()).await.unwrap();
    let answer = assume(&stand_in.url(), &user(), &[("ExternalId", "half-a-secret")]).await;
    let requests = stand_in.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].operation.as_deref(), Some("AssumeRole"));
    assert_eq!(requests[0].caller.as_deref(), Some(alice().arn.as_str()));
    assert_eq!(requests[0].parameters["RoleArn"], OPEN);
    assert_eq!(answer.element("RequestId"), Some(requests[0].request_id.as_str()));
    let journal =
        format!("{} {stand_in:?} {:?}", serde_json::to_string(&requests).unwrap(), function());
    for secret in [
        SECRET,
        TOKEN,
        "half-a-secret",
        answer.element("SecretAccessKey").unwrap(),
        answer.element("SessionToken").unwrap(),
    ] {
        assert!(!journal.contains(secret), "{secret}");
    }
}
