//! `/sts`: the owner of credentials, in the form that STS returns.

use std::time::{Duration, SystemTime};

use crate::running::Dev;
use crate::wire::{Answer, Key, Request};

const FORM: &[u8] = b"Action=GetCallerIdentity&Version=2011-06-15";

fn vended(dev: &Dev) -> Key {
    let document = dev.run("alice", "credentials --profile production").json();
    let text = |name: &str| document[name].as_str().unwrap().to_owned();
    Key {
        id: text("AccessKeyId"),
        secret: text("SecretAccessKey"),
        token: Some(text("SessionToken")),
    }
}

fn ask(dev: &Dev, path: &str, body: &[u8], key: &Key) -> Answer {
    Request::new("POST", path, body)
        .with("content-type", "application/x-www-form-urlencoded")
        .signed(dev.address, key, "sts")
        .send(dev.address)
}

fn assert_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "text/xml");
    assert!(answer.body.contains(&format!("<Code>{code}</Code>")), "{answer:?}");
    assert!(answer.body.contains("<ErrorResponse xmlns="), "{answer:?}");
}

#[test]
fn vended_credentials_and_identities_are_recognised() {
    let dev = Dev::start();
    let key = vended(&dev);
    for path in ["/sts", "/sts/"] {
        let answer = ask(&dev, path, FORM, &key);
        assert_eq!(answer.status, 200, "{answer:?}");
        let role = "<Arn>arn:aws:sts::111122223333:assumed-role/SentinelProtected-production/sentinel-alice-";
        assert!(answer.body.contains(role), "{answer:?}");
        assert!(answer.body.contains("<Account>111122223333</Account>"));
    }
    let answer = ask(&dev, "/sts", FORM, &dev.key("bob"));
    assert!(answer.body.contains("<Arn>arn:aws:iam::111122223333:user/bob</Arn>"), "{answer:?}");
    let query = format!("/sts?{}", std::str::from_utf8(FORM).unwrap());
    let answer =
        Request::new("GET", &query, b"").signed(dev.address, &key, "sts").send(dev.address);
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
fn errors_are_those_of_sts() {
    let dev = Dev::start();
    let key = vended(&dev);
    let unsigned = Request::new("POST", "/sts", FORM).send(dev.address);
    assert_error(&unsigned, 403, "MissingAuthenticationToken");
    let wrong = Key { secret: "wrong".to_owned(), ..key.clone() };
    assert_error(&ask(&dev, "/sts", FORM, &wrong), 403, "SignatureDoesNotMatch");
    for token in [None, Some("made.up".to_owned()), Some("x".to_owned())] {
        let made_up = Key { token, ..key.clone() };
        assert_error(&ask(&dev, "/sts", FORM, &made_up), 403, "InvalidClientTokenId");
    }
    let borrowed = Key { token: key.token.clone(), ..dev.key("alice") };
    assert_error(&ask(&dev, "/sts", FORM, &borrowed), 403, "InvalidClientTokenId");
    for form in [&b"Action=AssumeRole&Version=2011-06-15"[..], b"Action=GetCallerIdentity"] {
        assert_error(&ask(&dev, "/sts", form, &key), 400, "InvalidAction");
    }
    assert_error(&ask(&dev, "/sts", b"", &key), 400, "MissingAction");
    let answer = ask(&dev, "/sts", b"Action=%3Cscript%3E%00&Version=x", &key);
    assert_error(&answer, 400, "InvalidAction");
    assert!(answer.body.contains("&lt;script&gt;\u{fffd}"), "{answer:?}");
    let old = Request::new("POST", "/sts", FORM)
        .signed_at(dev.address, &key, "sts", SystemTime::now() - Duration::from_secs(400))
        .send(dev.address);
    assert_error(&old, 403, "SignatureDoesNotMatch");
    let elsewhere = Request::new("POST", "/sts", FORM)
        .signed(dev.address, &key, "execute-api")
        .send(dev.address);
    assert_error(&elsewhere, 403, "SignatureDoesNotMatch");
}

#[test]
fn vended_credentials_are_no_caller_of_the_tvm() {
    let dev = Dev::start();
    let answer = Request::new("GET", "/?profile=production", b"")
        .signed(dev.address, &vended(&dev), "execute-api")
        .send(dev.address);
    assert_eq!(answer.code(), "IAM_AUTH_REQUIRED");
}
