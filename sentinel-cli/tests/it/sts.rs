//! `/sts`: the owner of credentials, in the form that STS returns.

use std::time::{Duration, SystemTime};

use crate::running::Dev;
use crate::wire::{Key, Request, Response};

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

fn call(dev: &Dev, path: &str, body: &[u8], key: &Key) -> Response {
    Request::new("POST", path, body)
        .with("content-type", "application/x-www-form-urlencoded")
        .signed(dev.address, key, "sts")
        .send(dev.address)
}

fn assert_error(response: &Response, status: u16, code: &str) {
    assert_eq!(response.status, status, "{response:?}");
    assert_eq!(response.headers["content-type"], "text/xml");
    assert!(response.body.contains(&format!("<Code>{code}</Code>")), "{response:?}");
    assert!(response.body.contains("<ErrorResponse xmlns="), "{response:?}");
}

#[test]
fn vended_credentials_and_identities_are_recognized() {
    let dev = Dev::start();
    let key = vended(&dev);
    for path in ["/sts", "/sts/"] {
        let response = call(&dev, path, FORM, &key);
        assert_eq!(response.status, 200, "{response:?}");
        let role = "<Arn>arn:aws:sts::111122223333:assumed-role/SentinelProtected-production/sentinel-alice-";
        assert!(response.body.contains(role), "{response:?}");
        assert!(response.body.contains("<Account>111122223333</Account>"));
    }
    let response = call(&dev, "/sts", FORM, &dev.key("bob"));
    assert!(
        response.body.contains("<Arn>arn:aws:iam::111122223333:user/bob</Arn>"),
        "{response:?}"
    );
    let query = format!("/sts?{}", std::str::from_utf8(FORM).unwrap());
    let response =
        Request::new("GET", &query, b"").signed(dev.address, &key, "sts").send(dev.address);
    assert_eq!(response.status, 200, "{response:?}");
}

#[test]
fn errors_are_those_of_sts() {
    let dev = Dev::start();
    let key = vended(&dev);
    let unsigned = Request::new("POST", "/sts", FORM).send(dev.address);
    assert_error(&unsigned, 403, "MissingAuthenticationToken");
    let wrong = Key { secret: "wrong".to_owned(), ..key.clone() };
    assert_error(&call(&dev, "/sts", FORM, &wrong), 403, "SignatureDoesNotMatch");
    for token in [None, Some("in.vented".to_owned()), Some("x".to_owned())] {
        let invented = Key { token, ..key.clone() };
        assert_error(&call(&dev, "/sts", FORM, &invented), 403, "InvalidClientTokenId");
    }
    let borrowed = Key { token: key.token.clone(), ..dev.key("alice") };
    assert_error(&call(&dev, "/sts", FORM, &borrowed), 403, "InvalidClientTokenId");
    for form in [&b"Action=AssumeRole&Version=2011-06-15"[..], b"Action=GetCallerIdentity"] {
        assert_error(&call(&dev, "/sts", form, &key), 400, "InvalidAction");
    }
    assert_error(&call(&dev, "/sts", b"", &key), 400, "MissingAction");
    let response = call(&dev, "/sts", b"Action=%3Cscript%3E%00&Version=x", &key);
    assert_error(&response, 400, "InvalidAction");
    assert!(response.body.contains("&lt;script&gt;\u{fffd}"), "{response:?}");
    let old = Request::new("POST", "/sts", FORM)
        .signed_at(dev.address, &key, "sts", SystemTime::now() - Duration::from_secs(400))
        .send(dev.address);
    assert_error(&old, 403, "SignatureDoesNotMatch");
    let other_service = Request::new("POST", "/sts", FORM)
        .signed(dev.address, &key, "execute-api")
        .send(dev.address);
    assert_error(&other_service, 403, "SignatureDoesNotMatch");
}

#[test]
fn vended_credentials_cannot_call_the_tvm() {
    let dev = Dev::start();
    let response = Request::new("GET", "/?profile=production", b"")
        .signed(dev.address, &vended(&dev), "execute-api")
        .send(dev.address);
    assert_eq!(response.code(), "IAM_AUTH_REQUIRED");
}
