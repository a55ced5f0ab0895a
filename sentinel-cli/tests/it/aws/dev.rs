//! `sentinel dev --issuer sts` against the strict STS.

use sentinel_testkit::sts::{Setup, StandIn};
use serde_json::json;
use tempfile::TempDir;

use crate::running::Dev;

const DEVELOPER: &str = "arn:aws:iam::444455556666:user/dev";

fn setup() -> Setup {
    let trust = json!({ "Version": "2012-10-17", "Statement": [
        {
            "Effect": "Allow",
            "Principal": { "AWS": DEVELOPER },
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            "Condition": { "StringLike": { "sts:SourceIdentity": "sentinel-*" } },
        },
        { "Effect": "Allow", "Principal": { "AWS": DEVELOPER }, "Action": "sts:TagSession" },
    ] });
    let allowed = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "sts:*", "Resource": "*" },
    ] });
    let setup = json!({
        "callers": [{
            "arn": DEVELOPER,
            "access_key_id": "AKIAIOSFODNN7EXAMPLE",
            "secret_access_key": "hunter2",
            "policies": [allowed],
        }],
        "roles": [{
            "arn": "arn:aws:iam::444455556666:role/SentinelProtected-production",
            "trust": trust,
        }],
    });
    serde_json::from_value(setup).unwrap()
}

#[test]
fn real_credentials_are_vended_through_sts_with_the_ambient_ones() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let sts = runtime.block_on(StandIn::start(&setup())).unwrap();
    let url = sts.url();
    let dev = Dev::start_as(
        TempDir::new().unwrap(),
        &["--issuer", "sts"],
        &[
            ("AWS_ENDPOINT_URL_STS", &url),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ],
    );
    assert_eq!(dev.ready["issuer"], json!({ "account": "444455556666", "arn": DEVELOPER }));
    let output = dev.run("alice", "credentials --profile production --no-cache");
    assert_eq!(output.status, 0, "{}", output.stderr);
    assert!(output.json()["AccessKeyId"].as_str().unwrap().starts_with("ASIA"));
    let record = dev.record();
    assert_eq!(record["effect"], "allow", "{record}");
    let assumed: Vec<_> = sts
        .requests()
        .into_iter()
        .filter(|call| call.operation.as_deref() == Some("AssumeRole"))
        .collect();
    assert_eq!(assumed.len(), 1, "{assumed:?}");
    assert_eq!(dev.run("mallory", "credentials --profile production --no-cache").status, 1);
}
