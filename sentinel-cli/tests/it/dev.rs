//! `sentinel dev`: startup, ready line, keys, policies that change, shutdown.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::running::{Dev, run, run_words, sentinel};
use crate::wire::{Request, Response};

fn vend(dev: &Dev, name: &str, target: &str) -> Response {
    Request::new("GET", target, b"")
        .signed(dev.address, &dev.key(name), "execute-api")
        .send(dev.address)
}

#[test]
fn the_ready_line_has_exactly_what_clients_read() {
    let dev = Dev::start();
    let members: Vec<&String> = dev.ready.as_object().unwrap().keys().collect();
    assert_eq!(members, ["console", "credentials_file", "identities", "url"]);
    let url = dev.ready["url"].as_str().unwrap();
    let console = dev.ready["console"].as_str().unwrap();
    assert!(console.starts_with(&format!("{url}/console/#link=")), "{console}");
    assert_eq!(
        dev.ready["identities"],
        json!([
            { "name": "alice", "arn": "arn:aws:iam::111122223333:user/alice" },
            { "name": "bob", "arn": "arn:aws:iam::111122223333:user/bob" },
            { "name": "carol", "arn": "arn:aws:iam::111122223333:user/carol" },
            { "name": "mallory", "arn": "arn:aws:iam::111122223333:user/mallory" },
            { "name": "ci/build-7", "arn": "arn:aws:sts::111122223333:assumed-role/ci/build-7" },
        ])
    );
    let mode = dev.credentials_file().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_vend_has_the_response_and_the_record_of_lambda() {
    let dev = Dev::start();
    let response = vend(&dev, "alice", "/?duration=900&profile=production");
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(response.headers["cache-control"], "no-store");
    assert!(response.headers["x-sentinel-session-id"].starts_with("session-"));
    let members: Vec<String> = response.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["AccessKeyId", "Expiration", "SecretAccessKey", "Token"]);
    let record = dev.record();
    assert_eq!(record["user"], "alice");
    assert_eq!(record["source_ip"], "127.0.0.1");
    assert_eq!(record["duration_s"], 900);
    assert_eq!(record["access_key_id"], response.json()["AccessKeyId"]);
    let form = Request::new("POST", "/", b"profile=staging")
        .with("content-type", "application/x-www-form-urlencoded")
        .signed(dev.address, &dev.key("ci/build-7"), "execute-api")
        .send(dev.address);
    assert_eq!(form.status, 200, "{form:?}");
}

#[test]
fn a_caller_above_the_rate_is_refused_and_recorded_and_others_are_not() {
    // A day, so that the window hardly ends during the test.
    let dev = Dev::start_in(TempDir::new().unwrap(), &["--caller-rate", "2/24h"]);
    for expected in [200, 200, 429, 429] {
        let response = vend(&dev, "alice", "/?profile=production");
        assert_eq!(response.status, expected, "{response:?}");
        let record = dev.record();
        let code = if expected == 200 { "OK" } else { "RATE_LIMITED" };
        assert_eq!((&record["user"], &record["code"]), (&json!("alice"), &json!(code)));
        if expected == 429 {
            assert_eq!(response.code(), "RATE_LIMITED");
            let seconds: u64 = response.headers["retry-after"].parse().unwrap();
            assert!((1..=24 * 3600).contains(&seconds), "{seconds}");
        }
    }
    assert_eq!(vend(&dev, "ci/build-7", "/?profile=staging").status, 200);
    // The variable of the TVM, and no limit.
    let unlimited = [("SENTINEL_CALLER_RATE", "0")];
    let dev = Dev::start_as(TempDir::new().unwrap(), &[], &unlimited);
    for _ in 0..70 {
        assert_eq!(vend(&dev, "alice", "/?profile=production").status, 200);
    }
    let wrong = run_words("dev --listen 127.0.0.1:0 --caller-rate 60");
    assert_eq!(wrong.status, 2);
    assert!(wrong.stderr.contains("as in `60/1m`"), "{}", wrong.stderr);
}

#[test]
fn a_request_that_differs_from_the_signed_one_is_refused_and_vends_nothing() {
    let dev = Dev::start();
    let key = dev.key("alice");
    let target = "/?profile=production";
    let good = Request::new("GET", target, b"").signed(dev.address, &key, "execute-api");
    let changed = |change: &dyn Fn(&mut Request)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let requests = [
        Request::new("GET", target, b""),
        changed(&|request| request.method = "POST".to_owned()),
        changed(&|request| request.target = "/?profile=staging".to_owned()),
        changed(&|request| request.target = "/profiles?profile=production".to_owned()),
        changed(&|request| request.target = "//?profile=production".to_owned()),
        changed(&|request| request.body = b"profile=staging".to_vec()),
        changed(&|request| request.headers.retain(|(name, _)| name != "x-amz-date")),
        changed(&|request| request.headers.push(("x-amz-security-token".into(), "x".into()))),
        Request::new("GET", target, b"").signed(dev.address, &key, "sts"),
        Request::new("GET", target, b"").signed_at(
            dev.address,
            &key,
            "execute-api",
            SystemTime::now() - Duration::from_secs(301),
        ),
        Request::new("GET", target, b"").signed_at(
            dev.address,
            &key,
            "execute-api",
            SystemTime::now() + Duration::from_secs(310),
        ),
    ];
    for request in requests {
        let response = request.send(dev.address);
        assert_eq!(
            (response.status, response.code().as_str()),
            (403, "IAM_AUTH_REQUIRED"),
            "{request:?}"
        );
        let members: Vec<String> = response.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["Code", "Message", "RequestId"]);
    }
    assert!(dev.records().is_empty(), "nothing was decided");
    assert_eq!(good.send(dev.address).status, 200);
}

#[test]
fn a_policy_change_takes_effect_within_a_second_and_an_invalid_policy_refuses() {
    let dev = Dev::start();
    let file = dev.policies().join("staging.yaml");
    assert_eq!(vend(&dev, "bob", "/?profile=staging").status, 200);
    let within_a_second = |expected: &str| {
        let started = Instant::now();
        loop {
            let response = vend(&dev, "bob", "/?profile=staging");
            let seen = if response.status == 200 { "OK".to_owned() } else { response.code() };
            if seen == expected {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(1), "{seen} instead of {expected}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("effect: allow", "effect: deny")).unwrap();
    within_a_second("POLICY_DENY");
    std::fs::write(&file, "rules: [").unwrap();
    within_a_second("POLICY_ERROR");
    assert_eq!(vend(&dev, "alice", "/?profile=production").status, 200, "another document");
    std::fs::write(&file, &good).unwrap();
    within_a_second("OK");
    std::fs::remove_file(&file).unwrap();
    within_a_second("POLICY_DENY");
}

#[test]
fn the_members_of_groups_are_read_from_the_policies_folder_and_their_problems_reported() {
    let home = TempDir::new().unwrap();
    let policies = home.path().join("policies");
    let groups = policies.join("groups");
    std::fs::create_dir_all(&groups).unwrap();
    std::fs::write(
        policies.join("main.yaml"),
        "version: \"1\"\ngroups_from: [oncall]\nrules: [{ name: oncall, effect: allow, \
         conditions: { profiles: [main], users: [\"group:oncall\"] } }]\n",
    )
    .unwrap();
    let members = groups.join("oncall.yaml");
    std::fs::write(&members, "[alice]\n").unwrap();
    std::fs::write(groups.join("other.yaml"), "[bob]\n").unwrap();
    let folder = policies.to_str().unwrap().to_owned();
    let dev = Dev::start_logged(home, ":", &["--policies", &folder]);
    assert_eq!(vend(&dev, "alice", "/?profile=main").status, 200);
    assert_eq!(vend(&dev, "bob", "/?profile=main").code(), "POLICY_DENY");
    dev.log_with("other.yaml` is never read: `groups_from` of the main document");
    std::fs::write(&members, "[bob]\n").unwrap();
    let started = Instant::now();
    while vend(&dev, "bob", "/?profile=main").status != 200 {
        assert!(started.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(50));
    }
    std::fs::write(&members, "[\"group:leads\"]\n").unwrap();
    dev.log_with("the members of a group cannot be used: if the main document names");
    while vend(&dev, "bob", "/?profile=main").status == 200 {
        assert!(started.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_main_document_may_be_absent() {
    let home = TempDir::new().unwrap();
    let policies = home.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    std::fs::write(
        policies.join("solo.yaml"),
        "version: \"1\"\nrules: [{ name: all, effect: allow, conditions: { users: [alice] } }]\n",
    )
    .unwrap();
    let policies = policies.to_str().unwrap().to_owned();
    let dev = Dev::start_in(home, &["--policies", &policies]);
    assert_eq!(vend(&dev, "alice", "/?profile=solo").status, 200);
    assert_eq!(vend(&dev, "bob", "/?profile=solo").code(), "POLICY_DENY");
}

#[test]
fn keys_and_sessions_survive_kill_9_and_shutdown_is_clean() {
    let dev = Dev::start();
    let key = dev.key("alice");
    let vended = vend(&dev, "alice", "/?profile=production");
    let id = vended.headers["x-sentinel-session-id"].clone();
    let (status, home) = dev.end("KILL");
    assert_eq!(status, None);
    let dev = Dev::start_in(home, &[]);
    assert_eq!(dev.key("alice").id, key.id);
    assert_eq!(dev.key("alice").secret, key.secret);
    let used = Request::new("GET", &format!("/downstream?sentinel_session_id={id}"), b"");
    let response = used.send(dev.address);
    assert_eq!((response.status, &response.json()["user"]), (200, &json!("alice")));
    let (status, home) = dev.end("TERM");
    assert_eq!(status, Some(0));
    let dev = Dev::start_in(home, &[]);
    assert_eq!(dev.end("INT").0, Some(0));
}

#[test]
fn while_its_records_are_not_read_the_server_refuses_in_time_and_can_be_stopped() {
    let dev = Dev::start_unread();
    let mut responses = 0;
    let refused = loop {
        let started = Instant::now();
        let response = vend(&dev, "mallory", "/?profile=production");
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        if response.code() != "POLICY_DENY" {
            break response;
        }
        responses += 1;
        assert!(responses < 1000, "records are read");
    };
    assert_eq!((refused.status, refused.code().as_str()), (503, "STORE_UNAVAILABLE"));
    // Enough requests to fill the stderr pipe with messages about the failure, too.
    let started = Instant::now();
    for _ in 0..400 {
        assert_eq!(
            vend(&dev, "alice", "/?profile=staging").status,
            503,
            "no credentials without a record"
        );
    }
    assert!(started.elapsed() < Duration::from_secs(60), "each waits: {:?}", started.elapsed());
    let started = Instant::now();
    assert_eq!(dev.end("TERM").0, Some(0));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn a_data_folder_is_used_by_one_server_only() {
    let dev = Dev::start();
    let mut second = sentinel(dev.home.path());
    second.args(["dev", "--listen", "127.0.0.1:0", "--data"]).arg(dev.home.path().join("data"));
    let output = run(&mut second);
    assert_eq!(output.status, 3);
    assert!(output.stderr.contains("another `sentinel dev`"), "{}", output.stderr);
}

#[test]
fn a_data_folder_that_others_can_write_is_refused() {
    let (_, home) = Dev::start().end("TERM");
    let data = home.path().join("data");
    let chmod = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let refusal = || {
        let mut command = sentinel(home.path());
        let output = run(command.args(["dev", "--listen", "127.0.0.1:0", "--data"]).arg(&data));
        assert_eq!((output.status, output.stdout.as_str()), (3, ""), "{}", output.stderr);
        output.stderr
    };
    for (name, lax, good, remedy) in [
        ("", 0o777, 0o700, "chmod go-w"),
        ("policies", 0o770, 0o700, "chmod go-w"),
        ("seed", 0o644, 0o600, "chmod 600"),
        ("sentinel.redb", 0o606, 0o600, "chmod 600"),
    ] {
        let path = if name.is_empty() { data.clone() } else { data.join(name) };
        chmod(&path, lax);
        let output = refusal();
        assert!(
            output.contains(remedy) && output.contains(path.to_str().unwrap()),
            "{name}: {output}"
        );
        chmod(&path, good);
    }
    let (seed, elsewhere) = (data.join("seed"), home.path().join("elsewhere"));
    std::fs::rename(&seed, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &seed).unwrap();
    assert!(refusal().contains("seed"));
    std::fs::rename(&elsewhere, &seed).unwrap();
    // A user who could only read it cannot read new data from now on.
    chmod(&data.join("sentinel.redb"), 0o644);
    let dev = Dev::start_in(home, &[]);
    let mode = dev.home.path().join("data/sentinel.redb").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn example_policies_are_written_completely_and_later_changes_are_kept() {
    let dev = Dev::start();
    let policies = dev.policies();
    let mode = policies.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let names = || std::fs::read_dir(&policies).unwrap().count();
    assert_eq!(names(), 4);
    std::fs::remove_file(policies.join("billing.yaml")).unwrap();
    let data = std::fs::read_dir(dev.home.path().join("data")).unwrap();
    let leftover = |name: &str| name.starts_with('.');
    assert!(data.into_iter().all(|entry| !leftover(entry.unwrap().file_name().to_str().unwrap())));
    let _dev = Dev::start_in(dev.end("TERM").1, &[]);
    assert_eq!(names(), 3);
}

#[test]
fn identities_can_be_read_from_a_file() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("identities.yaml");
    std::fs::write(
        &file,
        "- { name: dora, arn: \"arn:aws:iam::444455556666:user/dora\" }\n\
         - { name: sso, arn: \"arn:aws:sts::444455556666:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/alice\" }\n",
    )
    .unwrap();
    let file = file.to_str().unwrap().to_owned();
    let dev = Dev::start_in(home, &["--identities", &file]);
    let whoami = |name: &str| -> Value { vend(&dev, name, "/whoami").json() };
    assert_eq!(
        (&whoami("dora")["user"], &whoami("dora")["account"]),
        (&json!("dora"), &json!("444455556666"))
    );
    assert_eq!(whoami("sso")["user"], "alice", "a listed role's session name is the user");
}

#[test]
fn invalid_identities_are_exit_3() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("identities.yaml");
    for text in [
        "",
        "[]",
        "- { name: a }",
        "- { name: a, arn: x }",
        "- { name: a, arn: \"arn:aws:iam::444455556666:user/a\", more: 1 }",
        "- { name: a, arn: \"arn:aws:iam::444455556666:user/a\" }\n- { name: a, arn: \"arn:aws:iam::444455556666:user/b\" }",
    ] {
        std::fs::write(&file, text).unwrap();
        let mut command = sentinel(home.path());
        command.args(["dev", "--listen", "127.0.0.1:0", "--identities"]).arg(&file);
        let output = run(&mut command);
        assert_eq!(output.status, 3, "{text}: {}", output.stderr);
        assert!(output.stderr.contains("identities.yaml"), "{}", output.stderr);
    }
}

#[test]
fn the_authorizer_returns_401_403_and_200() {
    let dev = Dev::start();
    let id = vend(&dev, "alice", "/?profile=production").headers["x-sentinel-session-id"].clone();
    let get = |target: &str| Request::new("GET", target, b"");
    assert_eq!(get("/downstream/a/b").send(dev.address).status, 401);
    assert_eq!(
        get("/downstream").with("x-sentinel-session-id", "nonsense").send(dev.address).status,
        403
    );
    assert_eq!(get("/downstreams").send(dev.address).code(), "IAM_AUTH_REQUIRED");
    let good = get("/downstream/a").with("X-SENTINEL-SESSION-ID", &id).send(dev.address);
    assert_eq!(good.status, 200);
    assert_eq!(good.json()["profile"], "production");
    let two = get("/downstream?sentinel_session_id=session-other")
        .with("x-sentinel-session-id", &id)
        .send(dev.address);
    assert_eq!(two.status, 403);
}
